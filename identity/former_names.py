"""What a member was called before, by the word of the directory that has them. The record knows; it is asked where that decides."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from django.db.models import QuerySet

from audit.events import Event
from audit.ids import earliest
from identity import links, tenancy
from identity.models import Link, Member
from identity.profile import email_of

What = Literal["user_name", "email"]
# What it is of a member, and under which path an entry says that it changed.
_PATHS: Final[dict[What, str]] = {"user_name": "user_name", "email": "emails"}
# Of whom more is told since, what is older is not seen: then nobody vouches.
_ENTRIES_MAX: Final = 10_000
_CHANGES: Final = """
SELECT actor_kind, actor_id, happened_at, body->'changes'->%(path)s
  FROM (SELECT * FROM audit_entry WHERE organization_id = %(organization)s AND subject_id = %(member)s AND id >= %(first)s
         ORDER BY id DESC LIMIT %(most)s) AS entry
  JOIN audit_detail AS detail ON detail.entry_id = entry.id
 WHERE event = %(event)s AND body->'changes'->%(path)s IS NOT NULL ORDER BY entry.id DESC
"""


@dataclass(frozen=True, slots=True)
class Former:
    """A user name or address as it was written, until when the member had it, and the id of the directory that gave them another."""

    text: str
    until: datetime
    directory_id: str


def by_directory(member: Member, what: What, since: datetime) -> Iterator[Former]:
    """Give what the member was called since then, the latest first, as far back as each change was made by a directory that has them.

    The first change by anybody else's hand ends it: what was before is no directory's word. So does a gap in what the record tells
    (somebody's details were erased), and a directory that is switched off is not asked. The tenancy must be set.
    """
    theirs = {str(id_) for id_ in _theirs(member)}
    now_called = getattr(member, what)
    for kind, actor, until, change in _changes(member, _PATHS[what], since) if theirs else ():
        before, after = (_text(what, value) for value in change)
        if before == after:
            continue
        if after != now_called or not before or kind != "directory" or actor not in theirs:
            return
        yield Former(before, until, actor)
        now_called = before


def _theirs(member: Member) -> "QuerySet[Link, UUID]":
    return links.of_member(member).filter(directory__active=True).values_list("directory_id", flat=True)


def _changes(member: Member, path: str, since: datetime) -> list[Any]:
    values = {
        "organization": member.organization_id, "member": str(member.pk), "first": earliest(since, apart=timedelta()),
        "event": Event.MEMBER_CHANGE.value, "path": path, "most": _ENTRIES_MAX,
    }  # fmt: skip
    rows = tenancy.read(member.organization_id, _CHANGES, values)
    return [(kind, actor, until, orjson.loads(change)) for kind, actor, until, change in rows]


def _text(what: What, value: Any) -> str:
    return email_of({"emails": value}) if what == "email" else value or ""
