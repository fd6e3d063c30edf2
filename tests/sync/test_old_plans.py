"""The lines of a plan name people: they are kept for a time, the run and what it did for good."""

from datetime import timedelta

import pytest
from django.utils import timezone

from identity import sync_runs, tenancy
from identity.models import Run, Step
from tasks.jobs import directories as jobs
from tasks.sync import old_plans
from tests.console.conftest import visit
from tests.sync.conftest import ADA
from tests.sync.scripted import crowd, listing, person, run


def ended(made, **ago):
    with tenancy.of(made.organization_id):
        Run.objects.filter(pk=made.pk).update(ended_at=timezone.now() - timedelta(**ago))


def lines(organization):
    with tenancy.of(organization):
        return Step.objects.count()


def leave(*away):
    """Give a listing in which six of ten have gone: too many to happen by itself."""
    return [person(f"p{place:02}", active=False) for place in range(4, 10)]


def test_a_plan_that_was_carried_out_is_kept_for_its_days(hr, acme, settings):
    settings.ROLLCALL_PLAN_DAYS = 30
    with tenancy.of(acme):
        done = Run.objects.get(state=Run.State.DONE, planned__gt=0)
    kept = lines(acme)
    ended(done, days=29)
    assert (jobs.forget_plans(), lines(acme)) == (0, kept)
    ended(done, days=31)
    assert (jobs.forget_plans(), lines(acme)) == (kept, 0)
    assert jobs.forget_plans() == 0
    with tenancy.of(acme):
        assert Run.objects.get(pk=done.pk).counts == done.counts != {}


def test_a_plan_on_which_nobody_decided_is_forgotten_the_day_after(hr, acme):
    carried_out = lines(acme)
    listing(*crowd(4), *leave())
    first = run(hr)
    assert first.state == "held"
    run(hr)
    with tenancy.of(acme):
        assert Run.objects.get(pk=first.pk).state == "superseded"
    ended(first, hours=23)
    assert jobs.forget_plans() == 0
    ended(first, hours=25)
    assert jobs.forget_plans() == 6
    assert lines(acme) == carried_out + 6


def test_a_plan_that_waits_for_somebody_is_kept(hr, acme, settings):
    settings.ROLLCALL_PLAN_DAYS = 1
    listing(*crowd(4), *leave())
    held = run(hr)
    before = lines(acme)
    assert (jobs.forget_plans(), lines(acme)) == (0, before)
    assert sync_runs.cancel(held, actor=ADA).state == "cancelled"
    ended(held, days=2)
    assert jobs.forget_plans() == 6


@pytest.mark.usefixtures("hr")
def test_many_lines_go_in_batches(acme, monkeypatch):
    monkeypatch.setattr(old_plans, "BATCH", 3)
    with tenancy.of(acme):
        done = Run.objects.get(state=Run.State.DONE, planned__gt=0)
    kept = lines(acme)
    assert kept > 6
    ended(done, days=91)
    monkeypatch.setattr(jobs, "PLAN_BATCHES", 2)
    assert (jobs.forget_plans(), lines(acme)) == (6, kept - 6)


def test_the_page_of_a_plan_that_is_no_longer_kept_says_so(hr, acme, ada):
    with tenancy.of(acme):
        done = Run.objects.get(state=Run.State.DONE, planned__gt=0)
    address = f"/o/acme/directories/{hr.directory_id}/runs/{done.pk}/"
    assert "no longer kept" not in visit(ada).get(address).content.decode()
    ended(done, days=91)
    jobs.forget_plans()
    assert "no longer kept" in visit(ada).get(address).content.decode()
