"""Every call of the API by a member of the organization who has no role: refused but for what is everybody's, and nothing is done.

The list comes from the URL configuration. Of the console's pages tests/console/test_access.py says the same.
"""

# ruff: noqa: F811 - the fixtures of another file are asked for by their names

import pytest
from django.test import Client

from audit.models import Entry
from identity import tenancy, tokens
from identity.roles import CAPABILITIES
from tests.conftest import SETUP, join
from tests.test_tenants import METHODS, TENANT, acme, address_of, theirs  # noqa: F401 - fixtures among them

# What every member of an organization may ask of it, and the answer; a review is there for its reviewers alone.
_OF = "api/v1/organizations/<org:org>"
EVERYBODYS = {
    _OF: {"GET": 200},
    f"{_OF}/sign-on": {"GET": 200},
    f"{_OF}/reviews/<uuid:review>": {"GET": 404},
    f"{_OF}/reviews/<uuid:review>/items": {"GET": 404},
    f"{_OF}/reviews/<uuid:review>/decisions": {"POST": 404},
}


def _done(organization):
    """Return how much was done, which a refusal that is on record is not."""
    with tenancy.of(organization):
        return Entry.objects.exclude(outcome="refused").count()


@pytest.fixture(scope="module")
def insider(acme, theirs):
    """Give a client with the token of a member of acme who has no role, with all scopes that there are."""
    secret = tokens.issue(join(acme, "mo@acme.example"), actor=SETUP, scopes=list(CAPABILITIES))[1]

    def call(method, path):
        content = {} if method == "GET" else {"data": "{}", "content_type": "application/json"}
        return Client().generic(method, path, headers={"Authorization": f"Bearer {secret}"}, **content)

    return call


@pytest.mark.parametrize("route", [route for route in TENANT if route.startswith("api/")])
def test_a_member_without_a_role_may_do_what_is_everybodys_and_nothing_else(acme, theirs, insider, route):
    before = _done(acme)
    address = address_of(route, "acme", theirs)
    answers = {method: insider(method, address).status_code for method in METHODS}
    others = {method: status for method, status in answers.items() if status not in {403, 405}}
    assert others == EVERYBODYS.get(route, {})
    assert _done(acme) == before
    assert {Client().generic(method, address).status_code for method in METHODS} <= {401, 405}
