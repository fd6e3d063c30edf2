"""Who asks a long record for a time is led there, and loses nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from audit import export, sequencer, stretch
from audit.events import Event
from audit.models import Entry, Position, Span
from audit.record import Subject, record
from console import reading
from identity import tenancy
from tests.conftest import SETUP, later

DAYS = 20
A_DAY = 6


def write(organization, entries, days):
    with later(days=days), tenancy.change(organization):
        for _ in range(entries):
            record(
                Event.MEMBER_CHANGE,
                organization_id=organization.pk,
                actor=SETUP,
                subject=Subject("member", str(days)),
            )
    sequencer.run()
    stretch.measure()


@pytest.fixture
def long_record(acme, monkeypatch):
    """Give a record of twenty days that is read five entries at a time, some of which came in days late; and when it began."""
    sequencer.run()
    monkeypatch.setattr(stretch, "ENTRIES", 5)
    began = timezone.now() - timedelta(hours=12)
    for day in range(DAYS):
        write(acme, A_DAY, day)
        if day % 7 == 6:
            write(acme, 2, day - 5)
    return acme, began


def spans(organization):
    with tenancy.of(organization):
        return list(Span.objects.order_by("last"))


def asked_for(began):
    """Give windows of time: since, until, both, each with more entries in it than an index alone would lead to."""
    for first in range(0, DAYS, 3):
        yield began + timedelta(days=first), None
        yield None, began + timedelta(days=first + 3)
        yield began + timedelta(days=first), began + timedelta(days=first + 3)
    yield began + timedelta(days=DAYS + 1), None
    yield None, began - timedelta(days=1)


def meant(organization, since, until):
    rows = Entry.objects.filter(organization_id=organization.pk)
    rows = rows.filter(happened_at__gte=since) if since else rows
    rows = rows.filter(happened_at__lt=until) if until else rows
    return sorted(Position.objects.filter(entry_id__in=rows.values("pk")).values_list("seq", flat=True))


def forwards(organization, since, until):
    """Give the places read, and how many pages that took."""
    wanted, after, seqs, pages = export.Filter(since=since, until=until), 0, [], 0
    while after is not None:
        page = export.page(organization.pk, wanted, after=after, limit=3)
        seqs += [line.seq for line in page.lines]
        after, pages = page.following, pages + 1
    return seqs, pages


def backwards(organization, since, until):
    wanted = {name: value for name, value in (("since", since), ("until", until)) if value}
    found, seqs, pages = reading.latest(organization.pk, wanted, 3), [], 1
    while True:
        seqs += [line.seq for line in found.lines]
        if found.following is None:
            return sorted(seqs), pages
        found, pages = reading.latest(organization.pk, wanted | {"after": found.following}, 3), pages + 1


def test_every_full_stretch_says_from_when_to_when_it_goes(long_record):
    organization, _ = long_record
    with tenancy.of(organization):
        head = export.head(organization.pk)
        measured = spans(organization)
        assert [(span.first, span.last) for span in measured] == [
            (last - 4, last) for last in range(5, head + 1, 5)
        ]
        for span in measured:
            ids = Position.objects.filter(seq__gte=span.first, seq__lte=span.last).values("entry_id")
            times = sorted(Entry.objects.filter(pk__in=ids).values_list("happened_at", flat=True))
            assert (span.since, span.until) == (times[0], times[-1])


@pytest.mark.parametrize("read", [forwards, backwards])
def test_a_time_is_found_whole_and_without_the_rest_of_the_record(long_record, read):
    organization, began = long_record
    with tenancy.of(organization):
        last = Entry.objects.latest("happened_at").happened_at
        for since, until in (*asked_for(began), (last, None), (None, last)):
            expected = meant(organization, since, until)
            seqs, pages = read(organization, since, until)
            assert seqs == expected
            # A page of three, or a stretch of five with one of them in it; and the page that says that there is no more.
            assert pages <= len(expected) + 2, (since, until)


def test_a_record_that_was_long_before_is_measured_a_stretch_at_a_time(long_record, eraser):
    organization, began = long_record
    measured = spans(organization)
    eraser.execute("DELETE FROM audit_span")
    assert stretch.measure(seconds=0) == 1
    assert spans(organization) == measured[:1]
    with tenancy.of(organization):
        for since, until in asked_for(began):
            expected = meant(organization, since, until)
            assert forwards(organization, since, until)[0] == expected
            assert backwards(organization, since, until)[0] == expected
    assert stretch.measure() == len(measured) - 1
    assert spans(organization) == measured
    assert stretch.measure() == 0


def test_one_run_measures_every_long_record(long_record, globex, eraser):
    write(globex, 12, 0)
    eraser.execute("DELETE FROM audit_span")
    stretch.measure()
    for each in (long_record[0], globex):
        with tenancy.of(each):
            assert len(spans(each)) == export.head(each.pk) // 5 > 1


def test_a_record_that_has_ended_is_measured_no_more(long_record, eraser):
    organization, _ = long_record
    eraser.execute("DELETE FROM audit_span")
    eraser.execute("INSERT INTO audit_ending (organization_id) VALUES (%s)", [organization.pk])
    assert stretch.measure() == 0
    assert spans(organization) == []


def test_no_process_writes_them_itself_and_no_other_organization_sees_them(long_record, globex):
    assert spans(globex) == []
    with tenancy.change(globex), connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege('audit_span', 'INSERT'), has_table_privilege('audit_span', 'DELETE')"
        )
        assert cursor.fetchone() == (False, False)
        record(Event.MEMBER_CHANGE, organization_id=globex.pk, actor=SETUP, subject=Subject("member", "x"))
