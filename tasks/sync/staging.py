"""Writes what a page said into the staging tables: a row for each person with news, by COPY, and one list of all the others."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from audit.json_text import plain
from identity.errors import Invalid
from identity.models import Run
from identity.profile import NAME_BYTES_MAX, check_length, check_user_name, email_of, key_of
from identity.tenancy import connection
from tasks.connectors.interface import Group, Page, Person, Unreadable

# How many of those that cannot be read are kept with their reasons, for people to look at.
UNREADABLE_KEPT: Final = 100
_PLACE_LENGTH_MAX: Final = 200
_REASON_LENGTH_MAX: Final = 500
DIGEST_BYTES: Final = 32

# Which of the named have news: the database compares, so that of everybody else nothing travels back. One look-up for each, by the index,
# whatever the size of the directory was when the plan was made.
_NEWS: Final = f"""
SELECT said.place FROM ROWS FROM (jsonb_array_elements_text(%(ids)s::jsonb), jsonb_array_elements_text(%(versions)s::jsonb))
       WITH ORDINALITY AS said (external_id, version, place)
  LEFT JOIN LATERAL (
    SELECT digest, version FROM tasks_known WHERE directory_id = %(directory)s AND external_id = said.external_id AND gone_at IS NULL
     LIMIT 1) AS known ON true
 WHERE known.digest IS DISTINCT FROM substr(%(digests)s::bytea, (said.place::int - 1) * {DIGEST_BYTES} + 1, {DIGEST_BYTES})
    OR known.version <> said.version
"""  # noqa: S608 - a constant of ours
# COPY does not go into a table under row-level security: it goes into one of the session, and from there by one statement.
_TABLE: Final = """
CREATE TEMP TABLE IF NOT EXISTS page_person (external_id text, word text, digest bytea, user_name text, user_name_key text, email_key text,
  profile jsonb, active boolean, version text) ON COMMIT DELETE ROWS
"""
_PEOPLE: Final = """
INSERT INTO tasks_stagedperson (organization_id, run_id, external_id, word, digest, user_name, user_name_key, email_key, profile,
  active, version)
SELECT %(organization)s, %(run)s, external_id, word, digest, user_name, user_name_key, email_key, profile, active, version FROM page_person
ON CONFLICT (run_id, external_id) DO UPDATE
   SET word = CASE WHEN %(keys_once)s AND (tasks_stagedperson.word = 'torn' OR tasks_stagedperson.digest <> excluded.digest)
                   THEN 'torn' ELSE excluded.word END,
       digest = excluded.digest, user_name = excluded.user_name, user_name_key = excluded.user_name_key,
       email_key = excluded.email_key, profile = excluded.profile, active = excluded.active, version = excluded.version
"""
# The last word counts: whoever is as before by a later page has no news after all.
_NO_NEWS: Final = """
DELETE FROM tasks_stagedperson staged USING jsonb_array_elements_text(%(same)s::jsonb) AS same (external_id)
 WHERE staged.run_id = %(run)s AND staged.external_id = same.external_id AND EXISTS (
   SELECT 1 FROM tasks_stagedperson WHERE run_id = %(run)s)
"""
_PAGE: Final = """
INSERT INTO tasks_stagedpage (organization_id, run_id, number, seen, groups, members, departures)
SELECT %(organization)s, %(run)s, COALESCE(max(number), 0) + 1, %(seen)s, %(groups)s, %(members)s, %(departures)s
  FROM tasks_stagedpage WHERE run_id = %(run)s
"""
_GROUPS: Final = """
INSERT INTO tasks_stagedgroup (organization_id, run_id, external_id, word, display_name)
SELECT %(organization)s, %(run)s, row.external_id, row.word, row.display_name
  FROM unnest(%(ids)s::text[], %(words)s::text[], %(names)s::text[]) AS row (external_id, word, display_name)
ON CONFLICT (run_id, external_id) DO UPDATE SET word = excluded.word, display_name = excluded.display_name
"""
_STAGED: Final = ("page", "person", "group", "membership")
_CLEAR: Final = tuple(
    f"DELETE FROM tasks_staged{name} WHERE run_id = %s"  # noqa: S608 - the names are ours
    for name in _STAGED
)
# Whose run was ended elsewhere: by a person who cancelled it, or by a newer one.
_FORGET: Final = tuple(
    f"DELETE FROM tasks_staged{name} staged USING identity_run run WHERE run.id = staged.run_id AND run.ended_at IS NOT NULL"  # noqa: S608
    " AND (%(directory)s::uuid IS NULL OR run.directory_id = %(directory)s)"
    for name in _STAGED
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


def write(
    run: Run, page: Page, groups_said: dict[str, tuple[str, str]], *, keys_once: bool = False
) -> list[Unreadable]:
    """Stage the page, in the caller's transaction; returns what cannot be kept, beside what the connector could not read.

    `groups_said` are groups that earlier pages of this reading told of, as {id: (members, name)}; they are not staged again.
    `keys_once`: of a key that comes again with another word neither word counts, where else the last one does.
    """
    # What the connector repeats of a record may itself be no text that can be kept.
    bad = [
        Unreadable(plain(item.place)[:_PLACE_LENGTH_MAX], plain(item.reason)[:_REASON_LENGTH_MAX])
        for item in page.unreadable
    ]
    with connection.cursor() as cursor:
        seen = _write_people(cursor, run, page, bad, keys_once=keys_once)
        _write_groups(cursor, run, page, bad, groups_said)
    _write_page(run, page, seen, bad)
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


def _write_people(cursor: Any, run: Run, page: Page, bad: list[Unreadable], *, keys_once: bool) -> list[str]:
    """Stage whoever has news; returns the ids of the others who are there."""
    torn: set[str] = set()
    told = _readable(page.people, bad, torn)
    if not keys_once:
        torn.clear()
    news = [*dict.fromkeys((*_news(cursor, run, told), *torn))]
    same = [external_id for external_id in told if external_id not in news]
    rows: dict[str, tuple[Any, ...]] = {}
    for external_id in news:
        person, digest = told[external_id]
        try:
            rows[external_id] = _told(person, digest, "torn" if external_id in torn else "told")
        except (Invalid, UnicodeError) as refusal:
            bad.append(_unreadable(external_id, refusal))
    rows |= {external_id: _removed(external_id) for external_id in _ids(page.removed, bad)}
    if same and not keys_once:
        connection.ahead(_NO_NEWS, {"run": run.pk, "same": Jsonb(same, orjson.dumps)})
    if rows:
        cursor.execute(_TABLE)
        with cursor.copy("COPY page_person FROM STDIN") as copy:
            for row in rows.values():
                copy.write_row(row)
        values = {"organization": run.organization_id, "run": run.pk, "keys_once": keys_once}
        cursor.execute(_PEOPLE, values)
    return [*same, *(external_id for external_id in page.present if _is_text(external_id))]


def _readable(
    people: Iterable[Person], bad: list[Unreadable], torn: set[str]
) -> dict[str, tuple[Person, bytes]]:
    """Return each person with their digest, the last word about each; `torn` gets those of whom another word was said before."""
    told: dict[str, tuple[Person, bytes]] = {}
    for person in people:
        try:
            _check_id(person.external_id, "An external id")
            if person.version:
                _check_id(person.version, "A version")
            digest = digest_of(person)
            if told.get(person.external_id, (person, digest))[1] != digest:
                torn.add(person.external_id)
            told[person.external_id] = (person, digest)
        except (Invalid, UnicodeError) as refusal:
            bad.append(_unreadable(person.external_id, refusal))
    return told


def _news(cursor: Any, run: Run, told: Mapping[str, tuple[Person, bytes]]) -> list[str]:
    """Return the ids of those who differ from what the directory last told of them, or of whom it does not say whether they are active."""
    if not told:
        return []
    values = {
        "directory": run.directory_id, "ids": Jsonb(list(told), orjson.dumps),
        "versions": Jsonb([person.version for person, _ in told.values()], orjson.dumps),
        "digests": b"".join(digest for _, digest in told.values()),
    }  # fmt: skip
    cursor.execute(_NEWS, values)
    places = {place - 1 for (place,) in cursor.fetchall()}
    return [
        external_id
        for place, (external_id, (person, _)) in enumerate(told.items())
        if place in places or person.active is None
    ]


def _told(person: Person, digest: bytes, word: str) -> tuple[Any, ...]:
    user_name = check_user_name(person.user_name)
    profile = dict(person.profile)
    return (
        person.external_id, word, digest, user_name, key_of(user_name), key_of(email_of(profile)), Jsonb(profile, orjson.dumps),
        person.active, person.version,
    )  # fmt: skip


def _removed(external_id: str) -> tuple[Any, ...]:
    return (external_id, "removed", b"", "", "", "", Jsonb({}), None, "")


def _write_groups(
    cursor: Any, run: Run, page: Page, bad: list[Unreadable], said: dict[str, tuple[str, str]]
) -> None:
    groups: dict[str, tuple[str, str]] = {}
    for group in page.groups:
        # Whoever reads people with their groups names the same ones on every page.
        if (
            said.get(group.external_id) == (group.members, group.display_name)
            and group.external_id not in groups
        ):
            continue
        try:
            _check_group(group)
        except (Invalid, UnicodeError) as refusal:
            bad.append(_unreadable(f"group {group.external_id}", refusal))
            continue
        groups[group.external_id] = (group.members, group.display_name.strip())
    groups |= dict.fromkeys(_ids(page.removed_groups, bad), ("removed", ""))
    groups = {external_id: told for external_id, told in groups.items() if said.get(external_id) != told}
    if groups:
        values = {
            "organization": run.organization_id, "run": run.pk, "ids": list(groups),
            "words": [word for word, _ in groups.values()], "names": [name for _, name in groups.values()],
        }  # fmt: skip
        cursor.execute(_GROUPS, values)
        said |= groups


def _check_group(group: Group) -> None:
    _check_id(group.external_id, "A group's id")
    _check_id(group.display_name, "A group's name")
    if not group.display_name.strip() or not group.external_id:
        raise Invalid("A group needs an id and a name.")


def _write_page(run: Run, page: Page, seen: Sequence[str], bad: list[Unreadable]) -> None:
    memberships = page.memberships
    # All at once, since hardly ever one of them is not.
    if not _is_text("".join(text for item in memberships for text in (item.group, item.member))):
        memberships = [item for item in memberships if _is_text(item.group) and _is_text(item.member)]
        bad.append(Unreadable("memberships", "Text of some of them is no Unicode, or holds a NUL character."))
    if not seen and not memberships:
        return
    departures = [not item.present for item in memberships]
    values: dict[str, Any] = {
        "seen": seen, "groups": [item.group for item in memberships], "members": [item.member for item in memberships],
        "departures": departures if any(departures) else [],
    }  # fmt: skip
    lists = {name: Jsonb(value, orjson.dumps) for name, value in values.items()}
    connection.ahead(_PAGE, {"organization": run.organization_id, "run": run.pk, **lists})


def _check_id(text: str, what: str) -> None:
    """Refuse what cannot be kept or looked up by. Raises Invalid, UnicodeError."""
    if text.isascii() and len(text) <= NAME_BYTES_MAX and "\0" not in text:
        return
    check_length(text, "external_id", what)
    text.encode()


def _ids(ids: Iterable[str], bad: list[Unreadable]) -> list[str]:
    """Return the ids that can be kept."""
    kept: list[str] = []
    for external_id in ids:
        try:
            _check_id(external_id, "An id")
        except (Invalid, UnicodeError) as refusal:
            bad.append(_unreadable(external_id, refusal))
        else:
            kept.append(external_id)
    return kept


def _is_text(text: str) -> bool:
    """Tell whether PostgreSQL can keep it."""
    if text.isascii():
        return "\0" not in text
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _unreadable(place: str, refusal: Exception) -> Unreadable:
    reason = refusal.message if isinstance(refusal, Invalid) else "Its text is no Unicode."
    return Unreadable(plain(place)[:_PLACE_LENGTH_MAX], reason)
