"""What people hold when they are offboarded: ended by one statement, however many they are and whatever it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from audit.events import Event
from audit.record import Actor, Line, Subject
from identity import credential_ends
from identity.member_row import subject_of
from identity.models import Member, Organization, OutgoingMail
from identity.postgresql.flush import Statement
from identity.roles import ADMINISTRATOR

_OPEN_MAIL: Final = f"('{OutgoingMail.State.WAITING.value}', '{OutgoingMail.State.FAILED.value}')"
# Each row is something that ended, or a duty that is now nobody's. Who is offboarded holds their row and their groups before.
_END: Final = f"""
WITH gone AS (
  UPDATE identity_member SET state = 'offboarded', state_reason = %(state_reason)s, session_epoch = session_epoch + 1,
         version = version + 1, changed_at = %(now)s, offboarded_at = %(now)s, ends_at = NULL
   WHERE organization_id = %(organization)s AND id = ANY (%(members)s)
), period AS (
  UPDATE identity_activeperiod SET ended_at = %(now)s
   WHERE organization_id = %(organization)s AND member_id = ANY (%(members)s) AND ended_at IS NULL
), {credential_ends.ENDED}, given AS (
  UPDATE identity_grant given SET ended_at = %(now)s FROM identity_resource thing
    JOIN identity_kind kind ON kind.organization_id = thing.organization_id AND kind.id = thing.kind_id
   WHERE given.organization_id = %(organization)s AND given.member_id = ANY (%(members)s) AND given.ended_at IS NULL
     AND thing.organization_id = given.organization_id AND thing.id = given.resource_id
  RETURNING given.id, given.member_id, given.permission, given.origin, kind.name, thing.key
), held AS (
  UPDATE identity_roleassignment held SET ended_at = %(now)s FROM identity_role role
   WHERE held.organization_id = %(organization)s AND held.member_id = ANY (%(members)s) AND held.ended_at IS NULL
     AND role.organization_id = held.organization_id AND role.id = held.role_id
  RETURNING held.id, held.member_id, role.name, held.origin
), withdrawn AS (
  UPDATE identity_invitation SET withdrawn_at = %(now)s
   WHERE organization_id = %(organization)s AND accepted_at IS NULL AND withdrawn_at IS NULL
     AND email_key = ANY (%(emails)s)
  RETURNING id, email, email_key
), called_off AS (
  UPDATE identity_outgoingmail SET state = 'cancelled'
   WHERE organization_id = %(organization)s AND about IN (SELECT id FROM withdrawn) AND state IN {_OPEN_MAIL}
), seat AS (
  UPDATE identity_membership seat SET ended_at = %(now)s FROM identity_group left_group
   WHERE seat.organization_id = %(organization)s AND seat.member_id = ANY (%(members)s) AND seat.ended_at IS NULL
     AND left_group.organization_id = seat.organization_id AND left_group.id = seat.group_id
  RETURNING seat.group_id, seat.member_id, left_group.display_name
), grown AS (
  UPDATE identity_group SET version = version + 1, changed_at = %(now)s
   WHERE organization_id = %(organization)s AND id IN (SELECT group_id FROM seat)
)
SELECT 'session', id, member_id, '', '', '', '' FROM ended
UNION ALL SELECT 'token', id, member_id, '', '', '', '' FROM revoked
UNION ALL SELECT 'grant', id, member_id, permission, origin, name, key FROM given
UNION ALL SELECT 'role', id, member_id, name, origin, '', '' FROM held
UNION ALL SELECT 'invitation', id, NULL, email, email_key, '', '' FROM withdrawn
UNION ALL SELECT 'group', group_id, member_id, display_name, '', '', '' FROM seat
UNION ALL SELECT DISTINCT 'review', NULL::uuid, reviewer_id, '', '', '', '' FROM identity_reviewitem
  WHERE organization_id = %(organization)s AND reviewer_id = ANY (%(members)s) AND decision = '' AND outcome = ''
UNION ALL SELECT 'break_glass', NULL, break_glass_id, '', '', '', '' FROM identity_organization
  WHERE id = %(organization)s AND sign_on = '{Organization.SignOn.SINGLE_SIGN_ON.value}' AND break_glass_id = ANY (%(members)s)
"""  # noqa: S608 - built from constants alone
# For one member PostgreSQL reuses its plan. For an array it plans anew each time, which takes longer than everything else together.
_END_OF_ONE: Final = _END.replace("= ANY (%(members)s)", "= %(member)s").replace(
    "= ANY (%(emails)s)", "= %(email)s"
)


class Row(NamedTuple):
    """One row of the statement; what the texts are depends on the kind."""

    kind: str
    id: UUID
    member_id: UUID
    text: str
    more: str
    name: str
    key: str


@dataclass(slots=True)
class Held:
    """What one member held until now. `reviews` tells whether somebody else must decide what waited for them."""

    sessions: list[UUID] = field(default_factory=list)
    tokens: list[UUID] = field(default_factory=list)
    grants: list[Row] = field(default_factory=list)
    roles: list[Row] = field(default_factory=list)
    invitations: list[Row] = field(default_factory=list)
    groups: list[Row] = field(default_factory=list)
    reviews: bool = False
    break_glass: bool = False

    @property
    def administers(self) -> bool:
        """Whether they were administrator by name."""
        return any(row.text == ADMINISTRATOR for row in self.roles)

    def as_receipt(self) -> dict[str, Any]:
        """Return what ended under the names of a receipt."""
        return {
            "sessions": self.sessions,
            "tokens": self.tokens,
            "grants": [row.id for row in self.grants],
            "roles": [row.text for row in self.roles],
            "invitations": [row.id for row in self.invitations],
            "groups": sorted(row.text for row in self.groups),
        }


def end_statement(
    organization_id: UUID, members: Sequence[Member], *, now: datetime, reason: str
) -> Statement:
    """Return the statement that makes the members offboarded and ends what they hold; `held` reads its answer."""
    values = {"organization": organization_id, "now": now, "state_reason": reason, "reason": "offboarded"}
    if len(members) == 1:
        # An address that nobody has.
        one = {"member": members[0].pk, "email": members[0].email_key or "-"}
        return Statement(_END_OF_ONE, values | one)
    emails = [member.email_key for member in members if member.email_key]
    return Statement(_END, values | {"members": [member.pk for member in members], "emails": emails})


def held(members: Sequence[Member], answer: Iterable[tuple[Any, ...]]) -> dict[UUID, Held]:
    """Return by member what ended. An invitation to the address of one of them ends with that one."""
    found = {member.pk: Held() for member in members}
    by_email = {member.email_key: member.pk for member in members if member.email_key}
    for row in map(Row._make, answer):
        if row.kind == "invitation":
            found[by_email[row.more]].invitations.append(row)
            continue
        theirs = found[row.member_id]
        match row.kind:
            case "session":
                theirs.sessions.append(row.id)
            case "token":
                theirs.tokens.append(row.id)
            case "grant":
                theirs.grants.append(row)
            case "role":
                theirs.roles.append(row)
            case "group":
                theirs.groups.append(row)
            case "review":
                theirs.reviews = True
            case _:
                theirs.break_glass = True
    return found


def lines(member: Member, ended: Held, actor: Actor) -> list[Line]:
    """Return an entry for each thing of the member that ended."""
    credentials = [("session", id_, member.pk) for id_ in ended.sessions] + [
        ("token", id_, member.pk) for id_ in ended.tokens
    ]
    names = {member.pk: member.user_name}
    subject = subject_of(member)
    told: list[tuple[Event, Subject, Mapping[str, Any], Mapping[str, Any]]] = [
        *(
            (
                Event.GRANT_END, subject, {"permission": [row.text, None]},
                {"grant": str(row.id), "kind": row.name, "resource": row.key, "origin": row.more},
            )
            for row in ended.grants
        ),
        *(
            (Event.ROLE_REVOKE, subject, {"role": [row.text, None]}, {"origin": row.more, "assignment": str(row.id)})
            for row in ended.roles
        ),
        *(
            (Event.INVITATION_WITHDRAW, Subject("invitation", str(row.id), row.text), {}, {"member": str(member.pk)})
            for row in ended.invitations
        ),
        *(
            (Event.GROUP_MEMBER_REMOVE, subject, {"group": [row.text, None]}, {"group": str(row.id)})
            for row in ended.groups
        ),
    ]  # fmt: skip
    return credential_ends.lines_of(credentials, member.organization_id, names, actor, "offboarded") + [
        Line(event, member.organization_id, actor, about, changes, data)
        for event, about, changes, data in told
    ]
