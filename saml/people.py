"""Who is this? The one place that decides which member a verified assertion speaks of.

In order: the identity stored at the first sign-in › the user name › an e-mail in a proved domain that exactly one
member has › an open invitation › a new member, where the connection lets anyone in. Whoever is suspended or
offboarded stays out and is not made anew.
Why: docs/decisions/saml-who-is-this.md.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

from django.utils import timezone

from audit.events import Event
from audit.ids import uuid7
from audit.record import Line, record_with, with_entries
from identity import domains, invitations, member_row, members, sessions, tenancy
from identity.former_names import Former
from identity.models import Invitation, Member
from identity.models.access import Origin
from identity.profile import is_same, key_of
from saml import candidates as candidates_of
from saml import renaming, renewal
from saml.attributes import Person
from saml.candidates import Candidates
from saml.connections import actor_of, defaults_of
from saml.identities import called, digest_of
from saml.models import Connection, SubjectLink
from saml.refusals import Refused
from saml.statements import NameID

# What is no one address lies in no one domain, whatever stands behind its last "@": "a@other.example, b@acme.example".
_ADDRESS: Final = re.compile(r"[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+")
# Control characters, those that turn or format what stands around them, and the ends of lines and paragraphs.
_UNSEEN: Final = {"Cc", "Cf", "Zl", "Zp"}
# Persian and the languages of India spell with these two.
_JOINERS: Final = "\u200c\u200d"
# In the sign-in log and in a test; the others are words as they are.
WORDS: Final = {renaming.HOW: "bound anew (renamed by their directory)"}
_LINK: Final = with_entries("""
linked AS (
  INSERT INTO saml_subjectlink (id, organization_id, connection_id, member_id, name_id_digest, linked_at, name_shared)
  VALUES (%(id)s, %(organization)s, %(connection)s, %(member)s, %(digest)s, %(now)s, EXISTS (
    SELECT 1 FROM identity_member WHERE organization_id = %(organization)s AND id <> %(member)s AND state <> 'offboarded'
       AND %(called)s IN (user_name_key, email_key)))
)""")


@dataclass(frozen=True, slots=True)
class Match:
    """The member, and how they were found: known, linked, renewed, renamed_by_directory, created. `member` None: would be created (a test).

    `former` is what the member was bound to until now, `renamed` what it called them, where their directory has renamed them since.
    """

    member: Member | None
    how: str
    former: SubjectLink | None = None
    renamed: Former | None = None

    def __str__(self) -> str:
        return WORDS.get(self.how, self.how)


class InvitationClosed(Exception):
    """Somebody else has accepted the invitation meanwhile, or it was withdrawn: decide anew."""


class ChangedMeanwhile(Exception):
    """The member who was to leave an identity was changed while we decided: decide anew."""


def find(connection: Connection, name_id: NameID, person: Person) -> Match:
    """Decide without changing anything; the tenancy must be set.

    Refuses: user_inactive, name_recycled, name_left, ambiguous_member, look_alike, member_linked, domain_not_verified, not_invited,
    attribute_missing, attribute_invalid.
    """
    return _decide(connection, name_id, person, _candidates(connection, name_id, person))


def returning(
    connection: Connection, name_id: NameID, person: Person, signed_by: str
) -> candidates_of.Returning | None:
    """Return the member who has this identity, their row locked, or None; in the caller's transaction."""
    digest = digest_of(name_id, person)
    return candidates_of.returning(
        connection, digest, called(name_id, person), key_of(person.email), signed_by, timezone.now()
    )


def take_in(connection: Connection, name_id: NameID, person: Person) -> Match:
    """Find the member, or make them; store the identity. In the caller's transaction. Refuses as `find` does.

    Raises InvitationClosed, ChangedMeanwhile.
    """
    digest = digest_of(name_id, person)
    # Two browsers may bring the same person for the first time at once: the second waits, and finds what the first stored.
    _wait_for_turn(connection, digest)
    candidates = _candidates(connection, name_id, person)
    match = _decide(connection, name_id, person, candidates)
    if match.how == "known":
        return match
    member = match.member or _create(connection, person, candidates.invitation)
    if candidates.linked is not None:
        # Only an offboarded member's link can stand in the way here: their name went to somebody new.
        mine = SubjectLink.objects.filter(organization=connection.organization_id, connection=connection)
        mine.filter(name_id_digest=digest).delete()
    if match.former is not None:
        # Whoever changes them holds their row: what they were called as we decided, they still are.
        if member_row.lock(member).version != member.version:
            raise ChangedMeanwhile
        match.former.delete()
    values = {
        "id": uuid7(), "organization": connection.organization_id, "connection": connection.pk, "member": member.pk,
        "digest": digest, "now": timezone.now(), "called": called(name_id, person),
    }  # fmt: skip
    record_with(_LINK, values, [_told(connection, member, match, name_id)])
    return Match(member, match.how)


def may_claim(connection: Connection, email: str) -> bool:
    """Tell whether this connection may speak of that address: in a proved domain, or any where its administrator allowed that."""
    return connection.allow_other_domains or domains.has_proved(connection.organization_id, email)


def _decide(connection: Connection, name_id: NameID, person: Person, candidates: Candidates) -> Match:
    linked = candidates.linked
    if linked is not None and linked.is_active:
        if candidates.recycled:
            raise Refused("name_recycled", linked.user_name)
        return Match(linked, "known")
    found = _by_user_name(candidates, name_id, person) or _by_email(connection, person, candidates)
    if linked is not None and (linked.state != Member.State.OFFBOARDED or found is None):
        raise Refused("user_inactive", linked.state)
    if found is not None:
        if not found.is_active:
            raise Refused("user_inactive", found.state)
        return _bound_anew(connection, found, name_id, person)
    _check_newcomer(connection, name_id, person, candidates)
    return Match(None, "created")


def _candidates(connection: Connection, name_id: NameID, person: Person) -> Candidates:
    names = {person.user_name} if name_id.transient else {person.user_name, name_id.value}
    return candidates_of.everybody(
        connection,
        digest_of(name_id, person),
        called(name_id, person),
        came_as=sessions.name_id_digest(name_id.value),
        names={key_of(name) for name in names if name},
        own_names={key_of(text) for text in (person.user_name, person.email) if text},
        email=key_of(person.email),
        domain=domains.domain_of(person.email),
        now=timezone.now(),
    )


def _wait_for_turn(connection: Connection, digest: bytes) -> None:
    """Hold the identity until the transaction ends, so that nobody else takes it in meanwhile."""
    tenancy.connection.ahead(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"subject:{connection.pk}:{digest.hex()}"]
    )


def _by_user_name(candidates: Candidates, name_id: NameID, person: Person) -> Member | None:
    if len(candidates.by_name) > 1:
        raise Refused("ambiguous_member", "NameID and user name belong to different members")
    for member in candidates.by_name:
        names = (person.user_name,) if name_id.transient else (person.user_name, name_id.value)
        if not any(is_same(name, member.user_name) for name in names):
            raise Refused("look_alike", member.user_name)
        return member
    return None


def _by_email(connection: Connection, person: Person, candidates: Candidates) -> Member | None:
    """Match by e-mail only inside a proved domain: the address is what somebody else's identity provider may claim."""
    if len(candidates.by_email) > 1:
        raise Refused("ambiguous_member", "several members have this e-mail address")
    for member in candidates.by_email:
        _check_domain(connection, person, candidates)
        if not is_same(person.email, member.email):
            raise Refused("look_alike", member.user_name)
        return member
    return None


def _told(connection: Connection, member: Member, match: Match, name_id: NameID) -> Line:
    """Return the entry that says what the member is bound to, and how that came about."""
    changes: dict[str, Any] = {}
    data: dict[str, Any] = {"connection": str(connection.pk), "how": match.how}
    if match.former is not None:
        data["former_linked_at"] = match.former.linked_at
    if match.renamed is not None:
        changes, by = renaming.told(match.renamed, name_id)
        data |= by
    subject = member_row.subject_of(member)
    return Line(Event.MEMBER_LINK, connection.organization_id, actor_of(connection), subject, changes, data)


def _check_domain(connection: Connection, person: Person, candidates: Candidates) -> None:
    if not (connection.allow_other_domains or candidates.proved):
        raise Refused("domain_not_verified", person.email.rpartition("@")[2])


def _bound_anew(connection: Connection, member: Member, name_id: NameID, person: Person) -> Match:
    """Tell what the member who fits leaves for what came, if they are bound to anything. Refuses: member_linked."""
    links = SubjectLink.objects.filter(
        organization=connection.organization_id, connection=connection, member=member
    )
    bound = links.exclude(name_id_digest=digest_of(name_id, person)).first()
    if bound is None:
        return Match(member, "linked")
    renamed = renaming.vouched(member, name_id, bound)
    if renamed is not None:
        return Match(member, renaming.HOW, bound, renamed)
    if renewal.renewable(connection, member, person, bound):
        return Match(member, "renewed", bound)
    raise Refused("member_linked", member.user_name)


def _check_newcomer(connection: Connection, name_id: NameID, person: Person, candidates: Candidates) -> None:
    """Refuse to make a member of somebody who is out, who is not invited, or whose address is not the organization's."""
    if candidates.gone:
        raise Refused("user_inactive", Member.State.OFFBOARDED)
    if not person.email:
        raise Refused("attribute_missing", "e-mail")
    if not _ADDRESS.fullmatch(person.email):
        # Asked about its domain, an account name or a value in base64 would be told to prove itself.
        raise Refused("attribute_invalid", f"the e-mail is no address: {person.email[:100]}")
    _check_legible(person.user_name, person.email)
    if candidates.invitation is not None:
        if not is_same(person.email, candidates.invitation.email):
            raise Refused("look_alike", candidates.invitation.email)
        return
    if connection.join == Connection.Join.INVITED:
        raise Refused("not_invited")
    _check_domain(connection, person, candidates)
    former = renaming.left_by(connection, name_id) if candidates.came_before else None
    if former is not None:
        raise Refused("name_left", former.user_name)


def _check_legible(*names: str) -> None:
    """Refuse what nobody sees: beside the real name, one with a zero-width space reads the same on every page."""
    for character in "".join(names):
        if unicodedata.category(character) in _UNSEEN and character not in _JOINERS:
            raise Refused(
                "attribute_invalid", f"a name holds a character that nobody sees: U+{ord(character):04X}"
            )


def _create(connection: Connection, person: Person, invitation: Invitation | None) -> Member:
    actor = actor_of(connection)
    source, origin = defaults_of(connection), Origin.CONNECTION_DEFAULT
    if invitation is not None:
        source, origin = {"grants": invitation.grants, "roles": invitation.roles}, Origin.INVITATION
    member = members.provision(
        connection.organization,
        actor=actor,
        user_name=person.user_name or person.email,
        profile=person.profile,
        defaults=source,
        defaults_origin=origin,
    ).member
    # One invitation lets one person in, also where several come at once with the same address, or while it is taken back.
    if invitation is not None and not invitations.accept(invitation, member, actor=actor):
        raise InvitationClosed
    return member
