"""The plan's statements against a naive function that says the same person by person."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings, strategies

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import pull_settings, pulls, sync_runs, tenancy
from identity.models import Member, Step
from tasks.models import Known, StagedPage, StagedPerson
from tasks.sync import plan, plan_sql
from tests.conftest import SETUP

KEYS = tuple("abcdefghijklmnop")
BEGUN = timezone.now()
BEFORE, SINCE = BEGUN - timedelta(days=1), BEGUN + timedelta(seconds=1)


@dataclass(frozen=True)
class Case:
    """One person: what was staged of them, what is known, and how the member is. None: not at all."""

    word: str | None = None
    active: bool | None = True
    title: str = ""
    version: str = ""
    known: bool = False
    known_version: str = ""
    missing_runs: int = 0
    gone: bool = False
    shut_for: str = ""
    state: str = "active"
    member_title: str = ""
    changed_since: bool = False


CASES = strategies.builds(
    Case,
    word=strategies.sampled_from([None, None, "told", "told", "seen", "seen", "removed"]),
    active=strategies.sampled_from([True, True, False, None]),
    title=strategies.sampled_from(["", "X"]),
    version=strategies.sampled_from(["", "1", "2"]),
    known=strategies.booleans(),
    known_version=strategies.sampled_from(["", "1", "2"]),
    missing_runs=strategies.sampled_from([0, 1]),
    gone=strategies.sampled_from([False, False, True]),
    shut_for=strategies.sampled_from(["", "signal", "absent", "removed"]),
    state=strategies.sampled_from(["active", "active", "suspended", "offboarded"]),
    member_title=strategies.sampled_from(["", "X"]),
    changed_since=strategies.sampled_from([False, False, True]),
)


def naive(case, *, complete, whole, rescoped):
    """Say what is to happen to one person, as (action, reason), or None."""
    if not case.known:
        return _newcomer(case) if case.word == "told" else None
    found = _existing(case) if case.word == "told" else None
    if case.word == "seen" and case.shut_for == "absent" and case.state == "suspended":
        found = ("reactivate", "")
    if case.word == "removed" and case.state == "active":
        found = ("suspend", "removed")
    absent = case.word is None and complete and whole and not case.gone and case.state == "active"
    if absent and (rescoped or case.missing_runs + 1 >= 2):
        found = ("suspend", "absent")
    if found and found[0] != "skip" and case.changed_since:
        return ("skip", "newer_news")
    return found


def _newcomer(case):
    if case.active is False:
        return None
    return ("skip", "status_unknown") if case.active is None else ("create", "")


def _existing(case):
    older = case.version and case.known_version and case.version < case.known_version
    buried = case.gone and case.version and case.version <= case.known_version
    if case.state == "offboarded":
        return ("skip", "offboarded")
    if older:
        return ("skip", "older_news")
    if buried:
        return ("skip", "tombstoned")
    if case.active is False and case.state == "active":
        return ("suspend", "signal")
    if case.active and case.state == "suspended" and case.shut_for:
        return ("reactivate", "")
    return ("update", "") if case.title != case.member_title else None


def _profile(title):
    return {"title": title} if title else {}


def _put(organization, pull, run, key, case):
    if case.word in {"told", "removed"}:
        StagedPerson(
            organization=organization, run=run, external_id=key, word=case.word, digest=b"new", user_name=key, user_name_key=key,
            profile=_profile(case.title), active=case.active, version=case.version,
        ).save(force_insert=True)  # fmt: skip
    if not case.known:
        return
    suspended_at = BEFORE if case.state == "suspended" else None
    member = Member(
        organization=organization, user_name=key, user_name_key=key, profile=_profile(case.member_title), state=case.state,
        created_at=BEFORE, changed_at=SINCE if case.changed_since else BEFORE, suspended_at=suspended_at,
        offboarded_at=BEFORE if case.state == "offboarded" else None,
    )  # fmt: skip
    member.save(force_insert=True)
    record(
        Event.MEMBER_CREATE,
        organization_id=organization.pk,
        actor=SETUP,
        subject=Subject("member", str(member.pk)),
    )
    Known(
        organization=organization, directory=pull.directory, external_id=key, member=member, digest=b"old", names=["title"],
        version=case.known_version, missing_runs=case.missing_runs, missing_since=BEFORE if case.missing_runs else None,
        shut_at=BEFORE if case.shut_for else None, shut_for=case.shut_for, gone_at=BEFORE if case.gone else None,
    ).save(force_insert=True)  # fmt: skip


@pytest.fixture
def pull(acme, script):
    return pulls.create(acme, kind="scripted", name="HR", actor=SETUP)


@settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(
    cases=strategies.lists(CASES, min_size=len(KEYS), max_size=len(KEYS)),
    complete=strategies.sampled_from([True, True, False]),
    whole=strategies.sampled_from([True, True, False]),
    rescoped=strategies.sampled_from([False, False, True]),
)
def test_the_statements_say_what_the_naive_function_says(acme, pull, cases, complete, whole, rescoped):
    people = dict(zip(KEYS, cases, strict=True))
    with tenancy.of(acme):
        run = sync_runs.begin(pull, actor=Actor("job", "test", "test"))
        run.started_at, run.whole = BEGUN, whole
        run.lacks = [] if complete else [{"code": "incomplete"}]
        for key, case in people.items():
            _put(acme, pull, run, key, case)
        seen = [key for key, case in people.items() if case.word == "seen"]
        # Page two says once more what page one said.
        for number in (1, 2):
            StagedPage(organization=acme, run=run, number=number, seen=seen).save(force_insert=True)
        values = plan.parameters(run, pull_settings.rules_of(pull.directory), rescoped=rescoped)
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(plan_sql.PEOPLE, values)
        rows = Step.objects.filter(run=run).values_list("external_id", "action", "reason")
        found = {key: (action, reason) for key, action, reason in rows}
        transaction.set_rollback(True)
    wanted = {
        key: verdict
        for key, case in people.items()
        if (verdict := naive(case, complete=complete, whole=whole, rescoped=rescoped)) is not None
    }
    assert found == wanted
