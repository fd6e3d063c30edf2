"""Jobs: what is due happens, once, whoever runs it how often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from audit.models import Detail, Entry
from identity import deadlines, invitations, members, organizations, sessions, tenancy, tokens
from identity.models import Invitation, Session, Token
from saml.models import Attempt
from tasks.celery import app
from tasks.jobs import credentials, leavers, sign_ins, turn
from tasks.timetable import TIMETABLE
from tests.conftest import SETUP, join, later, states
from tests.saml.door import Browser, connect


def count(organization, event):
    with tenancy.of(organization):
        return Entry.objects.filter(event=event).count()


def test_a_scheduled_end_offboards_when_it_comes(acme, globex, jane, gus):
    deadlines.schedule_end(jane, timezone.now() + timedelta(hours=1), actor=SETUP)
    deadlines.schedule_end(gus, timezone.now() + timedelta(hours=3), actor=SETUP)
    assert leavers.scheduled_ends() == 0
    with later(hours=2):
        assert leavers.scheduled_ends() == 1
        assert leavers.scheduled_ends() == 0
    assert (states(acme), states(globex)) == (
        {"jane@acme.example": "offboarded"},
        {"gus@globex.example": "active"},
    )
    with tenancy.of(acme):
        entry = Entry.objects.get(event="member.offboard")
    assert (entry.actor_kind, entry.actor_id) == ("job", "scheduled_ends")


def test_everybody_whose_end_has_come_goes_in_one_turn(acme, monkeypatch):
    monkeypatch.setattr(leavers, "BATCH", 2)
    people = [join(acme, f"p{number}@acme.example") for number in range(7)]
    for member in people[:5]:
        deadlines.schedule_end(member, timezone.now() + timedelta(hours=1), actor=SETUP)
    organizations.change(acme, grace_days=0, actor=SETUP)
    with later(hours=2):
        # A turn that is over leaves the rest to the next one.
        monkeypatch.setattr(turn, "TURN_SECONDS", -1.0)
        assert leavers.scheduled_ends() == 2
        monkeypatch.undo()
        monkeypatch.setattr(leavers, "BATCH", 2)
        assert leavers.scheduled_ends() == 3
        again = [join(acme, f"q{number}@acme.example") for number in range(5)]
        for member in again:
            members.suspend(member, actor=SETUP)
    with later(hours=3):
        assert leavers.grace_ends() == 5
        assert leavers.grace_ends() == 0
    assert list(states(acme).values()).count("active") == 2


def test_a_batch_that_comes_to_nothing_ends_the_turn(monkeypatch):
    """Somebody else is at these, or they cannot go: the same ones would be found for ever."""
    asked = []

    def batch():
        asked.append(1)
        return 2, 2 if len(asked) < 3 else 0

    assert turn.in_turn(batch, 2) == 4
    assert len(asked) == 3


def test_an_end_that_was_moved_in_the_meantime_does_not_come(jane):
    stale = deadlines.schedule_end(jane, timezone.now() + timedelta(hours=1), actor=SETUP)
    deadlines.schedule_end(jane, None, actor=SETUP)
    with later(hours=2):
        assert deadlines.offboard_due(stale.organization_id, [stale.pk], actor=SETUP) == 0


@pytest.mark.parametrize(
    ("grace_days", "days", "offboarded"), [(30, 29, 0), (30, 31, 1), (0, 0, 1), (5, 6, 1)]
)
def test_suspended_people_are_offboarded_after_the_grace_of_their_organization(
    acme, jane, grace_days, days, offboarded
):
    organizations.change(acme, grace_days=grace_days, actor=SETUP)
    members.suspend(jane, actor=SETUP)
    with later(days=days, seconds=1):
        assert leavers.grace_ends() == offboarded
        assert leavers.grace_ends() == 0


def test_a_job_beside_itself_does_it_once(acme):
    for number in range(10):
        deadlines.schedule_end(join(acme, f"p{number}"), timezone.now() + timedelta(seconds=1), actor=SETUP)

    def run(_):
        try:
            return leavers.scheduled_ends()
        finally:
            connections.close_all()

    with later(minutes=1), ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 10
    assert count(acme, "member.offboard") == 10


def test_credentials_are_closed_when_their_time_has_passed(acme, jane):
    tokens.issue(jane, scopes=[], expires_at=timezone.now() + timedelta(hours=1), actor=SETUP)
    sessions.start(jane, actor=SETUP, not_after=timezone.now() + timedelta(hours=1))
    invitations.create(acme, "new@acme.example", expires_at=timezone.now() + timedelta(hours=1), actor=SETUP)
    jobs = (credentials.expired_tokens, credentials.expired_sessions, credentials.expired_invitations)
    assert [job() for job in jobs] == [0, 0, 0]
    with later(hours=2):
        assert [job() for job in jobs] == [1, 1, 1]
        assert [job() for job in jobs] == [0, 0, 0]
    with tenancy.of(acme):
        assert Token.objects.get().revoked_at
        assert Session.objects.get().end_reason == "expired"
        assert Invitation.objects.get().withdrawn_at
    assert [count(acme, event) for event in ("token.expire", "session.end", "invitation.expire")] == [1, 1, 1]


def test_as_many_invitations_as_there_are_are_closed_in_one_turn(acme, monkeypatch):
    monkeypatch.setattr(credentials, "AT_ONCE", 2)
    soon = timezone.now() + timedelta(hours=1)
    for number in range(5):
        invitations.create(acme, f"new{number}@acme.example", expires_at=soon, actor=SETUP)
    with later(hours=2):
        assert credentials.expired_invitations() == 5
        assert credentials.expired_invitations() == 0
    assert count(acme, "invitation.expire") == 5


def many_sessions(organization, number):
    """Have a member of the organization signed in with so many browsers for an hour."""
    member = join(organization, "busy")
    for _ in range(number):
        sessions.start(member, actor=SETUP, not_after=timezone.now() + timedelta(hours=1))
    return member


def test_as_many_sessions_as_there_are_are_closed_some_at_a_time(acme, globex, jane, monkeypatch):
    monkeypatch.setattr(credentials, "AT_ONCE", 3)
    busy = many_sessions(acme, 7)
    many_sessions(globex, 4)
    sessions.start(jane, actor=SETUP)
    with later(hours=2):
        assert credentials.expired_sessions() == 11
        assert credentials.expired_sessions() == 0
    assert (count(acme, "session.end"), count(globex, "session.end")) == (7, 4)
    with tenancy.of(acme):
        assert Session.objects.filter(ended_at__isnull=True).get().member_id == jane.pk
        entry = Entry.objects.filter(event="session.end").latest("pk")
        body = Detail.objects.get(entry_id=entry.pk).body
        assert Session.objects.get(pk=entry.subject_id).member_id == busy.pk
    assert (entry.actor_kind, entry.actor_id) == ("job", "expired_sessions")
    assert (body["subject"], body["data"]) == ("busy", {"reason": "expired", "member": str(busy.pk)})


def test_a_session_that_somebody_holds_is_left_to_the_next_time(acme):
    many_sessions(acme, 3)

    def close():
        try:
            return credentials.expired_sessions()
        finally:
            connections.close_all()

    with later(hours=2), ThreadPoolExecutor(1) as pool:
        with tenancy.change(acme):
            Session.objects.select_for_update().first()
            assert pool.submit(close).result(30) == 2
        assert pool.submit(close).result(30) == 1


def test_sessions_are_closed_once_by_several_at_once(acme, monkeypatch):
    monkeypatch.setattr(credentials, "AT_ONCE", 2)
    many_sessions(acme, 12)

    def close(_):
        try:
            return credentials.expired_sessions()
        finally:
            connections.close_all()

    with later(hours=2), ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(close, range(4))) + credentials.expired_sessions() == 12
    assert count(acme, "session.end") == 12


def test_a_sign_in_that_never_came_back_is_closed_as_incomplete(acme):
    Browser(connect(acme)).begin()
    assert sign_ins.incomplete() == 0
    with later(minutes=16):
        assert sign_ins.incomplete() == 1
        assert sign_ins.incomplete() == 0
    with tenancy.of(acme):
        assert Attempt.objects.get().outcome == "incomplete"
    assert count(acme, "sign_in.incomplete") == 1


def test_spent_assertions_are_kept_until_they_could_not_be_shown_again(acme, jane):
    browser = Browser(connect(acme))
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303
    with later(minutes=30):
        assert sign_ins.spent() == 0
    with later(hours=3):
        assert sign_ins.spent() == 1


def test_what_sign_ins_leave_is_dealt_with_until_nothing_is_left(acme, jane, monkeypatch):
    monkeypatch.setattr(sign_ins, "BATCH", 1)
    monkeypatch.setattr(sign_ins, "AT_ONCE", 1)
    browser = Browser(connect(acme))
    for _ in range(3):
        assert browser.sign_in(name_id="jane@acme.example").status_code == 303
        browser.begin()
    with later(hours=3):
        assert (sign_ins.incomplete(), sign_ins.spent()) == (3, 3)
    with later(days=settings.ROLLCALL_SIGN_IN_DETAIL_DAYS + 1):
        credentials.expired_sessions()
        assert (sign_ins.forget_details(), sign_ins.forget_details()) == (3, 0)


def test_the_timetable_names_jobs_that_exist():
    app.loader.import_default_modules()
    assert {entry.job for entry in TIMETABLE} <= set(app.tasks)
    ours = {name for name in app.tasks if name.startswith("tasks.jobs.")}
    assert ours <= {entry.job for entry in TIMETABLE}, "a job that nobody calls"
