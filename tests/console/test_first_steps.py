"""What a new organization still needs, told on its overview until it is there."""

from html import unescape

import pytest

from identity import domains, organizations, roles
from tests.conftest import SETUP, join, later
from tests.console.conftest import visit


def told(member, slug: str) -> str:
    return unescape(visit(member).get(f"/o/{slug}/").content.decode())


@pytest.fixture
def initech(opal):
    return organizations.create(name="Initech", slug="initech", access_model="portfolio_asset", actor=SETUP)


def test_a_new_organization_is_told_what_it_needs_and_where(initech, opal):
    html = told(opal, "initech")
    assert "First steps" in html
    for page in (
        "members/new",
        "domains/",
        "directories/new",
        "directories/read/",
        "members/import",
        "connections/new",
    ):
        assert f'class="btn btn-sm" href="/o/initech/{page}"' in html
    assert ">Done<" not in html


def test_a_step_that_was_taken_is_done(initech, opal):
    bill = join(initech, "bill@initech.example", role="organization_admin")
    domains.confirm(domains.claim(initech, "initech.example", actor=SETUP), actor=SETUP)
    assert told(opal, "initech").count(">Done<") == 2
    join(initech, "peter@initech.example")
    html = told(bill, "initech")
    assert html.count(">Done<") == 3
    assert "Connect the identity provider" in html


def test_all_steps_taken_are_told_no_more(things, ada, opal):
    """Everything is there but a connection that is on; who may not see connections has nothing left to do."""
    assert "Go on with the connection" in told(ada, "acme")
    domains.confirm(domains.claim(things.organization, "steps.example", actor=SETUP), actor=SETUP)
    manager = join(things.organization, "mia@acme.example", role="member_manager")
    assert "First steps" not in told(manager, "acme")


def test_only_steps_that_the_visitor_may_take_are_told(initech, opal):
    join(initech, "bill@initech.example", role="organization_admin")
    auditor = join(initech, "aud@initech.example")
    roles.replace(auditor, ["auditor"], actor=SETUP)
    assert "Connect the identity provider" not in told(auditor, "initech")


def test_an_organization_that_is_no_longer_new_is_told_of_no_steps(initech, opal):
    with later(days=31):
        assert "First steps" not in told(opal, "initech")
    assert "First steps" not in told(opal, "operators")
