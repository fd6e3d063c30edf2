"""What a sign-in asks of the database is counted: each question is a wait, and its building costs more than PostgreSQL's answer."""

import pytest
from django.db import connections

from demo.idp_messages import respond
from identity import members, tenancy
from identity.models import Member, Session
from saml.models import Attempt, SpentAssertion
from tests.conftest import SETUP
from tests.saml.door import Browser, attempts_of, connect, prove, refused
from tests.statements import Statements

pytestmark = pytest.mark.usefixtures("db")

# Waits for an answer: the connection, what is spent, who it is. All that is written travels with the commit.
RETURNING = 3
SOLICITED = RETURNING + 1
# Whom it could mean, who is known under the name, the member, the link, the first permissions, the use of the key.
NEWCOMER = RETURNING + 6
# In front of and after them, with the first statement and the last.
COMMITS = 1


class Counted(Statements):
    """Counts the statements whose answers are waited for, and the transactions that commit."""

    def __enter__(self):
        self.commits = 0
        self.database = connections["default"]
        self.commit = self.database._commit
        self.database._commit = self.noted_commit
        return super().__enter__()

    def noted_commit(self):
        self.commits += 1
        self.commit()

    def __exit__(self, *error):
        del self.database._commit
        super().__exit__(*error)


@pytest.fixture
def browser(acme, jane):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, allow_idp_initiated=True))
    assert browser.sign_in().status_code == 303
    return browser


def test_people_who_return_cost_a_fixed_number_of_statements_and_one_commit(browser):
    document = respond(browser.idp, browser.answer(None))
    with Counted() as counted:
        assert browser.post(document).status_code == 303
    assert (len(counted.statements), counted.commits) == (RETURNING, COMMITS), counted.statements


def test_with_a_request_of_ours_it_is_one_more(browser):
    document = respond(browser.idp, browser.answer(browser.begin()))
    with Counted() as counted:
        assert browser.post(document).status_code == 303
    assert (len(counted.statements), counted.commits) == (SOLICITED, COMMITS), counted.statements


def test_a_newcomer_costs_a_fixed_number_too(browser):
    someone = {"name_id": "new@acme.example", "attributes": {"email": "new@acme.example"}}
    document = respond(browser.idp, browser.answer(None, **someone))
    with Counted() as counted:
        assert browser.post(document).status_code == 303
    assert (len(counted.statements), counted.commits) == (NEWCOMER, COMMITS), counted.statements


def test_a_refused_sign_in_is_spent_and_told_by_one_commit(acme, browser, jane):
    members.suspend(jane, actor=SETUP)
    document = respond(browser.idp, browser.answer(None))
    with Counted() as counted:
        answer = browser.post(document)
    refused(answer, acme, "user_inactive")
    assert counted.commits == COMMITS
    with tenancy.of(acme):
        assert SpentAssertion.objects.filter(organization=acme).count() == 2


def test_what_a_refused_newcomer_wrote_is_taken_back_and_the_assertion_stays_spent(
    acme, browser, monkeypatch
):
    from saml import sign_in
    from saml.refusals import Refused

    def refuse(*_):
        raise Refused("attribute_invalid", "a refusal after the member was made")

    monkeypatch.setattr(sign_in.following, "follow_groups", refuse)
    document = respond(
        browser.idp,
        browser.answer(None, name_id="new@acme.example", attributes={"email": "new@acme.example"}),
    )
    refused(browser.post(document), acme, "attribute_invalid")
    monkeypatch.undo()
    with tenancy.of(acme):
        assert not Member.objects.filter(organization=acme, user_name="new@acme.example").exists()
        assert Session.objects.filter(organization=acme).count() == 1
    refused(browser.post(document), acme, "replay")
    assert attempts_of(acme)[-1].outcome == Attempt.Outcome.FAILED
