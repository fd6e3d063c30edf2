"""Refused requests: one table for every refusal, and an entry for each that we can put a name to."""

import pytest

from identity import errors, members, organizations
from identity.api import problems
from tests.api.client import bearer, browser_of, operator, recorded, token_of
from tests.conftest import SETUP


def _all(kind):
    return {kind}.union(*(_all(below) for below in kind.__subclasses__()))


@pytest.mark.parametrize(
    "kind",
    sorted(
        (kind for kind in _all(errors.Refusal) if kind.__module__ == "identity.errors"),
        key=lambda kind: kind.code,
    ),
    ids=lambda kind: kind.code,
)
def test_every_refusal_of_the_domain_has_its_line(kind):
    assert kind in problems.TABLE
    more = {"wait": 30} if kind is errors.TooSoon else {}
    answer = problems.answer_of(kind("Do that instead.", field="name", **more))
    assert 400 <= answer.status < 500
    assert (answer.code, answer.detail, answer.field) == (kind.code, "Do that instead.", "name")


def test_a_refusal_of_a_floor_above_is_answered_as_its_nearest():
    class Odd(errors.NameTaken):
        code = "odd"

    answer = problems.answer_of(Odd("Choose another."))
    assert (answer.status, answer.code) == (409, "odd")


def test_a_bug_is_no_refusal():
    assert problems.answer_of(RuntimeError("a bug")) is None


def test_a_refused_right_is_recorded_with_who_and_where(acme, jane):
    api = token_of(jane)
    answer = api.get("/organizations/acme/entries")
    (entry,) = recorded(acme, "api.refuse")
    assert (entry["outcome"], entry["reason"], entry["source"]) == ("refused", "forbidden", "api")
    assert (entry["actor"]["kind"], entry["actor"]["label"].split()[0]) == ("token", "jane@acme.example")
    assert entry["data"] == {
        "method": "GET",
        "route": "api/v1/organizations/<org:org>/entries",
        "status": 403,
        "field": "",
    }
    assert entry["request_id"] == answer["X-Request-ID"] == entry["subject"]["id"]


def test_a_dead_token_is_recorded_in_its_organization(acme, ada, jane, okta):
    api = token_of(jane)
    members.suspend(jane, actor=SETUP)
    assert api.get("/me").status_code == 401
    (entry,) = recorded(acme, "api.refuse")
    assert (entry["reason"], entry["actor"]["kind"]) == ("token_revoked", "token")


def test_an_invented_token_leaves_no_trace(acme):
    assert bearer("rcm_0123456789ab_invented").get("/organizations/acme").status_code == 401
    assert recorded(acme, "api.refuse") == []


def test_knocking_at_anothers_door_is_recorded_at_home_alone(acme, globex, gus):
    assert token_of(gus).get("/organizations/acme/members").status_code == 404
    assert recorded(acme, "api.refuse") == []
    (entry,) = recorded(globex, "api.refuse")
    assert (entry["reason"], entry["data"]["route"]) == (
        "not_found",
        "api/v1/organizations/<org:org>/members",
    )


def test_a_stranger_is_told_the_same_as_of_nothing(acme, globex, gus):
    api = token_of(gus)
    real, none = api.get(f"/organizations/{acme.pk}"), api.get("/organizations/nowhere")
    assert (real.status_code, none.status_code) == (404, 404)
    assert {**real.json(), "request_id": ""} == {**none.json(), "request_id": ""}


def test_a_stranger_without_rights_is_told_404_and_not_403(acme, jane, globex, gus):
    api = token_of(gus, "members.read")
    for answer in (
        api.post("/organizations/acme/members", {"user_name": "x"}),
        api.get("/organizations/acme/entries"),
        api.post(f"/organizations/acme/members/{jane.pk}/offboard"),
        api.put("/organizations/acme/resources", []),
    ):
        assert answer.status_code == 404


def test_a_failed_change_is_recorded_though_its_transaction_is_rolled_back(acme, ada, jane):
    answer = token_of(ada).post("/organizations/acme/members", {"user_name": "jane@acme.example"})
    assert answer.status_code == 409
    (entry,) = recorded(acme, "api.refuse")
    assert (entry["reason"], entry["data"]["field"]) == ("user_name_taken", "user_name")


def test_a_readers_slip_is_answered_and_forgotten(acme, ada):
    api = token_of(ada)
    assert api.get("/organizations/acme/members", limit=0).status_code == 400
    assert api.get("/organizations/acme/members/00000000-0000-0000-0000-000000000000").status_code == 404
    assert recorded(acme, "api.refuse") == []


def test_an_operators_slip_is_recorded_where_it_happened(acme, operators, settings):
    api = operator(settings)
    api.patch("/organizations/acme", {"slug": "x"})
    api.post("/organizations", {"slug": "x"})
    (there,) = recorded(acme, "api.refuse")
    (home,) = recorded(operators, "api.refuse")
    assert there["actor"]["kind"] == home["actor"]["kind"] == "operator"


def test_a_suspended_organization_is_shut_for_its_people_and_open_for_operators(acme, ada, settings):
    api, browser = token_of(ada), browser_of(ada)
    organizations.suspend(acme, actor=SETUP)
    assert (api.get("/organizations/acme").status_code, browser.get("/organizations/acme").status_code) == (
        401,
        401,
    )
    assert operator(settings).get("/organizations/acme").json()["state"] == "suspended"


def test_a_directorys_token_has_no_right_here(acme, globex, okta):
    api = bearer(okta.secret)
    assert api.get("/organizations/acme/members").json()["code"] == "forbidden"
    assert api.get("/organizations/globex/members").json()["code"] == "not_found"
    (entry, _) = recorded(acme, "api.refuse")
    assert entry["actor"]["kind"] == "directory"
