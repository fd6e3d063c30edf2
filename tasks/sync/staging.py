"""Writes what a page said into the staging tables: by COPY, once for each id, and without what the directory has said before."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from psycopg.types.json import Jsonb

from identity.errors import Invalid
from identity.models import Run
from identity.profile import check_length, check_user_name, email_of, key_of
from tasks.connectors.interface import Group, Membership, Page, Person, Unreadable

# How many of those that cannot be read are kept with their reasons, for people to look at.
UNREADABLE_KEPT: Final = 100

# COPY does not go into a table under row-level security: it goes into one of the session, and from there by one statement.
_TABLES: Final = """
CREATE TEMP TABLE IF NOT EXISTS page_person (external_id text, word text, digest bytea, user_name text, user_name_key text, email_key text,
  profile jsonb, active boolean, version text) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS page_membership (group_key text, member_key text, present boolean) ON COMMIT DELETE ROWS
"""
_PEOPLE: Final = """
INSERT INTO tasks_stagedperson (organization_id, run_id, external_id, word, digest, user_name, user_name_key, email_key, profile,
  active, version)
SELECT %(organization)s, %(run)s, external_id, word, digest, user_name, user_name_key, email_key, profile, active, version FROM page_person
ON CONFLICT (run_id, external_id) DO UPDATE
   SET word = excluded.word, digest = excluded.digest, user_name = excluded.user_name, user_name_key = excluded.user_name_key,
       email_key = excluded.email_key, profile = excluded.profile, active = excluded.active, version = excluded.version
 WHERE excluded.word <> 'present'
"""
_GROUPS: Final = """
INSERT INTO tasks_stagedgroup (organization_id, run_id, external_id, word, display_name)
SELECT %(organization)s, %(run)s, row.external_id, row.word, row.display_name
  FROM unnest(%(ids)s::text[], %(words)s::text[], %(names)s::text[]) AS row (external_id, word, display_name)
ON CONFLICT (run_id, external_id) DO UPDATE SET word = excluded.word, display_name = excluded.display_name
"""
_MEMBERSHIPS: Final = """
INSERT INTO tasks_stagedmembership (organization_id, run_id, group_key, member_key, present)
SELECT %(organization)s, %(run)s, group_key, member_key, present FROM page_membership
ON CONFLICT (run_id, group_key, member_key) DO UPDATE SET present = excluded.present
"""
_KNOWN: Final = """
SELECT external_id, digest, version FROM tasks_known WHERE directory_id = %s AND external_id = ANY (%s) AND gone_at IS NULL
"""
_CLEAR: Final = tuple(
    f"DELETE FROM tasks_staged{name} WHERE run_id = %s"  # noqa: S608 - the names are ours
    for name in ("person", "group", "membership")
)
# Whose run was ended elsewhere: by a person who cancelled it, or by a newer one.
_FORGET: Final = tuple(
    f"DELETE FROM tasks_staged{name} staged USING identity_run run WHERE run.id = staged.run_id AND run.ended_at IS NOT NULL"  # noqa: S608
    " AND (%(directory)s::uuid IS NULL OR run.directory_id = %(directory)s)"
    for name in ("person", "group", "membership")
)


def digest_of(person: Person) -> bytes:
    """Return the SHA-256 of what is mapped: equal means that there is nothing to write. Raises Invalid for text that cannot be kept."""
    try:
        text = orjson.dumps([person.user_name, person.active, person.profile], option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise Invalid("Its text is no Unicode.") from error
    if b"\\u0000" in text:
        raise Invalid("Its text holds a NUL character.")
    return hashlib.sha256(text).digest()


def write(run: Run, page: Page) -> list[Unreadable]:
    """Stage the page, in the caller's transaction; returns what cannot be kept, beside what the connector could not read."""
    bad = list(page.unreadable)
    with connection.cursor() as cursor:
        if page.people or page.removed or page.present or page.memberships:
            cursor.execute(_TABLES)
        _write_people(cursor, run, page, bad)
        _write_groups(cursor, run, page, bad)
        _write_memberships(cursor, run, page.memberships)
    return bad


def clear(run_id: UUID) -> None:
    """Forget what the run has read; the tenancy must be set."""
    with connection.cursor() as cursor:
        for statement in _CLEAR:
            cursor.execute(statement, [run_id])


def forget(directory_id: UUID | None = None) -> int:
    """Forget what was read for runs that are over, of one directory or of all that the tenancy shows; returns how many rows that was."""
    with connection.cursor() as cursor:
        forgotten = 0
        for statement in _FORGET:
            cursor.execute(statement, {"directory": directory_id})
            forgotten += cursor.rowcount
    return forgotten


def _write_people(cursor: Any, run: Run, page: Page, bad: list[Unreadable]) -> None:
    digests: dict[str, bytes] = {}
    told: dict[str, Person] = {}
    for person in page.people:
        try:
            check_length(person.external_id, "external_id", "An external id")
            digests[person.external_id] = digest_of(person)
        except (Invalid, UnicodeError) as refusal:
            bad.append(_unreadable(person.external_id, refusal))
            continue
        told[person.external_id] = person
    cursor.execute(_KNOWN, [run.directory_id, list(told)])
    known = {external_id: (bytes(digest), version) for external_id, digest, version in cursor.fetchall()}
    rows: dict[str, tuple[Any, ...]] = {
        external_id: _bare(external_id, "present") for external_id in page.present
    }
    for external_id, person in told.items():
        if known.get(external_id) == (digests[external_id], person.version) and person.active is not None:
            rows[external_id] = _bare(external_id, "same")
            continue
        try:
            rows[external_id] = _told(person, digests[external_id])
        except (Invalid, UnicodeError) as refusal:
            bad.append(_unreadable(external_id, refusal))
    rows |= {external_id: _bare(external_id, "removed") for external_id in page.removed}
    if rows:
        _copy(cursor, "COPY page_person FROM STDIN", rows.values())
        cursor.execute(_PEOPLE, {"organization": run.organization_id, "run": run.pk})


def _told(person: Person, digest: bytes) -> tuple[Any, ...]:
    user_name = check_user_name(person.user_name)
    profile = dict(person.profile)
    check_length(person.version, "version", "A version")
    return (
        person.external_id, "told", digest, user_name, key_of(user_name), key_of(email_of(profile)), Jsonb(profile, orjson.dumps),
        person.active, person.version,
    )  # fmt: skip


def _bare(external_id: str, word: str) -> tuple[Any, ...]:
    return (external_id, word, b"", "", "", "", Jsonb({}), None, "")


def _write_groups(cursor: Any, run: Run, page: Page, bad: list[Unreadable]) -> None:
    groups: dict[str, tuple[str, str]] = {}
    for group in page.groups:
        try:
            _check_group(group)
        except (Invalid, UnicodeError) as refusal:
            bad.append(_unreadable(f"group {group.external_id}", refusal))
            continue
        groups[group.external_id] = (group.members, group.display_name.strip())
    groups |= dict.fromkeys(page.removed_groups, ("removed", ""))
    if groups:
        values = {
            "organization": run.organization_id, "run": run.pk, "ids": list(groups),
            "words": [word for word, _ in groups.values()], "names": [name for _, name in groups.values()],
        }  # fmt: skip
        cursor.execute(_GROUPS, values)


def _check_group(group: Group) -> None:
    check_length(group.external_id, "external_id", "A group's id")
    check_length(group.display_name, "display_name", "A group's name")
    if not group.display_name.strip() or not group.external_id:
        raise Invalid("A group needs an id and a name.")


def _write_memberships(cursor: Any, run: Run, memberships: Sequence[Membership]) -> None:
    pairs = {(item.group, item.member): item.present for item in memberships}
    if pairs:
        _copy(
            cursor, "COPY page_membership FROM STDIN", ((*pair, present) for pair, present in pairs.items())
        )
        cursor.execute(_MEMBERSHIPS, {"organization": run.organization_id, "run": run.pk})


def _copy(cursor: Any, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _unreadable(place: str, refusal: Exception) -> Unreadable:
    reason = refusal.message if isinstance(refusal, Invalid) else "Its text is no Unicode."
    return Unreadable(place.encode("utf-8", "replace").decode().replace("\0", "")[:200], reason)
