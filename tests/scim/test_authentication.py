"""Who may come in: a directory's token, and nobody else; refusals that can be attributed are in the record."""

import base64
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from identity import directories, organizations, tokens
from tests.conftest import SETUP, scim_client
from tests.scim.talk import Scim, entries

pytestmark = pytest.mark.usefixtures("db")

ADDRESSES = [
    "/Users",
    "/Users/1",
    "/Groups",
    "/Groups/1",
    "/Schemas",
    "/ResourceTypes",
    "/ServiceProviderConfig",
    "/.search",
    "/nothing",
]


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize(
    ("header", "code"),
    [("", "token_missing"), ("Token x", "token_missing"), ("Bearer ", "token_missing"),
     ("Bearer rcd_0123456789ab_" + "x" * 43, "token_unknown"), ("Bearer é" + "x" * 5000, "token_shape"), ("Basic eDp5", "token_shape"),
     ("Basic eDo=", "token_missing"),
     ("Basic eA==", "token_missing"), ("Basic !", "token_missing"), ("Basic /w==", "token_missing"),
     ("Basic eDpyY2RfAABhYmNkZWZnaGlqX3g=", "token_missing")],
)  # fmt: skip
def test_without_a_token_nothing_is_answered(acme, path, header, code):
    answer = Scim("").get(path, Authorization=header)
    assert (answer.status, answer.code, answer.body["status"]) == (401, code, "401")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert not entries(acme, event="scim.refuse")


def test_a_known_but_unusable_token_is_refused_and_recorded(acme, okta):
    idp = Scim(okta)
    assert idp.get("/Users").status == 200
    found = tokens.find(okta.secret)
    directories.change(okta.directory, actor=SETUP, active=False)
    assert_refused(idp, acme, 401, "owner_out")
    directories.change(okta.directory, actor=SETUP, active=True)
    organizations.suspend(acme, actor=SETUP)
    assert_refused(idp, acme, 403, "organization_suspended")
    organizations.resume(acme, actor=SETUP)
    tokens.revoke(found.token, actor=SETUP)
    assert_refused(idp, acme, 401, "token_revoked")


def test_an_expired_token_is_refused_and_recorded(acme, okta):
    with time_machine.travel(timezone.now() + timedelta(days=366)):
        assert_refused(Scim(okta), acme, 401, "token_expired")


def assert_refused(idp: Scim, acme, status: int, code: str) -> None:
    answer = idp.get("/Users")
    assert (answer.status, answer.code) == (status, code)
    entry = entries(acme, event="scim.refuse")[-1]
    assert (entry.outcome, entry.reason, entry.actor_kind) == ("refused", code, "directory")


def basic(secret: str, name: str = "scim") -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


@pytest.mark.parametrize("name", ["scim", "", "ünï"])
def test_a_token_is_taken_as_a_password_too(acme, okta, name):
    answer = Scim(okta).post(
        "/Users", {"userName": "mei@example.org"}, Authorization=basic(okta.secret, name)
    )
    assert answer.status == 201
    assert entries(acme, event="member.create")[-1].actor_id == str(okta.directory.pk)
    schemes = Scim(okta).get("/ServiceProviderConfig").body["authenticationSchemes"]
    assert [(each["type"], each["primary"]) for each in schemes] == [
        ("oauthbearertoken", True),
        ("httpbasic", False),
    ]


def test_a_password_is_refused_as_the_token_would_be(acme, okta, ada):
    idp = Scim("", Authorization=basic(okta.secret))
    tokens.revoke(tokens.find(okta.secret).token, actor=SETUP)
    assert_refused(idp, acme, 401, "token_revoked")
    _, own = tokens.issue(ada, actor=SETUP, scopes=["members.read"])
    assert Scim("").get("/Users", Authorization=basic(own)).code == "token_scope"
    stranger = Scim("").get("/Users", Authorization=basic(okta.secret + "x"))
    assert (stranger.status, stranger.code) == (401, "token_shape")
    # A browser that were asked would keep the password, and send it for anybody's page.
    assert stranger.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_that_was_not_copied_as_it_is_says_so(okta):
    said = "This is no whole token: it begins with rcd_ and has 60 characters,"
    assert (okta.secret[:4], len(okta.secret)) == ("rcd_", 60)
    for pasted in (okta.secret[:-1], okta.secret[4:], f"Bearer {okta.secret}", f'"{okta.secret}"'):
        answer = Scim(pasted).get("/Users")
        assert (answer.status, answer.code) == (401, "token_shape")
        assert answer.body["detail"].startswith(said)


def test_a_members_own_token_is_not_a_directory(acme, ada):
    _, secret = tokens.issue(ada, actor=SETUP, scopes=["members.read"])
    answer = Scim(secret).get("/Users")
    assert (answer.status, answer.code) == (403, "token_scope")


def test_several_tokens_live_side_by_side(acme, okta):
    _, second = tokens.issue(okta.directory, actor=SETUP, name="next")
    made = Scim(okta).create("mei@example.org")
    assert Scim(second).get(f"/Users/{made['id']}").status == 200
    tokens.revoke(tokens.find(okta.secret).token, actor=SETUP)
    assert Scim(okta).get("/Users").status == 401
    assert Scim(second).get("/Users").status == 200


def test_the_token_decides_the_tenant(acme, globex):
    acme_idp, globex_idp = Scim(scim_client(acme, "okta")), Scim(scim_client(globex, "okta"))
    acme_idp.create("same@example.org")
    globex_idp.create("same@example.org")
    assert acme_idp.get("/Users").body["totalResults"] == globex_idp.get("/Users").body["totalResults"] == 1
