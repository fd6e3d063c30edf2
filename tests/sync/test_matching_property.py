"""Whom the plan takes a newcomer for, against the one rule of identity.matching, person by person."""

from dataclasses import dataclass

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, assume, example, given, settings, strategies

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import domains, matching, pull_settings, sync_runs, tenancy
from identity.errors import EmailTaken, UserNameTaken
from identity.models import Link, Member, Organization, Step
from tasks.models import StagedPerson
from tasks.sync import plan, plan_sql
from tests.conftest import SETUP
from tests.sync.scripted import pull_of

NAMES = tuple(
    f"{name}@{domain}"
    for name in ("amy", "bob", "cyd", "dan")
    for domain in ("acme.example", "elsewhere.example")
)
ADDRESSES = ("", *NAMES)


@dataclass(frozen=True)
class Here:
    """Somebody who is a member already."""

    user_name: str
    email: str
    state: str
    linked: bool
    tombstoned: bool
    password: bool
    glass: bool = False


HERE = strategies.builds(
    Here,
    user_name=strategies.sampled_from((*NAMES, "opaque-1", "opaque-2", "opaque-3")),
    email=strategies.sampled_from(ADDRESSES),
    state=strategies.sampled_from(("active", "active", "suspended", "offboarded")),
    linked=strategies.sampled_from((False, False, True)),
    tombstoned=strategies.sampled_from((False, False, True)),
    password=strategies.sampled_from((False, False, True)),
)
GLASS = Here(NAMES[0], NAMES[0], "active", linked=False, tombstoned=False, password=True, glass=True)
ARRIVES = strategies.tuples(strategies.sampled_from(NAMES), strategies.sampled_from(ADDRESSES))


def put(organization, directory, here, number):
    """Have them be here, and return the member."""
    now = timezone.now()
    member = Member(
        organization=organization, user_name=here.user_name, user_name_key=here.user_name, email=here.email, email_key=here.email,
        password="md5$x$y" if here.password else make_password(None), state=here.state, created_at=now, changed_at=now,
        suspended_at=now if here.state == "suspended" else None, offboarded_at=now if here.state == "offboarded" else None,
    )  # fmt: skip
    member.save(force_insert=True)
    record(
        Event.MEMBER_CREATE,
        organization_id=organization.pk,
        actor=SETUP,
        subject=Subject("member", str(member.pk)),
    )
    if here.glass:
        # Named so for the length of the example: its transaction is taken back.
        Organization.objects.filter(pk=organization.pk).update(
            sign_on=Organization.SignOn.SINGLE_SIGN_ON, break_glass_id=member.pk
        )
    if here.linked:
        Link(
            organization=organization, directory=directory, member=member, external_id=f"other-{number}", linked_at=now,
            tombstoned_at=now if here.tombstoned else None,
        ).save(force_insert=True)  # fmt: skip
    return member


def _by_the_rule(organization, directory, key, user_name, email):
    """Give (action, reason, member id) as identity.matching decides."""
    try:
        found = matching.find(organization, directory, key, user_name, email)
    except UserNameTaken:
        return ("skip", "user_name_taken")
    except EmailTaken:
        return ("skip", "email_taken")
    return ("create", "", None) if found is None else ("link", "", found.member.pk)


@pytest.fixture
def pull(acme, script):
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    return pull_of(acme)


@settings(
    max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(
    here=strategies.lists(HERE, max_size=6, unique_by=lambda one: one.user_name),
    arrives=strategies.lists(
        ARRIVES, min_size=1, max_size=4, unique_by=(lambda one: one[0], lambda one: one[1])
    ),
)
@example(here=[GLASS], arrives=[(NAMES[0], NAMES[0])])
def test_a_pull_takes_a_newcomer_for_whom_a_push_would(acme, pull, okta, here, arrives):
    with tenancy.of(acme):
        run = sync_runs.begin(pull, actor=Actor("job", "test", "test"))
        for number, one in enumerate(here):
            put(acme, okta.directory, one, number)
        # After everybody: who left before the reading began did not leave during it.
        run.started_at, run.whole = timezone.now(), True
        for number, (user_name, email) in enumerate(arrives):
            StagedPerson(
                organization=acme, run=run, external_id=f"k{number}", word="told", digest=b"new", user_name=user_name,
                user_name_key=user_name, email_key=email, profile={}, active=True,
            ).save(force_insert=True)  # fmt: skip
        wanted = {
            f"k{number}": _by_the_rule(acme, pull.directory, f"k{number}", *one)
            for number, one in enumerate(arrives)
        }
        values = plan.parameters(run, pull_settings.rules_of(pull.directory), rescoped=False)
        with connection.cursor() as cursor:
            cursor.execute(plan_sql.PEOPLE, values)
        rows = Step.objects.filter(run=run).values_list("external_id", "action", "reason", "member_id")
        found = {key: said[:2] if said[0] == "skip" else said for key, *said in map(list, rows)}
        transaction.set_rollback(True)
    meant = [said[2] for said in wanted.values() if said[0] == "link"]
    # Two who mean the same member are told apart by test_matching.py.
    assume(len(set(meant)) == len(meant))
    assert {key: tuple(said) for key, said in found.items()} == wanted
