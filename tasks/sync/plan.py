"""The second phase: what follows from what was staged, as steps. Nothing about anybody is changed here."""

from collections import Counter
from datetime import timedelta
from typing import Any, Final

import orjson
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection
from django.utils import timezone

from identity import pull_settings, pulls
from identity.models import Run, Step
from tasks.sync import endings, group_plan_sql, guard, plan_sql
from tasks.sync.claim import Claim
from tasks.sync.guard import Reason

# The staging tables are new each time and nobody has counted them: without a hint their joins are taken for joins of few rows. And with
# the usual four megabytes the sets of a large directory are written to disk and read again, join by join.
_JOIN_SETS: Final = "SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true)"
_JOIN_AS_USUAL: Final = "SELECT set_config('enable_nestloop', 'on', true)"
# More listings without somebody than are counted (plan_sql.MISSING).
_NEVER: Final = 10_000


def plan(claim: Claim) -> None:
    """Write the run's steps and pass it on: to applying, to a person, or to its end.

    One transaction, so that a worker that is killed leaves nothing of it. Raises LostClaim.
    """
    with claim.go_on() as run, connection.cursor() as cursor:
        pull = pulls.of(run.directory)
        rules = pull_settings.rules_of(run.directory)
        values = parameters(run, rules, rescoped=pull.scope not in {"", run.scope})
        if not run.dry_run and pull.scope != run.scope:
            # Whatever it is, somebody looks at it first (guard): then its steps are not written twice.
            values["state"] = Step.State.HELD
        cursor.execute(_JOIN_SETS)
        cursor.execute(plan_sql.PEOPLE, values)
        cursor.execute(group_plan_sql.MOVES, values)
        cursor.execute(group_plan_sql.GROUPS, values)
        counts = _count(cursor, values, run)
        reasons = list(guard.reasons(cursor, values, rules, counts, first=not pull.scope))
        cursor.execute(plan_sql.HASH, values)
        run.plan_hash = cursor.fetchone()[0]
        run.held_for = [{"code": reason.code, "sentence": reason.sentence} for reason in reasons]
        if not run.dry_run:
            _note_missing(cursor, values)
        cursor.execute(_JOIN_AS_USUAL)
        if values["state"] == Step.State.WAITING and not run.dry_run:
            _hold(run, reasons, rules)
        cursor.execute("SELECT tasks_gather_statistics()")
        endings.after_plan(run)


def parameters(run: Run, rules: dict[str, Any], *, rescoped: bool) -> dict[str, Any]:
    """Return what the statements of the plan are given."""
    hours = rules["absent_hours"]
    now = timezone.now()
    return {
        "organization": run.organization_id,
        "directory": run.directory_id,
        "run": run.pk,
        "begun": run.started_at,
        "complete": not run.lacks,
        "whole": run.whole,
        "rescoped": rescoped,
        # Hours of grace are no grace where two listings in one of them end it.
        "absent_runs": rules["absent_runs"] if hours is None else _NEVER,
        "absent_before": now - timedelta(hours=hours) if hours is not None else None,
        "places": orjson.dumps(plan_sql.PLACES).decode(),
        "now": now,
        "state": Step.State.WAITING,
        "no_password": f"{UNUSABLE_PASSWORD_PREFIX}%",
    }


def _count(cursor: Any, values: dict[str, Any], run: Run) -> dict[str, int]:
    cursor.execute(plan_sql.COUNTS, values)
    counts: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for action, reason, state, number in cursor.fetchall():
        (skipped if state == Step.State.SKIPPED else counts)[
            reason if state == Step.State.SKIPPED else action
        ] += number
    run.planned, run.skipped = counts.total(), skipped.total()
    run.counts = {**counts, **({"skipped": dict(skipped)} if skipped else {})}
    return dict(counts)


def _note_missing(cursor: Any, values: dict[str, Any]) -> None:
    cursor.execute(plan_sql.FOUND, values)
    cursor.execute(group_plan_sql.FOUND_GROUPS, values)
    if values["complete"] and values["whole"]:
        cursor.execute(plan_sql.MISSING, values)
        cursor.execute(group_plan_sql.MISSING_GROUPS, values)


def _hold(run: Run, reasons: list[Reason], rules: dict[str, Any]) -> None:
    """Hold what is in question: all of the plan, or with `when_held` "proceed" what the reasons speak of."""
    if not reasons:
        return
    steps = Step.objects.filter(organization=run.organization_id, run=run, state=Step.State.WAITING)
    if rules["when_held"] == "proceed":
        steps = steps.filter(action__in={action for reason in reasons for action in reason.actions})
    steps.update(state=Step.State.HELD)
