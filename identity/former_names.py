"""What a member was called before, by the word of the directory that has them. The record knows; it is asked where that decides."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from django.db.models import QuerySet

from audit.events import Event
from audit.ids import earliest
from identity import tenancy
from identity.models import Link, Member
from identity.profile import email_of

What = Literal["user_name", "email"]
# What it is of a member, and under which path an entry says that it changed.
_PATHS: Final[dict[What, str]] = {"user_name": "user_name", "email": "emails"}
# Of whom more is told since, what is older is not seen: then nobody vouches.
_ENTRIES_MAX: Final = 10_000
# An id may be later than its entry (of a process whose clock was set back), never earlier: it leads, the time decides.
# By one entry and one detail after the other (OFFSET 0): however many there are of other people, none of theirs is read.
_CHANGES: Final = """
SELECT asked.member, actor_kind, actor_id, happened_at, change
  FROM unnest(%(members)s::text[], %(firsts)s::uuid[], %(sinces)s::timestamptz[]) AS asked (member, first, since)
 CROSS JOIN LATERAL (SELECT * FROM audit_entry WHERE organization_id = %(organization)s AND subject_id = asked.member AND id >= asked.first
                      ORDER BY id DESC LIMIT %(most)s) AS entry
 CROSS JOIN LATERAL (SELECT body->'changes'->%(path)s AS change FROM audit_detail WHERE entry_id = entry.id OFFSET 0) AS detail
 WHERE event = %(event)s AND happened_at >= asked.since AND change IS NOT NULL ORDER BY asked.member, entry.id DESC
"""


@dataclass(frozen=True, slots=True)
class Former:
    """A user name or address as it was written, until when the member had it, and the id of the directory that gave them another."""

    text: str
    until: datetime
    directory_id: str


def by_directory(member: Member, what: What, since: datetime) -> list[Former]:
    """Return what the member was called since then, the latest first, as far back as each change was made by a directory that has them.

    The first change by anybody else's hand ends it: what was before is no directory's word. So does a gap in what the record tells
    (somebody's details were erased), and a directory that is switched off is not asked. The tenancy must be set.
    """
    return by_directories({member: since}, what)[member]


def by_directories(since: Mapping[Member, datetime], what: What) -> dict[Member, list[Former]]:
    """Do so for many members of one organization, each from a time of their own."""
    theirs: dict[str, set[str]] = {}
    for member_id, directory_id in _links(since):
        theirs.setdefault(str(member_id), set()).add(str(directory_id))
    changes: dict[str, list[tuple[Any, ...]]] = {}
    for member_id, *change in _changes(since, what) if theirs else ():
        changes.setdefault(member_id, []).append(tuple(change))
    return {
        member: list(
            _back(
                getattr(member, what),
                what,
                theirs.get(str(member.pk), set()),
                changes.get(str(member.pk), []),
            )
        )
        for member in since
    }


def all_of(member: Member) -> list[str]:
    """Return every user name and address that the member has had before, whoever changed it. The tenancy must be set."""
    had: set[str] = set()
    for what in _PATHS:
        for _, _, _, _, change in _changes({member: member.created_at}, what):
            had.add(_text(what, orjson.loads(change)[0]))
    return sorted(had - {"", member.user_name, member.email})


def _back(now_called: str, what: What, theirs: set[str], changes: list[tuple[Any, ...]]) -> Iterator[Former]:
    for kind, actor, until, change in changes:
        before, after = (_text(what, value) for value in orjson.loads(change))
        if before == after:
            continue
        if after != now_called or not before or kind != "directory" or actor not in theirs:
            return
        yield Former(before, until, actor)
        now_called = before


def _links(members: Collection[Member]) -> "QuerySet[Link, tuple[UUID, UUID]]":
    organizations = {member.organization_id for member in members}
    live = Link.objects.filter(organization__in=organizations, member__in=members, tombstoned_at__isnull=True)
    return live.filter(directory__active=True).values_list("member_id", "directory_id")


def _changes(since: Mapping[Member, datetime], what: What) -> list[tuple[Any, ...]]:
    [organization_id] = {member.organization_id for member in since}
    values = {
        "organization": organization_id, "members": [str(member.pk) for member in since],
        "firsts": [earliest(moment, apart=timedelta()) for moment in since.values()],
        "sinces": list(since.values()), "event": Event.MEMBER_CHANGE.value, "path": _PATHS[what], "most": _ENTRIES_MAX,
    }  # fmt: skip
    return tenancy.read(organization_id, _CHANGES, values)


def _text(what: What, value: Any) -> str:
    return email_of({"emails": value}) if what == "email" else value or ""
