"""A column of last days: whoever's is over is a leaver, also by a file that has stayed the same."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.utils import timezone

from identity import pulls
from tasks.connectors.faults import Misconfigured
from tests.conftest import SETUP, later_on
from tests.sync.conftest import ADA
from tests.sync.scripted import settle, states
from tests.sync.test_csv import people, read
from tests.sync.test_csv_not_whole import read_file

LEAVING = "No;Login;Austritt\n7;zoe;31.03.2027\n8;bo;\n9;cy;01.04.2027\n"
LAST_DAY = {
    "mapping": {"external_id": "No", "user_name": "Login", "last_day": "Austritt"},
    "dates": "31.03.2027",
}


@pytest.mark.parametrize(
    ("moment", "zone", "inactive"),
    [
        ("2027-03-31T23:59:00+00:00", "UTC", []),
        ("2027-04-01T00:01:00+00:00", "UTC", ["7"]),
        ("2027-03-31T22:01:00+00:00", "Europe/Berlin", ["7"]),
        ("2027-04-01T03:59:00+00:00", "America/New_York", []),
        ("2027-04-02T12:00:00+00:00", "UTC", ["7", "9"]),
    ],
)
def test_a_last_day_is_over_at_its_midnight(moment, zone, inactive):
    with time_machine.travel(datetime.fromisoformat(moment), tick=False):
        (page,) = read(LEAVING, **LAST_DAY, time_zone=zone)
    assert [person.external_id for person in page.people if not person.active] == inactive


def test_a_file_that_stays_the_same_is_read_again_on_another_day():
    with time_machine.travel(datetime(2027, 3, 31, 12, tzinfo=UTC), tick=False):
        (page,) = read(LEAVING, **LAST_DAY)
        cookie = page.end.cookie
        assert read(LEAVING, cookie=cookie, **LAST_DAY)[0].people == ()
    with time_machine.travel(datetime(2027, 4, 1, 12, tzinfo=UTC), tick=False):
        assert people(read(LEAVING, cookie=cookie, **LAST_DAY)) == [
            ("7", "zoe", False), ("8", "bo", True), ("9", "cy", True),
        ]  # fmt: skip


def test_whoever_is_inactive_has_no_last_day_to_wait_for():
    body = "No;Login;Active;Austritt\n7;zoe;no;31.12.2999\n8;bo;yes;31.12.1999\n"
    mapping = {**LAST_DAY["mapping"], "active": "Active"}
    assert people(read(body, mapping=mapping, dates="31.03.2027")) == [
        ("7", "zoe", False),
        ("8", "bo", False),
    ]


@pytest.mark.parametrize(
    ("dates", "text", "is_read"),
    [
        ("2027-03-31", "2027-03-31", True),
        ("31/03/2027", "31/03/2027", True),
        ("03/31/2027", "03/31/2027", True),
        ("03/31/2027", "31/03/2027", False),
        ("2027-03-31", "31.03.2027", False),
        ("2027-03-31", "soon", False),
        ("2027-03-31", "2027-02-30", False),
    ],
)
def test_a_date_that_is_none_is_no_word_about_anybody(dates, text, is_read):
    (page,) = read(f"No;Login;Austritt\n7;zoe;{text}\n", mapping=LAST_DAY["mapping"], dates=dates)
    assert [bad.reason for bad in page.unreadable] == (
        [] if is_read else [f"The last day is not written as {dates}."]
    )


def test_a_time_zone_that_is_none_is_named():
    with pytest.raises(Misconfigured, match="no time zone"):
        read(LEAVING, **LAST_DAY, time_zone="Europe/Atlantis")


def test_the_day_after_their_last_somebody_is_suspended_without_a_new_file(acme):
    pull = pulls.create(
        acme, kind="csv", name="HR", settings={**LAST_DAY, "dates": "2027-03-31"}, actor=SETUP
    )
    # Neither before nor after a midnight that comes by.
    with time_machine.travel(timezone.now().replace(hour=12), tick=True):
        read_file(pull, f"No;Login;Austritt\n7;zoe;{timezone.now().date()}\n8;bo;\n")
        assert states(pull) == {"7": "active", "8": "active"}
    with later_on(days=1):
        settle(pull, ADA)
        assert states(pull) == {"7": "suspended", "8": "active"}
