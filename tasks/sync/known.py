"""What is known of a directory's people after their steps: what it said of them, and whom it has shut out."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from identity.models import Run
from tasks.sync.due import Due

_TOLD: Final = """
INSERT INTO tasks_known (organization_id, directory_id, external_id, member_id, digest, names, version, member_version, missing_since,
                         missing_runs, shut_at, shut_for, gone_at)
SELECT %(organization)s, %(directory)s, row.external_id, row.member_id, staged.digest,
       COALESCE((SELECT jsonb_agg(name) FROM jsonb_object_keys(staged.profile) AS name), '[]'), staged.version, member.version,
         NULL, 0, NULL, '', NULL
  FROM unnest(%(external_ids)s::text[], %(members)s::uuid[]) AS row (external_id, member_id)
  JOIN tasks_stagedperson staged ON staged.run_id = %(run)s AND staged.external_id = row.external_id AND staged.word = 'told'
  JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = row.member_id
ON CONFLICT (directory_id, external_id) DO UPDATE
   SET member_id = excluded.member_id, digest = excluded.digest, names = excluded.names, version = excluded.version,
       member_version = excluded.member_version, gone_at = NULL
"""
# Without a digest they are news to the next run, as whoever else changed: it shuts them out, and its guard counts them.
_UNSETTLED: Final = """
UPDATE tasks_known known SET digest = ''
  FROM tasks_stagedperson staged
 WHERE known.directory_id = %(directory)s AND known.external_id = ANY (%(external_ids)s) AND staged.run_id = %(run)s
   AND staged.external_id = known.external_id AND staged.active IS FALSE
"""
# `names` stays: the member's profile is as it was, and what the directory filled in it is still the directory's.
_SHUT: Final = """
UPDATE tasks_known known
   SET shut_at = member.suspended_at, shut_for = %(reason)s, member_version = member.version,
       gone_at = CASE WHEN %(reason)s = 'removed' THEN %(now)s ELSE known.gone_at END,
       digest = COALESCE(staged.digest, known.digest), version = COALESCE(staged.version, known.version)
  FROM unnest(%(external_ids)s::text[], %(members)s::uuid[]) AS row (external_id, member_id)
  JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = row.member_id
  LEFT JOIN tasks_stagedperson staged ON staged.run_id = %(run)s AND staged.external_id = row.external_id AND staged.word = 'told'
 WHERE known.directory_id = %(directory)s AND known.external_id = row.external_id
"""
# Whoever gets another name or address as they are shut out (disabled, renamed and moved aside by one script) would keep the old one,
# and nobody else could have it: as above, that is left to the next run.
_RENAMED_TOO: Final = """
UPDATE tasks_known known SET digest = ''
  FROM tasks_stagedperson staged, identity_member member
 WHERE known.directory_id = %(directory)s AND known.external_id = ANY (%(external_ids)s) AND staged.run_id = %(run)s
   AND staged.external_id = known.external_id AND staged.word = 'told' AND member.organization_id = %(organization)s
   AND member.id = known.member_id AND (staged.user_name_key, staged.email_key) <> (member.user_name_key, member.email_key)
"""
_LET_IN: Final = """
UPDATE tasks_known known SET shut_at = NULL, shut_for = '', gone_at = NULL, missing_since = NULL, missing_runs = 0,
       member_version = member.version
  FROM identity_member member
 WHERE known.directory_id = %(directory)s AND known.external_id = ANY (%(external_ids)s)
   AND member.organization_id = %(organization)s AND member.id = known.member_id
"""
# Whoever was absent and comes back shut out stays so by the directory's own word.
_SETTLE: Final = """
UPDATE tasks_known known
   SET digest = staged.digest, version = staged.version,
       names = (SELECT COALESCE(jsonb_agg(DISTINCT name), '[]')
                  FROM (SELECT jsonb_array_elements_text(known.names) UNION SELECT jsonb_object_keys(staged.profile)) AS both_times (name)),
       shut_for = CASE WHEN staged.active IS FALSE AND known.shut_for <> '' THEN 'signal' ELSE known.shut_for END
  FROM tasks_stagedperson staged
 WHERE known.directory_id = %(directory)s AND staged.run_id = %(run)s AND staged.external_id = known.external_id AND staged.word = 'told'
   AND (staged.digest <> known.digest OR staged.version <> known.version) AND staged.active IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM identity_step step WHERE step.organization_id = %(organization)s AND step.run_id = %(run)s
                      AND step.external_id = staged.external_id AND step.member_id IS NOT NULL)
"""
# Not of whoever is still in, since their step was skipped or is held: who counts as gone is not missed by later listings.
_GONE: Final = """
UPDATE tasks_known known SET gone_at = %(now)s
  FROM tasks_stagedperson staged, identity_member member
 WHERE member.organization_id = %(organization)s AND member.id = known.member_id AND member.state <> 'active'
   AND known.directory_id = %(directory)s AND staged.run_id = %(run)s
   AND staged.external_id = known.external_id AND staged.word = 'removed' AND known.gone_at IS NULL
"""


def keep_told(run: Run, steps: Sequence[Due]) -> None:
    """Keep what the directory told of the people of these steps, as carried out."""
    _execute(
        _TOLD, run, external_ids=[step.external_id for step in steps], members=[step.member_id for step in steps]
    )  # fmt: skip


def keep_linked(run: Run, steps: Sequence[Due]) -> bool:
    """Keep what the directory told of these members, but leave to the next run whom it says is inactive; tells whether there are any."""
    keep_told(run, steps)
    return bool(_execute(_UNSETTLED, run, external_ids=[step.external_id for step in steps]))


def keep_shut(run: Run, steps: Sequence[Due], reason: str) -> bool:
    """Keep that this directory has suspended them just now, so that it may let them in again.

    Tells whether it says another name or address of some of them, which is left to the next run.
    """
    ids = [step.external_id for step in steps]
    _execute(_SHUT, run, external_ids=ids, members=[step.member_id for step in steps], reason=reason)
    return bool(_execute(_RENAMED_TOO, run, external_ids=ids))


def keep_let_in(run: Run, steps: Sequence[Due]) -> None:
    """Forget that this directory had shut them out."""
    _execute(_LET_IN, run, external_ids=[step.external_id for step in steps])


def settle(run: Run) -> None:
    """Keep what was told of those with whom nothing was to be done, and who is expressly gone."""
    _execute(_SETTLE, run)
    _execute(_GONE, run)


def _execute(statement: str, run: Run, **values: Any) -> int:
    shared: dict[str, Any] = {
        "organization": run.organization_id, "directory": run.directory_id, "run": run.pk, "now": timezone.now(),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(statement, {**shared, **values})
        return cursor.rowcount
