"""What a GET asks travels with the question whose token it is: for the true secret alone, and never in place of what is asked."""

import pytest

from identity import directories, organizations, tenancy, token_owner, tokens
from identity.postgresql.flush import Statement
from tests.conftest import SETUP
from tests.scim.talk import Scim
from tests.scim.test_query_counts import Counted

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
    with Counted() as seen:
        assert idp.get("/Users").status == 429
    assert not [sql for sql in seen.statements if "identity_link" in sql]


def test_what_is_remembered_of_a_token_ends_with_the_next_change_of_its_rows(okta, acme):
    idp = Scim(okta)
    idp.get("/Users")  # notes the token's use, which is a change
    idp.get("/Users")
    with Counted() as seen:
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
