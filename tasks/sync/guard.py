"""Why a plan waits for a person: too many leave or get the same value, groups lose everybody, or nobody has seen such a plan."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

# A group of fewer is no loss worth a question.
EMPTIED_MEMBERS_LEAST: Final = 3
_NAMED: Final = 5

_ACTIVE: Final = """
SELECT count(*) FROM tasks_known known
  JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = known.member_id AND member.state = 'active'
 WHERE known.directory_id = %(directory)s
"""
# Who left by runs of the last day on which nobody was asked: else five of each run could leave until nobody is left. A person who approves
# has seen who left until then.
_UNASKED: Final = """
SELECT count(*) FROM identity_run run
  JOIN identity_step step ON step.organization_id = run.organization_id AND step.run_id = run.id
 WHERE run.organization_id = %(organization)s AND run.directory_id = %(directory)s AND run.id <> %(run)s AND run.approved_at IS NULL
   AND run.counts ->> 'suspend' IS NOT NULL AND step.action = 'suspend' AND step.state = 'applied'
   AND run.started_at > GREATEST(%(now)s - interval '1 day', (
     SELECT max(approved_at) FROM identity_run WHERE organization_id = %(organization)s AND directory_id = %(directory)s))
"""
# One value a place: objects (name, the enterprise extension) are looked into. What is taken away counts as the value null.
_STORM: Final = """
WITH changed AS (
  SELECT step.action, member.profile AS had,
         (member.profile - ARRAY(SELECT jsonb_array_elements_text(known.names))) || staged.profile AS wanted
    FROM identity_step step
    JOIN tasks_stagedperson staged ON staged.run_id = %(run)s AND staged.external_id = step.external_id
    JOIN tasks_known known ON known.directory_id = %(directory)s AND known.external_id = step.external_id
    JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = step.member_id
   WHERE step.organization_id = %(organization)s AND step.run_id = %(run)s AND step.action IN ('rename', 'update', 'reactivate')
     AND step.state IN ('waiting', 'held')
), place AS (
  SELECT name AS path, wanted -> name AS value, had -> name AS before FROM changed, jsonb_object_keys(had || wanted) AS name
   WHERE COALESCE(jsonb_typeof(wanted -> name), jsonb_typeof(had -> name)) <> 'object'
  UNION ALL
  SELECT name || '.' || part, wanted -> name -> part, had -> name -> part
    FROM changed, jsonb_object_keys(had || wanted) AS name, jsonb_object_keys(COALESCE(had -> name, '{}') || COALESCE(wanted ->
      name, '{}')) AS part
   WHERE jsonb_typeof(COALESCE(wanted -> name, had -> name)) = 'object' AND COALESCE(jsonb_typeof(had -> name), 'object') = 'object'
)
SELECT path, value #>> '{}', count(*) FROM place WHERE value IS DISTINCT FROM before
 GROUP BY path, value HAVING count(*) > %(most)s ORDER BY count(*) DESC LIMIT 5
"""
_EMPTIED: Final = """
SELECT step.label, count(kept.id) FROM identity_step step
  JOIN identity_membership kept ON kept.organization_id = %(organization)s AND kept.group_id = step.group_id AND kept.ended_at IS NULL
 WHERE step.organization_id = %(organization)s AND step.run_id = %(run)s AND step.state IN ('waiting', 'held')
   AND (step.action = 'group_end' OR (step.action = 'members' AND (step.fields ->> 'joining')::bigint = 0))
 GROUP BY step.id, step.label, step.action, step.fields
HAVING count(kept.id) >= %(least)s AND (step.action = 'group_end' OR (step.fields ->> 'leaving')::bigint >= count(kept.id))
 ORDER BY count(kept.id) DESC
"""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason to hold: a stable code, a sentence for people, and the actions that it speaks of (all of them: empty)."""

    code: str
    sentence: str
    actions: tuple[str, ...] = ()


def reasons(
    cursor: Any, values: dict[str, Any], rules: dict[str, Any], counts: dict[str, int], *, first: bool
) -> Iterator[Reason]:
    """Give each reason to hold the plan that stands in the steps. `counts` is {action: how many}; `values` are the plan's parameters."""
    if first:
        yield Reason(
            "first_run", "It is the first run of this directory: look at the plan before it is applied."
        )
    elif values["rescoped"]:
        yield Reason(
            "scope_changed",
            "The settings that decide who is read have changed: look at who comes and who goes.",
        )
    leaving, renamed = counts.get("suspend", 0), counts.get("rename", 0)
    changed = renamed + counts.get("update", 0) + counts.get("reactivate", 0)
    unasked = _unasked(cursor, values) if leaving else 0
    active = 0
    if max(leaving + unasked, changed) > rules["guard_members"]:
        # So few need no question however many there are, and counting them is the dearest part of a plan without news.
        cursor.execute(_ACTIVE, values)
        active = cursor.fetchone()[0]
    allowed = max(rules["guard_members"], rules["guard_percent"] * (active + unasked) // 100)
    if leaving and leaving + unasked > allowed:
        before = f", after {unasked} within a day on whom nobody was asked" if unasked else ""
        yield Reason(
            "removals",
            f"{leaving} of {active} active people would be suspended{before}; up to {allowed} a day need no question.",
            ("suspend",),
        )
    most = max(rules["guard_members"], rules["storm_percent"] * active // 100)
    if renamed > most:
        yield Reason("renames", f"{renamed} of {active} people would get another user name.", ("rename",))
    if changed > most:
        cursor.execute(_STORM, values | {"most": most})
        for path, value, count in cursor.fetchall():
            shown = "nothing" if value is None else repr(value[:80])
            yield Reason(
                "storm", f"{count} of {active} people would all get {shown} as their {path}.", ("rename", "update", "reactivate")
            )  # fmt: skip
    if counts.get("members") or counts.get("group_end"):
        cursor.execute(_EMPTIED, values | {"least": EMPTIED_MEMBERS_LEAST})
        emptied = cursor.fetchall()
        if emptied:
            named = ", ".join(f"{label} ({count})" for label, count in emptied[:_NAMED])
            yield Reason(
                "emptied", f"{len(emptied)} groups would lose everybody: {named}.", ("members", "group_end")
            )


def _unasked(cursor: Any, values: dict[str, Any]) -> int:
    cursor.execute(_UNASKED, values)
    return int(cursor.fetchone()[0])
