"""How many signed in on each day, exact however long the record is, and without going through it."""

from collections import Counter
from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from audit import sequencer, sign_ins, stretch
from audit.events import Event
from audit.models import Entry
from audit.record import Subject, record
from identity import tenancy
from tests.conftest import SETUP, later
from tests.sync.test_plan_cost import gone_through

DAYS = 8
SIZE = 20
KINDS = (Event.SIGN_IN_SUCCEED, Event.SIGN_IN_SUCCEED, Event.SIGN_IN_REFUSE, Event.MEMBER_CHANGE)


def write(organization, number, **when):
    with later(**when), tenancy.change(organization):
        for at in range(number):
            record(
                KINDS[at % len(KINDS)],
                organization_id=organization.pk,
                actor=SETUP,
                subject=Subject("member", "x"),
            )
    sequencer.run()


@pytest.fixture
def busy(acme, globex, monkeypatch):
    """Give an organization with 400 entries of eight days, some of which came in days late, and the first of these days."""
    monkeypatch.setattr(stretch, "ENTRIES", SIZE)
    for day in range(DAYS):
        write(acme, 45, days=day)
        write(acme, 5, days=day - 2)
    write(globex, 45, days=1)
    stretch.measure()
    return acme, timezone.now().astimezone(UTC).date()


def meant(organization, first):
    days = {Event.SIGN_IN_SUCCEED: Counter(), Event.SIGN_IN_REFUSE: Counter()}
    for event, happened_at in Entry.objects.filter(
        organization_id=organization.pk, event__in=days
    ).values_list("event", "happened_at"):
        days[event][happened_at.astimezone(UTC).date()] += 1
    succeeded, refused = days.values()
    return {day: (succeeded[day], refused[day]) for day in (succeeded | refused) if day >= first}


def asked(organization, first):
    """Give the numbers, and the most rows that one node of the plans went through."""
    most = [0]

    def explained(execute, sql, parameters, many, context):
        execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters, many, context)
        most.extend(gone_through(context["cursor"].fetchone()[0][0]["Plan"]))
        return execute(sql, parameters, many, context)

    with connection.cursor() as cursor:
        # A table of this size would be read whole; of a large one an index gives so few.
        cursor.execute("SET LOCAL enable_seqscan = off")
    with connection.execute_wrapper(explained):
        return sign_ins.by_day(organization.pk, first), max(most)


def test_the_days_are_counted_exactly_and_without_all_of_their_entries(busy):
    organization, today = busy
    with tenancy.of(organization):
        for back in range(-DAYS, 3):
            first = today - timedelta(days=back)
            found, most = asked(organization, first)
            assert found == meant(organization, first)
            assert most <= 3 * SIZE


def test_a_stretch_that_is_not_measured_yet_or_was_before_they_were_counted_is_counted_too(busy, eraser):
    organization, today = busy
    expected = None
    for change in (
        "SELECT 1",
        "UPDATE audit_span SET sign_ins = NULL WHERE first > 100 AND first < 200",
        "DELETE FROM audit_span WHERE first > 200",
        "DELETE FROM audit_span",
    ):
        eraser.execute(change)
        with tenancy.of(organization):
            found = sign_ins.by_day(organization.pk, today)
            expected = expected or meant(organization, today)
        assert found == expected
