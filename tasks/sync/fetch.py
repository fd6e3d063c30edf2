"""The first phase: read the directory page by page into staging, and judge whether the listing is complete."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from audit.json_text import plain
from identity import pull_settings, pulls, rows
from identity.models import Run
from identity.profile import key_of
from tasks.connectors import BY_KIND
from tasks.connectors.interface import Connector, End, Page
from tasks.sync import ahead, staging
from tasks.sync.claim import Claim

# Groups of which a reading remembers that it has staged them: a connector may name each on every page.
_GROUPS_REMEMBERED: Final = 10_000
_SEEN: Final = """
WITH seen AS (
  SELECT said.external_id FROM tasks_stagedpage page, jsonb_array_elements_text(page.seen) AS said (external_id)
   WHERE page.run_id = %(run)s AND NOT EXISTS (
     SELECT 1 FROM tasks_stagedperson staged WHERE staged.run_id = %(run)s AND staged.external_id = said.external_id)
)"""
# Whoever is as before goes by the name that is known here.
_FINDS_SENTINEL: Final = (
    _SEEN  # noqa: S608 - joined from constants alone; so is the next one
    + """
SELECT EXISTS (
  SELECT 1 FROM tasks_stagedperson
   WHERE run_id = %(run)s AND word = 'told' AND (external_id = %(sentinel)s OR user_name_key = %(key)s)
) OR EXISTS (
  SELECT 1 FROM seen WHERE external_id = %(sentinel)s OR external_id IN (
    SELECT known.external_id FROM identity_member member JOIN tasks_known known ON known.member_id = member.id
       AND known.organization_id = %(organization)s AND known.directory_id = %(directory)s
     WHERE member.organization_id = %(organization)s AND member.user_name_key = %(key)s))
"""
)
_LACKED: Final = """
SELECT EXISTS (
  SELECT 1 FROM tasks_known known
    JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = known.member_id AND member.state = 'active'
   WHERE known.directory_id = %(directory)s AND known.missing_since IS NOT NULL
) OR EXISTS (
  SELECT 1 FROM tasks_missinggroup missing
    JOIN identity_group grp ON grp.organization_id = %(organization)s AND grp.directory_id = %(directory)s
     AND grp.external_id = missing.external_id AND grp.ended_at IS NULL
   WHERE missing.directory_id = %(directory)s
)
"""
# Changes do not say of whoever comes in (an account made before the first day) in which groups they have been for long.
_CAME_BY_CHANGES: Final = """
SELECT EXISTS (
  SELECT 1 FROM identity_run WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND id > last.id
     AND state = 'done' AND NOT whole AND counts ?| ARRAY['create', 'link'])
  FROM (SELECT id, fetched_at, worked_seconds FROM identity_run
         WHERE organization_id = %(organization)s AND directory_id = %(directory)s AND state = 'done' AND whole
         ORDER BY id DESC LIMIT 1) AS last
 WHERE fetched_at <= %(now)s - GREATEST(%(apart)s, worked_seconds * %(times)s) * interval '1 second'
"""
# Of the workers' time a twentieth at most goes into reading everything for the sake of newcomers.
_WHOLE_APART_SECONDS: Final = 3600.0
_WHOLE_APART_TIMES: Final = 20
_COUNT: Final = (
    _SEEN  # noqa: S608
    + """
SELECT (SELECT count(*) FROM (SELECT DISTINCT external_id FROM seen) AS once) + count(*) FILTER (WHERE word <> 'removed'),
       count(*) FILTER (WHERE word = 'told' AND active IS NULL)
  FROM tasks_stagedperson WHERE run_id = %(run)s
"""
)
# A row that says what was known, and another one of another page that does not.
_TEAR: Final = """
UPDATE tasks_stagedperson staged SET word = 'torn'
  FROM (SELECT DISTINCT jsonb_array_elements_text(seen) AS external_id FROM tasks_stagedpage WHERE run_id = %(run)s) AS seen
 WHERE staged.run_id = %(run)s AND staged.word = 'told' AND staged.external_id = seen.external_id
"""
_TORN: Final = """
SELECT count(*) OVER (), external_id FROM tasks_stagedperson WHERE run_id = %(run)s AND word = 'torn' ORDER BY external_id LIMIT %(most)s
"""
_KEYS_NAMED: Final = 5


def fetch(claim: Claim, *, until: float) -> bool:
    """Read on; tells whether the directory has said everything (False: the time is over, at a checkpoint).

    `until` is a reading of the monotonic clock. Raises Fault, LostClaim.
    """
    connector, run = _open(claim)
    groups_said: dict[str, tuple[str, str]] = {}
    begun_at = run.checkpoint
    with closing(ahead.read(connector.fetch(checkpoint=run.checkpoint, cookie=run.cookie))) as pages:
        for page in pages:
            if len(groups_said) > _GROUPS_REMEMBERED:
                groups_said.clear()
            with claim.go_on() as held:
                _keep(held, connector, page, groups_said)
                if page.end is not None:
                    return _finish(held, connector, page.end)
            # At the place where it began, the next turn would come no further than this one.
            if page.checkpoint not in (None, begun_at) and time.monotonic() > until:
                return False
            claim.check()
    with claim.go_on() as held:
        return _finish(held, connector, End(whole=False, incomplete="The listing broke off before its end."))


def _open(claim: Claim) -> tuple[Connector, Run]:
    """Open the directory; without a checkpoint what was staged before is forgotten, since it will be read again."""
    with claim.go_on() as run:
        now = timezone.now()
        pull = pulls.of(run.directory)
        run.state = Run.State.FETCHING
        scope = pull_settings.scope_of(run.directory)
        if run.checkpoint is None or run.scope != scope:
            # Half of what the settings meant and half of what they mean now is no listing of either.
            run.checkpoint = None
            staging.clear(run.pk)
            run.staged, run.unreadable = 0, []
            run.scope = scope
            # The news is as old as this: who changes here from now on has newer ones.
            run.started_at = run.phase_at = now
            # Read everything, and not the changes since the cookie, in three cases: the settings mean other people than the cookie does;
            # somebody was missing once, since changes (or an unchanged file) never tell whether they are still missing; or somebody came
            # by changes, which need not tell of the groups that they were in by then.
            is_news_enough = pull.scope == run.scope and not _lacked(run) and not _came_by_changes(run)
            run.cookie = pull.cookie if is_news_enough else None
        run.save(
            update_fields=[
                "state", "checkpoint", "staged", "unreadable", "scope", "started_at", "phase_at", "cookie",
            ]
        )  # fmt: skip
        kind = BY_KIND[run.directory.kind]
        file = pulls.file_of(pull) if kind.takes_file else None
        return kind(run.directory.settings, pulls.credentials_of(pull), file=file), run


def _lacked(run: Run) -> bool:
    """Tell whether the last complete listing lacked somebody who is in here, or a group."""
    with connection.cursor() as cursor:
        cursor.execute(_LACKED, {"organization": run.organization_id, "directory": run.directory_id})
        found: bool = cursor.fetchone()[0]
    return found


def _came_by_changes(run: Run) -> bool:
    """Tell whether somebody has come in since everything was read, unless that was lately for a directory so slow."""
    values: dict[str, Any] = {
        "organization": run.organization_id, "directory": run.directory_id, "now": timezone.now(),
        "apart": _WHOLE_APART_SECONDS, "times": _WHOLE_APART_TIMES,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_CAME_BY_CHANGES, values)
        found = cursor.fetchone()
    return bool(found and found[0])


def _keep(run: Run, connector: Connector, page: Page, groups_said: dict[str, tuple[str, str]]) -> None:
    bad = staging.write(run, page, groups_said, keys_once=connector.keys_once)
    run.staged += len(page.people) + len(page.present) + len(page.removed)
    run.unreadable = _more(run.unreadable, ({"place": item.place, "reason": item.reason} for item in bad))
    checkpoint = dict(page.checkpoint) if page.checkpoint is not None else None
    if checkpoint is not None and checkpoint != run.checkpoint:
        # It has come further. What is read from the beginning each time has not, however many pages that are.
        run.attempts = 0
    run.checkpoint = checkpoint
    rows.update(run, "staged", "unreadable", "checkpoint", "attempts")


def _finish(run: Run, connector: Connector, end: End) -> bool:
    """Judge the listing and pass the run on to planning. Where somebody's status was not told, everything is read once more first."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"run": run.pk})
        listed, unknown = cursor.fetchone()
        if unknown and not run.reread:
            run.reread, run.checkpoint = True, None
            run.save(update_fields=["reread", "checkpoint"])
            return False
        lacks = _lacks(cursor, run, connector, end, listed, unknown)
        run.lacks = [{"code": code, "sentence": sentence} for code, sentence in lacks]
    run.whole = end.whole
    run.next_cookie = dict(end.cookie) if end.cookie is not None else None
    run.state, run.checkpoint, run.attempts = Run.State.PLANNING, None, 0
    run.fetched_at = run.phase_at = timezone.now()
    run.staged = listed if end.whole else run.staged
    run.save(
        update_fields=[
            "whole", "next_cookie", "lacks", "state", "checkpoint", "attempts", "fetched_at", "phase_at", "staged",
        ]
    )  # fmt: skip
    return True


def _lacks(
    cursor: Any, run: Run, connector: Connector, end: End, listed: int, unknown: int
) -> Iterator[tuple[str, str]]:
    """Say by a code and a sentence why nobody may count as absent by this listing; nothing for a complete one."""
    if end.incomplete:
        yield "incomplete", plain(end.incomplete)
    if run.unreadable:
        yield "unreadable", f"{len(run.unreadable)} records or more could not be read."
    if unknown:
        yield "status_unknown", f"The directory did not say of {unknown} people whether they are active."
    if not end.whole:
        return
    if not listed:
        yield "empty", "The directory listed nobody: often that is a right that is missing."
    if connector.keys_once and run.staged > listed:
        sentence = _said_twice(cursor, run, run.staged - listed)
        if sentence:
            yield "key_twice", sentence
    if end.people is not None and listed < end.people and not (end.incomplete or run.unreadable):
        said = f"The directory says that it has {end.people} people and named {listed}"
        yield "too_few", f"{said}: it names some of them more than once."
    sentinel = connector.sentinel
    if sentinel and not _is_listed(cursor, run, sentinel):
        yield "sentinel", f"{sentinel}, who must be in every listing, is not in this one."


def _said_twice(cursor: Any, run: Run, twice: int) -> str:
    """Say which keys stand in rows that differ, of which none is to count; or how many rows are one too many."""
    cursor.execute(_TEAR, {"run": run.pk})
    cursor.execute(_TORN, {"run": run.pk, "most": _KEYS_NAMED})
    torn = cursor.fetchall()
    if torn:
        named = ", ".join(key for _, key in torn) + (", …" if torn[0][0] > len(torn) else "")
        return f"{torn[0][0]} keys stand in rows that differ, so none of these rows counts: {named}."
    # Rows that could not be read are rows as well.
    return (
        ""
        if run.unreadable
        else f"{twice} rows have a key that another row has: each person stands in one row."
    )


def _is_listed(cursor: Any, run: Run, sentinel: str) -> bool:
    values = {
        "run": run.pk, "directory": run.directory_id, "organization": run.organization_id, "sentinel": sentinel, "key": key_of(sentinel),
    }  # fmt: skip
    cursor.execute(_FINDS_SENTINEL, values)
    return bool(cursor.fetchone()[0])


def _more(kept: list[dict[str, str]], new: Iterator[dict[str, str]]) -> list[dict[str, str]]:
    return [*kept, *new][: staging.UNREADABLE_KEPT]
