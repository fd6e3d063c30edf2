"""GET /me: who calls."""

import pytest
from django.conf import settings

from identity import members, organizations, roles, tokens
from tests.api.client import Api, bearer, browser_of, token_of
from tests.conftest import SETUP

SECRET = "the-operator-token-of-the-tests"


def test_a_token_learns_whose_it_is(acme, ada):
    token, secret = tokens.issue(ada, actor=SETUP, scopes=["members.read"], name="reports")
    answer = bearer(secret).get("/me")
    assert answer.status_code == 200
    assert answer.json() == {
        "kind": "token",
        "operator": False,
        "organization": {"id": str(acme.pk), "slug": "acme", "name": "Acme"},
        "member": {
            "id": str(ada.pk),
            "user_name": "ada@acme.example",
            "email": "ada@acme.example",
            "display_name": "Ada Admin",
        },
        "token": {
            "id": str(token.pk),
            "prefix": token.prefix,
            "name": "reports",
            "scopes": ["members.read"],
            "expires_at": token.expires_at.isoformat().replace("+00:00", "Z"),
        },
        "roles": ["organization_admin"],
        "capabilities": ["members.read"],
    }


def test_a_session_has_what_the_roles_give(ada, jane):
    mine = browser_of(ada).get("/me").json()
    assert (mine["kind"], mine["token"], mine["capabilities"]) == ("member", None, list(roles.CAPABILITIES))
    assert browser_of(jane).get("/me").json()["capabilities"] == []


def test_the_operator_token_is_no_member(settings, db):
    settings.ROLLCALL_OPERATOR_TOKEN = SECRET
    answer = bearer(SECRET).get("/me").json()
    assert (answer["kind"], answer["operator"], answer["organization"]) == ("operator", True, None)
    assert bearer(SECRET + "x").get("/me").status_code == 401


def test_an_empty_operator_token_lets_nobody_in(settings, db):
    settings.ROLLCALL_OPERATOR_TOKEN = ""
    for header in ("Bearer ", "Bearer", "Bearer  "):
        assert Api({"Authorization": header}).get("/me").status_code == 401


def test_an_administrator_of_the_operating_organization_is_an_operator(opal, operators):
    assert browser_of(opal).get("/me").json()["operator"] is True
    scoped = token_of(opal, "members.read").get("/me").json()
    assert (scoped["operator"], scoped["capabilities"]) == (True, ["members.read"])


def test_a_directory_can_ask_who_it_is_and_nothing_else(acme, okta):
    api = bearer(okta.secret)
    assert api.get("/me").json()["kind"] == "directory"
    assert api.get("/organizations/acme/members").status_code in {403, 404}


@pytest.mark.parametrize(
    "header", ["Bearer nonsense", "Basic YWRhOmFkYQ==", "Bearer rcm_000000000000_x", "x"]
)
def test_a_bad_header_is_refused_even_beside_a_good_session(ada, header):
    api = browser_of(ada)
    api.headers = {"Authorization": header}
    answer = api.get("/me")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == 'Bearer realm="rollcall", error="invalid_token"'
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (
        401,
        "invalid_token",
        f"{settings.ROLLCALL_PUBLIC_URL}/api/v1/problems/invalid_token",
    )
    assert problem["request_id"] == answer["X-Request-ID"]


def test_nobody_is_asked_for_a_credential(db):
    answer = Api().get("/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="rollcall"'


def test_a_suspended_owner_or_organization_shuts_the_token_out(acme, ada, jane):
    api, session = token_of(jane), browser_of(jane)
    members.suspend(jane, actor=SETUP)
    assert api.get("/me").json()["code"] == "token_revoked"
    assert session.get("/me").status_code == 401
    api = token_of(ada)
    organizations.suspend(acme, actor=SETUP)
    assert api.get("/me").json()["code"] == "token_organization_suspended"


def test_unknown_addresses_answer_problem_details(db):
    for path in (
        "/",
        "/nonsense",
        "/organizations/acme/nonsense",
        "/me/",
        "/organizations/A%00",
        "/a%0Ab",
        "/a%0A",
    ):
        answer = Api().get(path)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json"), path
        assert answer.json()["code"] == "not_found"
    assert Api().post("/nonsense", {}).status_code == 404


def test_a_problem_type_leads_to_its_meaning(db):
    assert Api().get("/problems/user_name_taken").json()["meaning"]
    assert Api().get("/problems/nonsense").status_code == 404


def test_other_methods_are_not_allowed(ada):
    answer = token_of(ada).post("/me", {})
    assert (answer.status_code, answer["Allow"], answer.json()["code"]) == (
        405,
        "GET, HEAD",
        "method_not_allowed",
    )
