"""A member's sessions and tokens over the API."""

import pytest
from django.db import connection

from identity import tokens
from tests.api.client import bearer, browser_of, recorded, token_of
from tests.conftest import join


@pytest.fixture
def path(jane):
    return f"/organizations/acme/members/{jane.pk}"


def test_sessions_are_listed_and_ended_one_by_one_or_all(acme, ada, jane, path):
    first, second, third = browser_of(jane), browser_of(jane), browser_of(jane)
    api = token_of(ada)
    listed = api.get(f"{path}/sessions").json()["items"]
    assert len(listed) == 3
    assert set(listed[0]) == {
        "id",
        "connection_id",
        "ip",
        "user_agent",
        "started_at",
        "seen_at",
        "expires_at",
    }
    assert api.delete(f"{path}/sessions/{listed[0]['id']}").status_code == 204
    assert [browser.get("/me").status_code for browser in (first, second, third)] == [401, 200, 200]
    assert api.delete(f"{path}/sessions").status_code == 204
    assert [browser.get("/me").status_code for browser in (first, second, third)] == [401, 401, 401]
    assert api.get(f"{path}/sessions").json()["items"] == []
    assert len(recorded(acme, "session.end")) == 3


def test_all_sessions_of_somebody_are_ended_by_as_many_statements_as_one(acme, ada, jane, path):
    api = token_of(ada)
    api.get(f"{path}/sessions")  # that the token was used is noted once
    statements = []

    def noted(execute, sql, parameters, many, context):
        statements[-1].append(sql)
        return execute(sql, parameters, many, context)

    for number in (1, 12):
        browsers = [browser_of(jane) for _ in range(number)]
        statements.append([])
        with connection.execute_wrapper(noted):
            assert api.delete(f"{path}/sessions").status_code == 204
        assert {browser.get("/me").status_code for browser in browsers} == {401}
    assert len(statements[0]) == len(statements[1]) > 0
    assert len(recorded(acme, "session.end")) == 13


def test_a_session_is_found_below_its_member_alone(ada, jane, path):
    browser = browser_of(jane)
    api = token_of(ada)
    session = api.get(f"{path}/sessions").json()["items"][0]["id"]
    assert api.delete(f"/organizations/acme/members/{ada.pk}/sessions/{session}").status_code == 404
    assert browser.get("/me").status_code == 200


def test_a_token_is_shown_once_and_does_what_scopes_and_owner_allow(acme, ada, path):
    api = token_of(ada)
    answer = api.post(f"{path}/tokens", {"name": "ci", "scopes": ["members.read"]})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    issued = answer.json()
    mine = bearer(issued["token"]).get("/me").json()
    # Jane has no role: her token has the scope, and she still lacks the right.
    assert (mine["token"]["scopes"], mine["capabilities"]) == (["members.read"], [])
    listed = api.get(f"{path}/tokens").json()["items"]
    assert issued["token"] not in str(listed)
    assert [item["id"] for item in listed] == [issued["id"]]
    assert api.delete(f"{path}/tokens/{issued['id']}").status_code == 204
    assert tokens.find(issued["token"]).refusal == "revoked"
    (entry,) = recorded(acme, "token.revoke")
    assert entry["subject"]["id"] == issued["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scopes"),
        ({"scopes": ["everything"]}, "scopes[0]"),
        ({"scopes": ["scim"]}, "scopes[0]"),
        ({"scopes": "members.read"}, "scopes"),
        ({"scopes": [], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"scopes": [], "owner": "me"}, "owner"),
    ],
)
def test_a_wrong_token_is_refused(ada, path, body, field):
    answer = token_of(ada).post(f"{path}/tokens", body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_nobody_issues_scopes_that_they_lack(acme):
    manager = join(acme, "max@acme.example", role="member_manager")
    answer = token_of(manager).post(
        f"/organizations/acme/members/{manager.pk}/tokens", {"scopes": ["record.read"]}
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (403, "forbidden", "scopes")


def test_only_active_members_get_tokens(ada, path):
    api = token_of(ada)
    api.post(f"{path}/suspend")
    assert api.post(f"{path}/tokens", {"scopes": []}).status_code == 400


def test_readers_end_nothing(ada, jane, path):
    browser = browser_of(jane)
    api = token_of(ada, "members.read")
    for answer in (api.delete(f"{path}/sessions"), api.post(f"{path}/tokens", {"scopes": []})):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert browser.get("/me").status_code == 200


def test_nobody_issues_a_token_in_the_name_of_who_may_do_more(acme, ada, jane):
    mia = join(acme, "mia@acme.example", role="member_manager")
    for scopes in (["members.read"], ["own_profile"], []):
        refused = token_of(mia).post(
            f"/organizations/acme/members/{ada.pk}/tokens", {"name": "x", "scopes": scopes}
        )
        assert (refused.status_code, refused.json()["field"]) == (403, "member")
    for owner in (jane, mia):
        body = {"name": "x", "scopes": ["members.read"]}
        assert token_of(mia).post(f"/organizations/acme/members/{owner.pk}/tokens", body).status_code == 201


def test_a_token_issues_another_of_its_owner(ada):
    body = {"name": "next", "scopes": ["members.write"]}
    path = f"/organizations/acme/members/{ada.pk}/tokens"
    assert token_of(ada, "members.write").post(path, body).status_code == 201
    assert token_of(ada, "members.write").post(path, body | {"scopes": ["members.read"]}).status_code == 403


def test_nobody_becomes_an_operator_by_a_token(acme, operators, opal):
    """An operator's token is one whatever its scopes, so it must come from an operator."""
    mia = join(operators, "mia@rollcall.example", role="member_manager")
    api = token_of(mia)
    assert api.get("/organizations/acme/members").status_code == 404
    body = {"name": "x", "scopes": ["members.read"], "service": True}
    assert api.post(f"/organizations/operators/members/{opal.pk}/tokens", body).status_code == 403
    bob = join(operators, "bob@rollcall.example")
    secret = api.post(f"/organizations/operators/members/{bob.pk}/tokens", body).json()["token"]
    refused = api.post(
        "/organizations/operators/offboardings", {"members": [str(bob.pk)], "hand_over_to": str(opal.pk)}
    )
    assert (refused.status_code, refused.json()["field"]) == (400, "hand_over_to")
    assert bearer(secret).get("/organizations/acme/members").status_code == 404
