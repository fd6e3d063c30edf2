"""Ending what somebody comes in by: sessions and tokens, of one member or of many, each with its entry."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record_all
from identity import tenancy
from identity.models import Member, Session

# "session" or "token", its id, and whose it was.
Ended = tuple[str, UUID, UUID]
# For statements with %(organization)s, %(members)s, %(now)s and %(reason)s: `ended` are sessions, `revoked` tokens.
ENDED: Final = """ended AS (
  UPDATE identity_session SET ended_at = %(now)s, end_reason = %(reason)s
   WHERE organization_id = %(organization)s AND member_id = ANY (%(members)s) AND ended_at IS NULL RETURNING id, member_id
), revoked AS (
  UPDATE identity_token SET revoked_at = %(now)s
   WHERE organization_id = %(organization)s AND member_id = ANY (%(members)s) AND revoked_at IS NULL RETURNING id, member_id
)"""
# Rows that somebody holds are left to the next time: whoever leaves ends all of theirs in an order of its own. The choice stands by itself
# (WITH): in a condition PostgreSQL may make it anew for each row, and go beyond the limit.
_DUE: Final = """
WITH due AS MATERIALIZED (
  SELECT id FROM {table} WHERE organization_id = %(organization)s AND {ended} IS NULL AND expires_at <= %(now)s
   ORDER BY expires_at LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
)"""
_EXPIRE_SESSIONS: Final = f"""{_DUE.format(table="identity_session", ended="ended_at")}
UPDATE identity_session gone SET ended_at = %(now)s, end_reason = 'expired' FROM due, identity_member member
 WHERE gone.organization_id = %(organization)s AND gone.id = due.id
   AND member.organization_id = gone.organization_id AND member.id = gone.member_id
RETURNING gone.id, member.id, member.user_name
"""  # noqa: S608 - built from constants alone
_EXPIRE_TOKENS: Final = f"""{_DUE.format(table="identity_token", ended="revoked_at")}
UPDATE identity_token gone SET revoked_at = %(now)s FROM due WHERE gone.organization_id = %(organization)s AND gone.id = due.id
RETURNING gone.id, gone.prefix
"""  # noqa: S608 - the same
# The rows are held in the order of their ids, and waited for: whatever came through the connection is to end. Arrays, since joined without
# statistics each was looked for among all.
_END_OF_CONNECTION: Final = """
WITH held AS MATERIALIZED (
  SELECT id FROM identity_session WHERE organization_id = %(organization)s AND ended_at IS NULL AND id = ANY (ARRAY(
    SELECT id FROM identity_session
     WHERE organization_id = %(organization)s AND connection_id = %(connection)s AND ended_at IS NULL LIMIT %(most)s))
   ORDER BY id FOR NO KEY UPDATE
)
UPDATE identity_session gone SET ended_at = %(now)s, end_reason = %(reason)s FROM identity_member member
 WHERE gone.organization_id = %(organization)s AND gone.id = ANY (ARRAY(SELECT id FROM held))
   AND member.organization_id = gone.organization_id AND member.id = gone.member_id
RETURNING gone.id, member.id, member.user_name
"""
_END_NAMED: Final = """
WITH held AS MATERIALIZED (
  SELECT id FROM identity_session WHERE organization_id = %(organization)s AND id = ANY (%(ids)s) AND ended_at IS NULL
   ORDER BY id FOR NO KEY UPDATE
)
UPDATE identity_session SET ended_at = %(now)s, end_reason = %(reason)s
 WHERE organization_id = %(organization)s AND id = ANY (ARRAY(SELECT id FROM held)) RETURNING id
"""
# Of one connection, in one transaction.
_AT_ONCE: Final = 20_000


def end_of_connection(organization_id: UUID, connection_id: UUID, *, actor: Actor, reason: str) -> int:
    """End every open session that came through the connection, so many a transaction; returns how many.

    Whoever came in by it may have hundreds of thousands: what is ended stays ended, whatever becomes of the others.
    """
    values = {"connection": connection_id, "reason": reason}
    ended = 0
    while True:
        with tenancy.change(organization_id):
            gone = _gone(_END_OF_CONNECTION, organization_id, _AT_ONCE, **values)
            record_all(_lines_of_sessions(gone, organization_id, actor, reason))
        if not gone:
            return ended
        ended += len(gone)


def end_named(named: Sequence[Session], *, actor: Actor, reason: str) -> None:
    """End those that are open still, by one statement in the caller's transaction; they are of one organization, each with its member."""
    if not named:
        return
    organization_id = named[0].organization_id
    people = {session.pk: (session.member_id, session.member.user_name) for session in named}
    values = {"organization": organization_id, "ids": sorted(people), "reason": reason, "now": timezone.now()}
    gone = [(session_id, *people[session_id]) for (session_id,) in tenancy.asked(_END_NAMED, values)]
    record_all(_lines_of_sessions(gone, organization_id, actor, reason))


def expire_sessions(organization_id: UUID, *, most: int, actor: Actor) -> int:
    """Close the sessions whose time has passed, the oldest and at most so many, by one statement; returns how many."""
    with tenancy.change(organization_id):
        gone = _gone(_EXPIRE_SESSIONS, organization_id, most)
        record_all(_lines_of_sessions(gone, organization_id, actor, "expired"))
    return len(gone)


def expire_tokens(organization_id: UUID, *, most: int, actor: Actor) -> int:
    """Close the tokens whose time has passed, for the record, as `expire_sessions`: they opened nothing since then."""
    with tenancy.change(organization_id):
        gone = _gone(_EXPIRE_TOKENS, organization_id, most)
        record_all(
            Line(Event.TOKEN_EXPIRE, organization_id, actor, Subject("token", str(token_id), prefix))
            for token_id, prefix in gone
        )
    return len(gone)


def _gone(sql: str, organization_id: UUID, most: int, **more: Any) -> list[tuple[Any, ...]]:
    return tenancy.asked(sql, {"organization": organization_id, "now": timezone.now(), "most": most, **more})


def _lines_of_sessions(
    gone: Iterable[tuple[Any, ...]], organization_id: UUID, actor: Actor, reason: str
) -> Iterable[Line]:
    return (
        Line(
            Event.SESSION_END, organization_id, actor, Subject("session", str(session_id), user_name),
            data={"reason": reason, "member": str(member_id)},
        )
        for session_id, member_id, user_name in gone
    )  # fmt: skip


def lines_of(
    ended: Iterable[Ended], organization_id: UUID, names: Mapping[UUID, str], actor: Actor, reason: str
) -> list[Line]:
    """Return the entries about what ended; `names` are the user names of those whose it was."""
    events = {"session": Event.SESSION_END, "token": Event.TOKEN_REVOKE}
    return [
        Line(
            events[kind], organization_id, actor, Subject(kind, str(id_), names[member_id]),
            data={"reason": reason, "member": str(member_id)},
        )
        for kind, id_, member_id in ended
    ]  # fmt: skip


def end_sessions(member: Member, *, actor: Actor, reason: str) -> list[UUID]:
    """End every open session of the member and return their ids."""
    sessions = Session.objects.filter(
        organization=member.organization_id, member=member, ended_at__isnull=True
    )
    session_ids = list(sessions.values_list("pk", flat=True))
    sessions.update(ended_at=timezone.now(), end_reason=reason)
    record_all(
        Line(
            Event.SESSION_END, member.organization_id, actor, Subject("session", str(session_id), member.user_name),
            data={"reason": reason, "member": str(member.pk)},
        )
        for session_id in session_ids
    )  # fmt: skip
    return session_ids
