"""Every address of the product, called with another organization's credential, answers 404 and leaves no trace.

The list comes from the URL configuration: an address below an organization is called by itself, and any other address
must have its line here saying why no stranger can be at it. A new one without a line fails.
"""

import json
import re
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, get_resolver

from audit import export, sequencer
from identity import (
    organizations,
    sessions,
    tenancy,
    tokens,
)
from identity.roles import CAPABILITIES
from scim import own_schemas
from tests.conftest import SETUP, join, scim_client
from tests.console.conftest import furnish

# Addresses without an organization in them, each with why a stranger finds nothing of anybody's there.
PUBLIC = "says nothing of any organization"
OWN = "shows the caller's own, whoever calls"
OPERATORS = "shows the server's own, to operators alone"
PROTOCOL = "the uuid is a SAML connection's public address, which its identity provider must reach without a credential"
OTHERS = {
    r"(healthz|readyz|metrics|scim/v2|scim/v2/\^documentation.*)": PUBLIC,
    r"static/.*": PUBLIC,
    r"api/v1/(schema|problems/<slug:code>|\^)": PUBLIC,
    r"api/v1/(me|organizations)": OWN,
    r"(api/v1/jobs|jobs/|mail/)": OPERATORS,
    r"(api/v1/)?deletions(/<uuid:deletion>(\.json|/|/proof)?|/)?": OPERATORS,
    r"api/v1/me/(session|sessions|sessions/<uuid:session>)": OWN,
    r"scim/v2/\^(ServiceProviderConfig|ResourceTypes|Schemas|.*\$$|$).*": OWN,
    r"scim/v2/\^(Roles|Entitlements|Me).*": OWN,
    r"saml2/<uuid:connection_id>/\w+": PROTOCOL,
    r"(sign-(in|out).*|password/<str:link>)": PUBLIC,
    r"(|me|me/password|me/sessions/<uuid:session>/end|organizations/|organizations/new)": OWN,
    r"me/(session|second-factor|second-factor/codes|second-factor/remove)": OWN,
    r"me/link(/<uuid:connection>(/end)?)?": OWN,
}
SCIM_RESOURCE = re.compile(r"scim/v2/\^\[(Uu\]sers|Gg\]roups)/\(\?P<resource_id>.*")
ORGANIZATION = re.compile(r"<(org:org|slug:slug)>")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# The token of a form, which has any four letters by chance.
TOKEN = re.compile(rb"[A-Za-z0-9]{64}")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Asks for the operator before it asks for the thing: at their own address others are told 403, whatever id they name.
OPERATORS_ONLY = "api/v1/organizations/<org:org>/domains/<uuid:domain>/confirm"


def _routes(resolver=None, prefix=""):
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from _routes(pattern, route)


ROUTES = sorted(set(_routes()))
TENANT = [route for route in ROUTES if ORGANIZATION.search(route)]
SCIM = [route for route in ROUTES if SCIM_RESOURCE.fullmatch(route)]


@pytest.fixture(scope="module")
def acme(shared_db):
    return organizations.create(name="Acme", slug="acme", access_model="portfolio_asset", actor=SETUP)


@pytest.fixture(scope="module")
def globex(shared_db):
    return organizations.create(name="Globex", slug="globex", access_model="company_shop", actor=SETUP)


@pytest.fixture(scope="module")
def theirs(acme):
    """Give what acme has, by the name that addresses call it; no stranger changes any of it, so that all tests share it."""
    join(acme, "ada@acme.example", role="organization_admin")
    ids = furnish(acme, "acme").ids
    schema = own_schemas.define(
        acme, urn="urn:acme:hr", name="HR", attributes=[{"name": "badge"}], actor=SETUP
    )
    return ids | {
        "sign_in": ids["attempt"],
        "logged": ids["logged_request"],
        "schema_id": schema.pk,
        "kind": "portfolio",
        "key": "acme-1",
        "step": "begin",
    }


@pytest.fixture(scope="module")
def stranger(globex):
    """Give a client with all that globex can hold: its administrator's session, and the same one's token."""
    gus = join(globex, "gus@globex.example", role="organization_admin", displayName="Gus Grant")
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = sessions.start(gus, actor=SETUP)[1]
    secret = tokens.issue(gus, actor=SETUP, scopes=list(CAPABILITIES))[1]

    def call(method, path):
        headers = {"Authorization": f"Bearer {secret}"} if path.startswith("/api/") else {}
        content = {} if method == "GET" else {"data": "{}", "content_type": "application/json"}
        return client.generic(method, path, headers=headers, **content)

    return call


@pytest.fixture(scope="module")
def strange_secret(globex):
    """Give the token of a directory of globex."""
    return scim_client(globex, "okta").secret


def address_of(route, organization, values):
    def fill(match):
        name = match.group(1)
        return organization if name in {"org", "slug"} else str(values[name])

    return "/" + PARAMETER.sub(fill, route)


def _trace(organization):
    sequencer.run()
    with tenancy.of(organization):
        return export.head(organization.pk)


def test_every_address_has_its_line():
    missing = [
        route
        for route in ROUTES
        if route not in TENANT and route not in SCIM and not any(re.fullmatch(line, route) for line in OTHERS)
    ]
    assert missing == []


@pytest.mark.parametrize("route", TENANT)
def test_a_stranger_finds_nothing(acme, theirs, stranger, route):
    """At the other organization's address, and at the own one with the other's ids."""
    before = _trace(acme)
    addresses = [address_of(route, "acme", theirs), address_of(route, str(acme.pk), theirs)]
    if any(isinstance(theirs.get(name), UUID) for name in PARAMETER.findall(route)):
        addresses.append(address_of(route, "globex", theirs))
    for address in addresses:
        # A method that the address does not have is nobody's secret.
        answers = {method: stranger(method, address).status_code for method in METHODS}
        expected = 403 if route == OPERATORS_ONLY and "/globex/" in address else 404
        assert set(answers.values()) in ({expected}, {expected, 405}), (address, answers)
    assert _trace(acme) == before


@pytest.mark.parametrize("route", SCIM)
def test_a_strange_directory_finds_nothing(acme, theirs, strange_secret, route):
    before = _trace(acme)
    kind, value = (
        ("User", {"userName": "evil"}) if "[Uu]sers" in route else ("Group", {"displayName": "evil"})
    )
    schema = "urn:ietf:params:scim:"
    bodies = {
        "GET": None,
        "PUT": {"schemas": [f"{schema}schemas:core:2.0:{kind}"], **value},
        "PATCH": {
            "schemas": [f"{schema}api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "value": value}],
        },
        "DELETE": None,
    }
    address = f"/scim/v2/{kind}s/{theirs['member' if kind == 'User' else 'group']}"
    for method, body in bodies.items():
        answer = Client().generic(
            method,
            address,
            data=json.dumps(body) if body else "",
            content_type="application/scim+json",
            headers={"Authorization": f"Bearer {strange_secret}"},
        )
        assert answer.status_code == 404, (method, answer.content)
    assert _trace(acme) == before


def test_what_shows_the_callers_own_shows_nothing_of_others(theirs, stranger, strange_secret):
    headers = {"Authorization": f"Bearer {strange_secret}"}
    for path in (
        "/scim/v2",
        "/scim/v2/Users",
        "/scim/v2/Groups",
        "/scim/v2/Roles",
        "/scim/v2/Entitlements",
        "/scim/v2/Users?filter=userName%20eq%20%22acme.lena@example.com%22",
    ):
        assert b"acme" not in TOKEN.sub(b"", Client().get(path, headers=headers).content)
    for path in ("/api/v1/me", "/api/v1/organizations", "/me"):
        answer = stranger("GET", path)
        assert answer.status_code == 200, path
        assert b"acme" not in TOKEN.sub(b"", answer.content).lower(), path
