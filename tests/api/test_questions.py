"""Access questions through the API: may they, who may, and what could they at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from identity import access, grants, members, resources
from identity.grants import GrantSpec
from tests.api.client import token_of
from tests.conftest import SETUP, later

THEN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def granted(acme, ada, jane):
    rows = [
        {"kind": "portfolio", "id": "p1"},
        {"kind": "asset", "id": "a/1", "name": "First", "parent": "p1"},
    ]
    resources.register(acme, rows, actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "edit")], actor=SETUP)
    return jane


def question(member, permission="view", kind="asset", key="a/1"):
    return {"member": str(member.pk), "permission": permission, "resource": {"kind": kind, "id": key}}


def test_the_product_asks_a_batch_and_hears_why(ada, granted):
    api = token_of(ada, "access.read")
    answer = api.post(
        "/organizations/acme/access/check",
        {"questions": [question(granted), question(granted, key="x"), question(ada)]},
    )
    assert answer.status_code == 200
    allowed, unknown, refused = answer.json()["answers"]
    why = allowed.pop("why")
    assert allowed == {"allowed": True, "reason": "granted"}
    assert {name: why[name] for name in ("permission", "origin", "inherited_from", "implied")} == {
        "permission": "edit",
        "origin": "admin",
        "inherited_from": {"kind": "portfolio", "id": "p1"},
        "implied": True,
    }
    assert unknown == {"allowed": False, "reason": "unknown_resource", "why": None}
    assert refused == {"allowed": False, "reason": "no_grant", "why": None}


def test_an_offboarding_shows_at_the_next_call(ada, granted):
    api = token_of(ada)
    body = {"questions": [question(granted)]}
    assert api.post("/organizations/acme/access/check", body).json()["answers"][0]["allowed"]
    members.offboard(granted, actor=SETUP)
    assert api.post("/organizations/acme/access/check", body).json()["answers"][0]["reason"] == "offboarded"


def test_who_may_is_listed_page_by_page(acme, ada, granted):
    grants.replace(ada, [GrantSpec("asset", "a/1", "view")], actor=SETUP)
    api = token_of(ada, "access.read")
    path = "/organizations/acme/resources/asset/a/1/access"
    first = api.get(path, limit=1).json()
    second = api.get(path, limit=1, after=first["next"]).json()
    assert [item["user_name"] for item in first["items"] + second["items"]] == [
        "ada@acme.example",
        "jane@acme.example",
    ]
    assert second["next"] is None
    assert second["items"][0]["why"]["inherited_from"] == {"kind": "portfolio", "id": "p1"}
    assert api.get("/organizations/acme/resources/asset/none/access").status_code == 404


def test_the_past_is_told_as_it_was(acme, ada, granted):
    at = timezone.now().isoformat()
    with later(days=1):
        members.offboard(granted, actor=SETUP)
    with later(days=2):
        api = token_of(ada, "access.read")
        path = f"/organizations/acme/members/{granted.pk}/access"
        now, then = api.get(path).json(), api.get(path, at=at).json()
        assert (now["active"], now["grants"]) == (False, [])
        assert then["active"]
        assert [(line["id"], line["permission"]) for line in then["grants"]] == [
            ("a/1", "edit"),
            ("p1", "edit"),
        ]
        before = api.get(path, at=THEN.isoformat()).json()
        assert (before["active"], before["grants"], before["roles"]) == (False, [], [])
        body = {"questions": [question(granted)], "at": at}
        assert api.post("/organizations/acme/access/check", body).json()["answers"][0]["allowed"]
        holders = api.get("/organizations/acme/resources/asset/a/1/access", at=at).json()["items"]
        assert [item["member"] for item in holders] == [str(granted.pk)]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "questions"),
        ({"questions": [{"member": "x"}]}, 400, "questions[0].member"),
        ({"questions": [], "at": "2026-01-01"}, 400, "at"),
        ({"questions": [], "cache": True}, 400, "cache"),
    ],
)
def test_wrong_questions_are_refused_by_name(ada, body, status, field):
    answer = token_of(ada).post("/organizations/acme/access/check", body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_too_many_questions_and_the_future_are_refused(ada, granted):
    api = token_of(ada)
    many = {"questions": [question(granted)] * (access.QUESTIONS_MAX + 1)}
    assert api.post("/organizations/acme/access/check", many).status_code == 400
    later = {"questions": [question(granted)], "at": (timezone.now() + timedelta(hours=1)).isoformat()}
    assert api.post("/organizations/acme/access/check", later).json()["field"] == "at"


def test_strangers_and_those_without_the_right_learn_nothing(acme, ada, gus, granted):
    body = {"questions": [question(granted)]}
    path = "/organizations/acme/access/check"
    assert token_of(gus).post(path, body).status_code == 404
    assert token_of(ada, "members.read").post(path, body).status_code == 403
    assert token_of(gus).get("/organizations/acme/resources/asset/a/1/access").status_code == 404
    assert (
        token_of(ada, "members.read").get("/organizations/acme/resources/asset/a/1/access").status_code == 403
    )
    inside = token_of(gus).post("/organizations/globex/access/check", body)
    assert inside.json()["answers"][0]["reason"] == "unknown_member"
