"""What a request asks first travels with the question whose token it is: for the true secret alone, and never in place of what is asked."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from identity import directories, matching, organizations, tenancy, token_owner, tokens
from identity.models import Directory, Member, Token
from identity.postgresql.flush import Statement
from scim.received import FORESEEN_BYTES_MAX
from tests.conftest import SETUP
from tests.scim.talk import PATCH, Scim
from tests.statements import Statements
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("db")
NAMES = Statement("SELECT user_name FROM identity_member ORDER BY user_name")


def test_only_the_true_secret_has_anything_read(okta, jane, gus):
    found = tokens.find(okta.secret, NAMES)
    assert found.answer == [("jane@acme.example",)]
    wrong = okta.secret[:-1] + ("x" if okta.secret[-1] != "x" else "y")
    assert tokens.find(wrong, NAMES) is None
    # Also where somebody forgot to compare the digest, nothing was read.
    speaking = Statement(
        token_owner.STAMPED_AND_SPEAK, ["auto", okta.secret[:16], bytes(tokens._digest(wrong))]
    )
    known, read = tenancy.connection.ask(speaking, NAMES)
    assert (len(known), read) == (1, [])
    assert tokens.find("rcd_000000000000_nobody", NAMES) is None


def test_a_token_that_is_good_no_longer_answers_nothing(okta):
    idp = Scim(okta)
    made = idp.create("mei@example.org")
    directories.change(okta.directory, actor=SETUP, active=False)
    answer = idp.get(f"/Users/{made['id']}")
    assert (answer.status, answer.code, "userName" in answer.body) == (401, "owner_out", False)


def test_what_was_foreseen_wrongly_is_asked_anew(okta):
    idp = Scim(okta)
    made = idp.create("mei@example.org", roles=[{"value": "written"}])
    asked = f"/Users/{made['id']}", '/Users?filter=roles.value eq "written"', "/Users?filter=roles pr"
    assert idp.get(asked[0]).body["roles"] == [{"value": "written"}]
    assert [idp.get(each).body["totalResults"] for each in asked[1:]] == [1, 1]
    # From now on roles are what people hold.
    directories.change(okta.directory, actor=SETUP, settings={"access_follows": True})
    assert "roles" not in idp.get(asked[0]).body
    assert [idp.get(each).body["totalResults"] for each in asked[1:]] == [0, 0]


def test_for_a_token_beyond_its_limit_nothing_is_read(okta):
    limit = {"requests": 1, "seconds": 60}
    directories.change(okta.directory, actor=SETUP, settings={"rate_limit": limit, "request_log_days": 0})
    idp = Scim(okta)
    assert idp.get("/Users").status == 200
    assert idp.get("/Users").status == 429
    with Statements() as seen:
        assert idp.get("/Users").status == 429
    assert not [sql for sql in seen.statements if "identity_link" in sql]


def test_what_is_remembered_of_a_token_ends_with_the_next_change_of_its_rows(okta, acme):
    idp = Scim(okta)
    idp.get("/Users")  # notes the token's use, which is a change
    idp.get("/Users")
    with Statements() as seen:
        idp.get("/Users")
    assert not [sql for sql in seen.statements if "identity_token_owner" in sql]
    for change, code in (
        (lambda: directories.change(okta.directory, actor=SETUP, active=False), "owner_out"),
        (lambda: directories.change(okta.directory, actor=SETUP, active=True), None),
        (lambda: organizations.suspend(acme, actor=SETUP), "organization_suspended"),
        (lambda: organizations.resume(acme, actor=SETUP), None),
        (lambda: tokens.revoke(tokens.find(okta.secret).token, actor=SETUP), "token_revoked"),
    ):
        change()
        answer = idp.get("/Users")
        assert (answer.status == 200, answer.code if code else None) == (code is None, code)


def test_no_more_tokens_are_remembered_than_fit(okta, monkeypatch):
    monkeypatch.setattr(token_owner, "KNOWN_MAX", 2)
    token_owner._known.clear()
    for _ in range(5):
        _, secret = tokens.issue(okta.directory, actor=SETUP)
        assert tokens.find(secret).refusal == ""
        assert len(token_owner._known) <= 2


def test_whoever_is_named_otherwise_than_foreseen_is_found_all_the_same(okta):
    idp = Scim(okta)
    idp.create("mei@example.org", externalId="1")
    for body in (
        {"USERNAME": "mei@example.org"},
        {"userName": " MEI@example.org "},
        {"userName": "mei@example.org", "emails": [{"value": 7}, "mei@example.org"]},
        {"userName": "other@example.org", "EXTERNALID": "1"},
        {"userName": "mei@example.org" + " " * 300},
        json.dumps({"userName": "mei@example.org"}).encode() + b" " * FORESEEN_BYTES_MAX,
    ):
        assert idp.post("/Users", body).code == (
            "external_id_taken" if "EXTERNALID" in str(body) else "user_name_taken"
        ), body
    assert idp.post("/Users", {"userName": "\ud800"}).status == 400
    assert idp.post("/Users", {"userName": "m\0ei"}).status == 400
    assert idp.post("/Users", {"userName": "x", "emails": [{"value": "\ud800"}]}).status == 400
    assert idp.post("/Users", {"userName": "ü" * 300, "externalId": "é"}).status == 201
    assert idp.post("/Users", b"{").code == "body_not_json"


def test_nobody_is_looked_for_or_held_for_another_secret(okta, acme):
    idp = Scim(okta)
    path = f"/Users/{idp.create('mei@example.org')['id']}"
    wrong = okta.secret[:-1] + ("x" if okta.secret[-1] != "x" else "y")
    asked = matching.prospect_asked(None, "mei@example.org", "")
    assert not matching.prospect_of(tokens.find(okta.secret, asked).answer).is_newcomer
    with tenancy.of(acme):
        Member.objects.select_for_update().get(user_name="mei@example.org")
        with ThreadPoolExecutor(1) as other:  # with a connection of its own
            answers = [
                other.submit(_sent_by, wrong, method, path).result(PATIENCE) for method in ("PUT", "PATCH")
            ]
    assert [(each.status, each.code) for each in answers] == [(401, "token_unknown")] * 2


def _sent_by(secret, method, path):
    try:
        return Scim(secret).send(method, path, {"userName": "mei@example.org"})
    finally:
        connections.close_all()


def test_what_is_held_is_let_go_with_a_refusal_and_the_token_was_used_all_the_same(okta, acme):
    idp = Scim(okta)
    path = f"/Users/{idp.create('mei@example.org')['id']}"
    with tenancy.of(acme):
        Token.objects.update(last_used_at=None)
        Directory.objects.update(last_heard_at=None)
    refused = idp.patch(path, {"op": "replace", "path": "nothing", "value": "x"})
    assert (refused.status, refused.code) == (400, "nothing_resolved")
    assert not tenancy.connection.in_atomic_block
    with tenancy.of(acme):
        assert Token.objects.get().last_used_at is not None
        assert Directory.objects.get().last_heard_at is not None
    assert idp.put(path, b"[").code == "body_not_json"
    title = {"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "x"}]}
    long = json.dumps(title).encode() + b" " * FORESEEN_BYTES_MAX
    assert idp.send("PATCH", path, long).body["title"] == "x"
    assert idp.send("DELETE", path).status == 204
    assert idp.put(path, {"userName": "mei@example.org"}).status == 404
