"""How long a session lasts: the organization's length, the identity provider's bound, and extending it."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from identity import organizations, sessions, tenancy
from identity.errors import Forbidden, Invalid
from identity.models import Session
from tests.conftest import SETUP, join
from tests.console.conftest import entries, visit

START = 1_800_000_000


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as travel:
        yield travel


def hours(session):
    return (session.expires_at - session.started_at) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("length", "bound", "lasts"), [(24, None, 24), (8, None, 8), (8, 2, 2), (2, 8, 2), (720, None, 720)]
)
def test_the_organizations_length_within_the_identity_providers_bound(
    acme, jane, clock, length, bound, lasts
):
    organizations.change(acme, session_hours=length, actor=SETUP)
    not_after = timezone.now() + timedelta(hours=bound) if bound else None
    assert hours(sessions.start(jane, actor=SETUP, not_after=not_after)[0]) == lasts


def test_an_extended_session_lasts_its_whole_length_again_under_another_cookie(jane, clock):
    session, cookie = sessions.start(jane, actor=SETUP)
    clock.shift(timedelta(hours=23, minutes=50))
    extended, value = sessions.extend(session, actor=SETUP)
    assert hours(extended) == pytest.approx(23 + 50 / 60 + 24)
    assert sessions.find(cookie) is None
    assert sessions.find(value).pk == session.pk


def test_nothing_extends_beyond_the_identity_providers_bound(jane, clock):
    session, _ = sessions.start(jane, actor=SETUP, not_after=timezone.now() + timedelta(hours=30))
    clock.shift(timedelta(hours=20))
    extended, value = sessions.extend(session, actor=SETUP)
    assert hours(extended) == 30
    with pytest.raises(Invalid, match="cannot last longer"):
        sessions.extend(extended, actor=SETUP)
    assert sessions.find(value) is not None, "a refused extension leaves the cookie as it is"


def test_after_thirty_days_nothing_extends_it(jane, clock):
    session, _ = sessions.start(jane, actor=SETUP)
    for _ in range(30):
        clock.shift(timedelta(hours=23, minutes=55))
        session, _ = sessions.extend(session, actor=SETUP)
    assert hours(session) == 720
    clock.shift(timedelta(hours=1))
    with pytest.raises(Invalid):
        sessions.extend(session, actor=SETUP)


def test_a_session_that_has_ended_is_not_revived(jane, clock):
    session, _ = sessions.start(jane, actor=SETUP)
    other, _ = sessions.start(jane, actor=SETUP)
    sessions.end(other, actor=SETUP, reason="test")
    with pytest.raises(Forbidden):
        sessions.extend(other, actor=SETUP)
    clock.shift(timedelta(hours=25))
    with pytest.raises(Forbidden):
        sessions.extend(session, actor=SETUP)


def test_the_banner_shows_in_the_last_quarter_of_an_hour(ada, clock):
    client = visit(ada)
    for minutes, hidden in ((0, True), (23 * 60 + 44, True), (23 * 60 + 46, False)):
        clock.move_to(START + minutes * 60)
        html = client.get("/me").content.decode()
        banner = html[html.index('id="session-banner"') :].split(">", 1)[0]
        assert ("hidden" in banner) is hidden, minutes


def test_extending_on_the_page_leads_back_and_is_recorded(acme, ada, clock):
    client = visit(ada)
    clock.shift(timedelta(hours=23, minutes=50))
    assert b"and ends" in client.get("/me/session").content
    before = client.cookies["rollcall_session"].value
    answer = client.post("/me/session", {"next": "/o/acme/members/"})
    assert answer["Location"] == "/o/acme/members/"
    assert client.cookies["rollcall_session"].value != before
    page = client.get("/o/acme/members/")
    assert b"Your session is extended" in page.content
    (entry,) = entries(acme, "session.extend")
    assert (entry.actor_kind, entry.actor_id) == ("member", str(ada.pk))


def test_a_session_at_its_bound_says_so(acme, ada, clock):
    client = visit(ada)
    with tenancy.of(acme):
        session = sessions.find(client.cookies["rollcall_session"].value)
    other, value = sessions.start(ada, actor=SETUP, not_after=timezone.now() + timedelta(minutes=10))
    client.cookies["rollcall_session"] = value
    answer = client.post("/me/session", {"next": "https://evil.example/"})
    assert answer.status_code == 409
    assert b"cannot last longer" in answer.content
    assert b"evil.example" not in answer.content
    assert session.pk != other.pk


def test_one_ends_ones_own_sessions_and_an_administrator_those_of_others(acme, ada, jane):
    mine, _ = sessions.start(ada, actor=SETUP)
    theirs, cookie = sessions.start(jane, actor=SETUP)
    client = visit(ada)
    assert client.post(f"/me/sessions/{theirs.pk}/end").status_code == 404
    assert client.post(f"/me/sessions/{mine.pk}/end").status_code == 303
    assert client.post(f"/o/acme/members/{jane.pk}/sessions/{theirs.pk}/end").status_code == 303
    assert sessions.find(cookie) is None
    with tenancy.of(acme):
        assert set(Session.objects.filter(ended_at__isnull=False).values_list("pk", flat=True)) == {
            mine.pk,
            theirs.pk,
        }


def test_a_stranger_to_the_console_keeps_out(acme, jane):
    bob = join(acme, "bob@acme.example")
    session, _ = sessions.start(jane, actor=SETUP)
    assert visit(bob).post(f"/o/acme/members/{jane.pk}/sessions/{session.pk}/end").status_code == 403
