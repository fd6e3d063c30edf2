"""Directories and their tokens over the API."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from identity import tenancy, tokens
from tests.api.client import bearer, recorded, token_of
from tests.conftest import SETUP, later


def test_a_directory_is_created_and_shown(acme, ada, settings):
    api = token_of(ada)
    answer = api.post("/organizations/acme/directories", {"kind": "scim", "name": "Okta", "idp": "okta"})
    assert answer.status_code == 201
    made = answer.json()
    assert {name: made[name] for name in ("kind", "name", "idp", "active", "defaults", "last_heard_at")} == {
        "kind": "scim",
        "name": "Okta",
        "idp": "okta",
        "active": True,
        "defaults": {},
        "last_heard_at": None,
    }
    assert made["scim_url"] == f"{settings.ROLLCALL_PUBLIC_URL}/scim/v2"
    assert api.get(f"/organizations/acme/directories/{made['id']}").json() == made
    assert api.get("/organizations/acme/directories").json() == {"items": [made], "next": None}
    (entry,) = recorded(acme, "directory.create")
    assert entry["subject"] == {"kind": "directory", "id": made["id"], "label": "Okta"}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "name"),
        ({"name": "okta"}, 409, "name"),
        ({"name": "x", "idp": "nonsense"}, 400, "idp"),
        ({"name": "x", "kind": "ldapx"}, 400, "kind"),
        ({"name": "x", "kind": None}, 400, "kind"),
        ({"name": "x", "secret": "y"}, 400, "secret"),
        ({"name": "x", "defaults": {"roles": "member"}}, 400, "defaults.roles"),
    ],
)
def test_a_wrong_directory_is_refused(acme, ada, okta, body, status, field):
    answer = token_of(ada).post("/organizations/acme/directories", body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_a_directory_is_changed_and_its_tokens_refused_while_inactive(acme, ada, okta):
    api = token_of(ada)
    path = f"/organizations/acme/directories/{okta.directory.pk}"
    answer = api.patch(
        path, {"name": "Okta prod", "active": False, "defaults": {"roles": ["member"], "grants": []}}
    )
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["active"]) == ("Okta prod", False)
    assert bearer(okta.secret).get("/me").json()["code"] == "token_owner_out"
    (entry,) = recorded(acme, "directory.change")
    assert entry["changes"]["active"] == [True, False]


def test_a_token_is_shown_once_listed_without_its_secret_and_revoked(acme, ada, okta):
    api = token_of(ada)
    path = f"/organizations/acme/directories/{okta.directory.pk}/tokens"
    answer = api.post(path, {"name": "prod"})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    issued = answer.json()
    assert issued["token"].startswith(issued["prefix"])
    assert issued["scopes"] == ["scim"]
    assert tokens.find(issued["token"]).refusal == ""
    listed = api.get(path).json()["items"]
    assert len(listed) == 2
    assert {name: value for name, value in issued.items() if name != "token"} == listed[1]
    assert issued["token"] not in api.get(path).content.decode()
    assert api.delete(f"{path}/{issued['id']}").status_code == 204
    assert api.delete(f"{path}/{issued['id']}").status_code == 204
    assert tokens.find(issued["token"]).refusal == "revoked"
    assert api.get(path).json()["items"][1]["revoked_at"]
    assert len(recorded(acme, "token.revoke")) == 1
    assert issued["token"] not in str(recorded(acme, "token.issue"))


def test_a_token_can_be_issued_without_a_body(ada, okta):
    answer = token_of(ada).post(f"/organizations/acme/directories/{okta.directory.pk}/tokens")
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
        ({"expires_at": "2027-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": 1900000000}, "expires_at"),
        ({"scopes": ["scim"]}, "scopes"),
        ({"name": 5}, "name"),
    ],
)
def test_a_wrong_token_is_refused(ada, okta, body, field):
    answer = token_of(ada).post(f"/organizations/acme/directories/{okta.directory.pk}/tokens", body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_one_directorys_token_is_not_found_below_another(ada, okta, entra):
    path = f"/organizations/acme/directories/{okta.directory.pk}/tokens"
    token = token_of(ada).get(path).json()["items"][0]["id"]
    other = f"/organizations/acme/directories/{entra.directory.pk}/tokens"
    assert token_of(ada).delete(f"{other}/{token}").status_code == 404
    assert tokens.find(okta.secret).refusal == ""


def test_readers_cannot_write(ada, okta):
    api = token_of(ada, "directories.read")
    path = f"/organizations/acme/directories/{okta.directory.pk}"
    assert api.get(path).status_code == 200
    for answer in (
        api.post("/organizations/acme/directories", {"name": "x"}),
        api.patch(path, {"active": False}),
        api.post(f"{path}/tokens", {}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_token_is_rotated_and_both_work_until_the_old_one_ends(acme, ada, okta):
    old = tokens.find(okta.secret).token
    path = f"/organizations/acme/directories/{okta.directory.pk}/tokens/{old.pk}/rotate"
    answer = token_of(ada).post(path, {"overlap_days": 3})
    assert answer.status_code == 201
    made = answer.json()
    assert tokens.find(made["token"]).refusal == ""
    found = tokens.find(okta.secret)
    assert (found.refusal, (found.token.expires_at - timezone.now()).days) == ("", 2)
    with time_machine.travel(timezone.now() + timedelta(days=3, seconds=5)):
        assert tokens.find(okta.secret).refusal == "expired"
        assert tokens.find(made["token"]).refusal == ""
    (entry,) = recorded(acme, "token.rotate")
    assert entry["subject"]["id"] == str(old.pk)


@pytest.mark.parametrize("days", [-1, 31, 10**12, "3", None, 1.5])
def test_an_overlap_out_of_bounds_is_refused(acme, ada, okta, days):
    old = tokens.find(okta.secret).token
    path = f"/organizations/acme/directories/{okta.directory.pk}/tokens/{old.pk}/rotate"
    assert token_of(ada).post(path, {"overlap_days": days}).status_code == 400
    assert recorded(acme, "token.rotate") == []


def test_a_rotation_never_lengthens_the_old_tokens_life(acme, ada, okta):
    old, _ = tokens.issue(okta.directory, actor=SETUP, expires_at=timezone.now() + timedelta(hours=1))
    path = f"/organizations/acme/directories/{okta.directory.pk}/tokens/{old.pk}/rotate"
    assert token_of(ada).post(path, {}).status_code == 201
    before = old.expires_at
    with tenancy.of(acme):
        old.refresh_from_db()
    assert old.expires_at == before
    with later(hours=1):
        assert token_of(ada).post(path, {}).status_code == 400
    tokens.revoke(old, actor=SETUP)
    assert token_of(ada).post(path, {}).status_code == 400
