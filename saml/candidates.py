"""Whom a verified assertion could mean, read by one statement each for people who return and for all others.

The statements stand here as text: as queries of the ORM, their building took more of the processor than PostgreSQL's answers.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from identity import rows, tenancy
from identity.models import FirstAccess, Invitation, Member
from saml.models import Connection

# Whether the name under which somebody was bound is not theirs any more, and is that of somebody who was not called so then. A user name
# is one person's alone, so it goes before an address that is still theirs; addresses may be shared.
_ANOTHER = """EXISTS (SELECT 1 FROM identity_member AS other
                    WHERE other.organization_id = link.organization_id AND other.{key} = %(called)s
                      AND other.state <> 'offboarded' AND (NOT link.name_shared OR other.created_at > link.linked_at))"""
_RECYCLED = f"""(%(called)s <> member.user_name_key AND ({_ANOTHER.format(key="user_name_key")}
        OR %(called)s <> member.email_key AND {_ANOTHER.format(key="email_key")}))"""
_RETURNING = f"""
SELECT to_jsonb(member), {_RECYCLED}
    OR EXISTS (SELECT 1 FROM identity_invitation AS invitation
                WHERE invitation.organization_id = link.organization_id AND invitation.email_key = %(email)s
                  AND accepted_at IS NULL AND withdrawn_at IS NULL AND invitation.expires_at > %(now)s)
    OR EXISTS (SELECT 1 FROM saml_idpcertificate AS certificate
                WHERE certificate.organization_id = link.organization_id AND certificate.connection_id = link.connection_id
                  AND fingerprint = %(signed_by)s AND removed_at IS NULL AND first_used_at IS NULL)
    OR (SELECT count(*) FROM identity_firstaccess AS first
         WHERE first.organization_id = link.organization_id AND first.member_id = link.member_id
           AND stage = ANY(%(stages)s::text[])) < %(stages_count)s
  FROM saml_subjectlink AS link
  JOIN identity_member AS member ON member.organization_id = link.organization_id AND member.id = link.member_id
 WHERE link.organization_id = %(organization)s AND link.connection_id = %(connection)s AND name_id_digest = %(digest)s
   FOR NO KEY UPDATE OF member
"""  # noqa: S608 - built from a constant, as the next one
_ALL = f"""
SELECT (SELECT to_jsonb(member) FROM saml_subjectlink AS link
          JOIN identity_member AS member ON member.organization_id = link.organization_id AND member.id = link.member_id
         WHERE link.organization_id = %(organization)s AND link.connection_id = %(connection)s AND name_id_digest = %(digest)s),
       (SELECT coalesce(jsonb_agg(to_jsonb(member)), '[]') FROM (
          SELECT * FROM identity_member WHERE organization_id = %(organization)s AND user_name_key = ANY(%(names)s::text[])
             AND state <> 'offboarded' LIMIT 2) AS member),
       (SELECT coalesce(jsonb_agg(to_jsonb(member)), '[]') FROM (
          SELECT * FROM identity_member WHERE organization_id = %(organization)s AND email_key = %(email)s AND %(email)s <> ''
             AND state <> 'offboarded' LIMIT 2) AS member),
       EXISTS (SELECT 1 FROM identity_member WHERE organization_id = %(organization)s AND state = 'offboarded'
                  AND user_name_key = ANY(%(own_names)s::text[]))
    OR EXISTS (SELECT 1 FROM identity_member WHERE organization_id = %(organization)s AND state = 'offboarded'
                  AND email_key = %(email)s AND %(email)s <> ''),
       (SELECT to_jsonb(invitation) FROM identity_invitation AS invitation
         WHERE organization_id = %(organization)s AND email_key = %(email)s
           AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > %(now)s),
       EXISTS (SELECT 1 FROM identity_domain WHERE organization_id = %(organization)s AND name = %(domain)s AND proved_at IS NOT NULL),
       (SELECT {_RECYCLED} FROM saml_subjectlink AS link
          JOIN identity_member AS member ON member.organization_id = link.organization_id AND member.id = link.member_id
         WHERE link.organization_id = %(organization)s AND link.connection_id = %(connection)s AND name_id_digest = %(digest)s),
       EXISTS (SELECT 1 FROM identity_session WHERE organization_id = %(organization)s AND connection_id = %(connection)s
                  AND name_id_digest = %(came_as)s)
"""  # noqa: S608
_SETTLED = [FirstAccess.Stage.ASSERTED_GRANTS.value, FirstAccess.Stage.ASSERTED_ROLES.value]


@dataclass(frozen=True, slots=True)
class Returning:
    """A member who was here before, their row locked.

    `news`: something may be due to them or be told at this sign-in (an invitation, first permissions, a key used for the first time, a name
    that has gone to somebody else).
    """

    member: Member
    news: bool


@dataclass(frozen=True, slots=True)
class Candidates:
    """Whom an identity, its names and its address could mean, at most two of each, and what is known about the address.

    `recycled`: whoever is linked is not called so any more, and somebody is who was not when they were linked. `came_before`: somebody
    has come in under this very NameID.
    """

    linked: Member | None
    by_name: list[Member]
    by_email: list[Member]
    gone: bool
    invitation: Invitation | None
    proved: bool
    recycled: bool
    came_before: bool


def returning(
    connection: Connection, digest: bytes, called: str, email: str, signed_by: str, now: datetime
) -> Returning | None:
    """Return who has this identity at the connection, or None; in the caller's transaction.

    `called` is the key of what they are recognized by, `email` that of what is asserted.
    """
    found = tenancy.read(
        connection.organization_id,
        _RETURNING,
        {
            "organization": connection.organization_id, "connection": connection.pk, "digest": digest, "called": called,
            "email": email, "now": now, "signed_by": signed_by, "stages": _SETTLED, "stages_count": len(_SETTLED),
        },
    )  # fmt: skip
    if not found:
        return None
    return Returning(rows.loaded(Member, orjson.loads(found[0][0])), found[0][1])


def everybody(
    connection: Connection,
    digest: bytes,
    called: str,
    *,
    came_as: bytes,
    names: Collection[str],
    own_names: Collection[str],
    email: str,
    domain: str,
    now: datetime,
) -> Candidates:
    """Return all whom somebody could be. `came_as` is what sessions know the NameID by.

    `names` and `email` are keys (identity.profile.key_of), `own_names` those asserted as such.
    """
    ((linked, by_name, by_email, gone, invitation, proved, recycled, came_before),) = tenancy.read(
        connection.organization_id,
        _ALL,
        {
            "organization": connection.organization_id, "connection": connection.pk, "digest": digest, "called": called,
            "came_as": came_as, "names": list(names), "own_names": list(own_names), "email": email, "domain": domain, "now": now,
        },
    )  # fmt: skip
    return Candidates(
        _member(orjson.loads(linked)) if linked else None,
        [_member(row) for row in orjson.loads(by_name)],
        [_member(row) for row in orjson.loads(by_email)],
        gone,
        rows.loaded(Invitation, orjson.loads(invitation)) if invitation else None,
        proved,
        bool(recycled),
        came_before,
    )


def _member(row: Any) -> Member:
    return rows.loaded(Member, row)
