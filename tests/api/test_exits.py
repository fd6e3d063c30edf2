"""The ways out and back in over the API."""

from datetime import UTC, datetime

import pytest

from identity import grants, members, resources, roles
from identity.grants import GrantSpec
from tests.api.client import browser_of, recorded, token_of
from tests.conftest import SETUP, join


@pytest.fixture
def path(acme, jane):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "edit")], actor=SETUP)
    roles.replace(jane, ["auditor"], actor=SETUP)
    return f"/organizations/acme/members/{jane.pk}"


def test_suspending_shuts_the_session_and_the_token_out_at_once(acme, ada, jane, path):
    session, token = browser_of(jane), token_of(jane)
    assert (session.get("/me").status_code, token.get("/me").status_code) == (200, 200)
    answer = token_of(ada).post(f"{path}/suspend", {"reason": "on leave"})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["state_reason"]) == ("suspended", "on leave")
    assert (session.get("/me").status_code, token.get("/me").status_code) == (401, 401)
    (entry,) = recorded(acme, "member.suspend")
    assert (entry["source"], entry["data"]["reason"]) == ("api", "on leave")


def test_reactivating_brings_back_what_was_dormant(ada, path):
    api = token_of(ada)
    before = api.get(f"{path}/access").json()["grants"]
    api.post(f"{path}/suspend")
    answer = api.post(f"{path}/reactivate")
    assert (answer.status_code, answer.json()["state"]) == (200, "active")
    assert api.get(f"{path}/access").json()["grants"] == before


def test_offboarding_answers_with_the_receipt(acme, ada, jane, path):
    session, token = browser_of(jane), token_of(jane)
    answer = token_of(ada).post(f"{path}/offboard", {"reason": "left"})
    assert answer.status_code == 200
    receipt = answer.json()
    assert receipt["member_id"] == str(jane.pk)
    assert receipt["already"] is False
    assert receipt["roles"] == ["auditor"]
    assert [len(receipt[name]) for name in ("sessions", "tokens", "grants", "invitations", "groups")] == [
        1,
        1,
        1,
        0,
        0,
    ]
    assert (session.get("/me").status_code, token.get("/me").status_code) == (401, 401)
    shown = token_of(ada).get(path).json()
    assert (shown["state"], shown["offboarded_at"] is not None) == ("offboarded", True)
    (entry,) = recorded(acme, "member.offboard")
    assert entry["data"]["grants"] == receipt["grants"]
    again = token_of(ada).post(f"{path}/offboard").json()
    assert (again["already"], again["grants"]) == (True, [])


def test_an_offboarded_member_is_neither_suspended_nor_reactivated(acme, ada, path):
    api = token_of(ada)
    api.post(f"{path}/offboard")
    for act in ("suspend", "reactivate"):
        answer = api.post(f"{path}/{act}")
        assert (answer.status_code, answer.json()["code"]) == (409, "offboarded"), act
    assert api.get(path).json()["state"] == "offboarded"
    assert api.put(f"{path}/end", {"ends_at": None}).json()["code"] == "offboarded"
    assert api.put(f"{path}/grants", {"grants": []}).status_code in {400, 409}


@pytest.mark.parametrize("with_access", [True, False])
def test_reinstating_brings_back_the_former_access_only_if_asked(ada, path, with_access):
    api = token_of(ada)
    api.post(f"{path}/offboard")
    answer = api.post(f"{path}/reinstate", {"with_access": with_access})
    assert (answer.status_code, answer.json()["state"]) == (200, "active")
    access = api.get(f"{path}/access").json()
    assert (len(access["grants"]), len(access["roles"])) == ((1, 1) if with_access else (0, 0))


@pytest.mark.parametrize(
    "body", [{}, {"with_access": "true"}, {"with_access": None}, {"with_access": True, "x": 1}]
)
def test_reinstating_says_with_or_without(ada, path, body):
    api = token_of(ada)
    api.post(f"{path}/offboard")
    assert api.post(f"{path}/reinstate", body).status_code == 400
    assert api.get(path).json()["state"] == "offboarded"


def test_what_would_come_back_is_shown_before(acme, ada, jane, path):
    api = token_of(ada)
    assert api.get(f"{path}/reinstate").json() == {"grants": [], "roles": []}
    members.offboard(jane, actor=SETUP)
    shown = api.get(f"{path}/reinstate").json()
    assert shown == {
        "grants": [{"kind": "portfolio", "id": "p1", "name": "", "permission": "edit"}], "roles": ["auditor"],
    }  # fmt: skip
    api.post(f"{path}/reinstate", {"with_access": True})
    assert roles.names_of(jane) == ["auditor"]
    assert api.get(f"{path}/reinstate").json() == {"grants": [], "roles": []}
    assert token_of(ada, "members.read").get(f"{path}/reinstate").status_code == 403


def test_a_user_name_taken_in_between_refuses_the_reinstatement(acme, ada, jane, path):
    api = token_of(ada)
    api.post(f"{path}/offboard")
    join(acme, "jane@acme.example")
    answer = api.post(f"{path}/reinstate", {"with_access": False})
    assert (answer.status_code, answer.json()["code"]) == (409, "user_name_taken")


def test_former_access_is_given_back_by_who_may_give_access(ada, path):
    token_of(ada).post(f"{path}/offboard")
    api = token_of(ada, "members.read", "members.write")
    assert api.post(f"{path}/reinstate", {"with_access": True}).json()["code"] == "forbidden"
    assert api.post(f"{path}/reinstate", {"with_access": False}).status_code == 200


def test_nobody_gives_back_more_than_they_have(acme, ada):
    boss = join(acme, "boss@acme.example", role="organization_admin")
    members.offboard(boss, actor=SETUP)
    manager = join(acme, "max@acme.example", role="member_manager")
    path = f"/organizations/acme/members/{boss.pk}/reinstate"
    assert token_of(manager).post(path, {"with_access": True}).json()["code"] == "forbidden"
    assert token_of(manager).post(path, {"with_access": False}).status_code == 200


def test_an_end_is_set_moved_and_taken_back(acme, ada, path):
    api = token_of(ada)
    answer = api.put(f"{path}/end", {"ends_at": "2031-03-31T18:00:00+02:00"})
    assert (answer.status_code, answer.json()["ends_at"]) == (200, "2031-03-31T16:00:00Z")
    assert api.put(f"{path}/end", {"ends_at": None}).json()["ends_at"] is None
    entries = recorded(acme, "member.schedule_end")
    moment = datetime(2031, 3, 31, 16, tzinfo=UTC).isoformat()
    assert [entry["changes"]["ends_at"] for entry in entries] == [[None, moment], [moment, None]]


@pytest.mark.parametrize(
    "value", ["2031-03-31", "2031-03-31T18:00:00", "soon", 5, "", True, "0001-01-01T00:00:00+14:00"]
)
def test_a_wrong_end_is_refused(ada, path, value):
    answer = token_of(ada).put(f"{path}/end", {"ends_at": value})
    assert (answer.status_code, answer.json()["field"]) == (400, "ends_at")


def test_a_reason_is_a_short_text(ada, path):
    for reason in (5, "x" * 501, ["x"], None):
        answer = token_of(ada).post(f"{path}/suspend", {"reason": reason})
        assert (answer.status_code, answer.json()["field"]) == (400, "reason")
    assert token_of(ada).get(path).json()["state"] == "active"


@pytest.mark.parametrize("act", ["suspend", "reactivate", "offboard", "reinstate"])
def test_readers_cannot_put_anybody_out_or_in(ada, path, act):
    answer = token_of(ada, "members.read", "access.write").post(f"{path}/{act}", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
