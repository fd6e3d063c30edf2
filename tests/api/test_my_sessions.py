"""One's own sessions over the API, and an administrator's reset of a second factor."""

import re

from identity import second_factors, sessions
from tests.api.client import bearer, browser_of, token_of
from tests.authenticator import code_of
from tests.conftest import SETUP, join


def csrf(api):
    page = api.client.get("/me").content.decode()
    api.headers["X-CSRFToken"] = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page).group(1)
    return api


def test_extending_rotates_the_cookie_and_wants_the_csrf_token(acme, jane):
    api = browser_of(jane)
    before = api.client.cookies["rollcall_session"].value
    assert api.post("/me/session").status_code == 403
    answer = csrf(api).post("/me/session")
    assert answer.status_code == 200
    assert set(answer.json()) == {"id", "started_at", "expires_at", "not_after"}
    assert api.client.cookies["rollcall_session"].value != before
    assert sessions.find(before) is None
    assert api.get("/me/session").json()["expires_at"] == answer.json()["expires_at"]


def test_a_token_has_no_session_of_its_own_but_sees_and_ends_its_owners(acme, jane, ada):
    session, cookie = sessions.start(jane, actor=SETUP)
    foreign, _ = sessions.start(ada, actor=SETUP)
    api = token_of(jane, "record.read")
    assert api.get("/me/session").status_code == 404
    assert api.post("/me/session").status_code == 404
    assert [row["id"] for row in api.get("/me/sessions").json()["items"]] == [str(session.pk)]
    assert api.delete(f"/me/sessions/{foreign.pk}").status_code == 404
    assert api.delete(f"/me/sessions/{session.pk}").status_code == 204
    assert api.delete(f"/me/sessions/{session.pk}").status_code == 404
    assert sessions.find(cookie) is None


def test_a_directory_has_no_sessions(okta):
    for path in ("/me/sessions", "/me/session"):
        answer = bearer(okta.secret).get(path)
        assert answer.status_code in {403, 404}, path
        assert answer.json()["detail"]


def test_a_second_factor_is_seen_and_reset(acme, ada, jane):
    path = f"/organizations/acme/members/{jane.pk}/second-factor"
    api = token_of(ada)
    assert api.get(path).json() == {"enrolled_at": None, "recovery_codes_left": 0}
    assert api.delete(path).status_code == 404
    offer = second_factors.offer(jane, "Rollcall")
    second_factors.enrol(jane, offer.sealed, code_of(offer.secret), actor=SETUP)
    assert api.get(path).json()["recovery_codes_left"] == 10
    assert api.delete(path).status_code == 204
    assert second_factors.of(jane) is None


def test_nobody_resets_it_for_somebody_who_may_do_more(acme, ada):
    offer = second_factors.offer(ada, "Rollcall")
    second_factors.enrol(ada, offer.sealed, code_of(offer.secret), actor=SETUP)
    manager = token_of(join(acme, "mia@acme.example", role="member_manager"), "members.read", "members.write")
    assert manager.delete(f"/organizations/acme/members/{ada.pk}/second-factor").status_code == 403
    assert second_factors.of(ada) is not None


def test_the_policy_is_set_by_the_organization(acme, ada):
    api = token_of(ada)
    assert api.get("/organizations/acme").json()["second_factor"] == "optional"
    assert (
        api.patch("/organizations/acme", {"second_factor": "everybody"}).json()["second_factor"]
        == "everybody"
    )
    assert api.patch("/organizations/acme", {"second_factor": "never"}).status_code == 400
