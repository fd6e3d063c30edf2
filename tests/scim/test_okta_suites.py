"""Okta's published conformance suites, step for step and assertion for assertion, over HTTP against a live server.

Okta publishes them for BlazeMeter's API monitoring under developer.okta.com/standards/SCIM/SCIMFiles/: Okta-SCIM-20-SPEC-Test.json,
Okta-SCIM-20-CRUD-Test.json, Okta-SCIM-20-Entitlements-Test.json and Okta-SCIM-20-With-Entitlements-CRUD-Test.json. The tables below say
the same in our words, one line a step. The CRUD suites act on an Okta org and look at the server: the org's part is played by
tests/scim/okta_org.py, in both of Okta's ways.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from identity import directories, resources
from tests.conftest import SETUP
from tests.scim.okta_org import HEADERS, USER, OktaOrg
from tests.waiting import PATIENCE

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
SLOW_MS = 600
POSTED = {"Content-Type": "application/json", "Accept": "application/scim+json; charset=utf-8"}
FACTS = {
    "invalid": "nobody-of-that-name@atko.example",
    "missing": "00u000000000000missing",
    "email": "spec.runner@atko.example",
    "caps": "SPEC.RUNNER@ATKO.EXAMPLE",
    "given": "Spec",
    "family": "Runner",
}

Check = Callable[[Any, dict[str, str]], bool]


def filled(body: Any, _: dict[str, str]) -> bool:
    """Runscope's not_empty; a truth value is never empty."""
    return isinstance(body, bool) or bool(body)


def number(body: Any, _: dict[str, str]) -> bool:
    """Runscope's is_a_number."""
    return isinstance(body, int) and not isinstance(body, bool)


def equal(wanted: Any) -> Check:
    """Runscope's equal and equal_number."""
    return lambda body, facts: body == (wanted.format(**facts) if isinstance(wanted, str) else wanted)


def has(wanted: str) -> Check:
    """Runscope's has_value and contains."""
    return lambda body, _: wanted in body


@dataclass(frozen=True)
class Step:
    """One request and what must hold of its answer: (path of a property, check). `keeps` names a property for later steps."""

    note: str
    path: str
    status: int
    checks: tuple[tuple[str, Check], ...] = ()
    method: str = "GET"
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    keeps: tuple[tuple[str, str], ...] = ()
    fast: bool = False


_PERSON = ("id", "name.familyName", "name.givenName", "userName", "active", "emails.0.value")
_LISTED = (("itemsPerPage", number), ("startIndex", number), ("totalResults", number))
_NEW = {
    "schemas": [USER],
    "userName": "{email}",
    "name": {"givenName": "{given}", "familyName": "{family}"},
    "emails": [{"primary": True, "value": "{email}", "type": "work"}],
    "displayName": "{given} {family}",
    "active": True,
}

SPEC = (
    Step(
        "Users endpoint",
        "/Users?count=1&startIndex=1",
        200,
        (("Resources", filled), ("schemas", has(LIST)), *_LISTED, *((f"Resources.0.{name}", filled) for name in _PERSON)),
        keeps=(("known", "Resources.0.id"),),
    ),
    Step("a person by id", "/Users/{known}", 200, (*((name, filled) for name in _PERSON), ("id", equal("{known}")))),
    Step(
        "an unknown userName",
        '/Users?filter=userName eq "{invalid}"',
        200,
        (("schemas", has(LIST)), ("totalResults", equal(0))),
    ),
    Step("an unknown id", "/Users/{missing}", 404, (("detail", filled), ("schemas", has(ERROR)))),
    Step(
        "the newcomer is not there yet",
        '/Users?filter=userName eq "{email}"',
        200,
        (("totalResults", equal(0)), ("schemas", has(LIST))),
    ),
    Step(
        "create",
        "/Users",
        201,
        (
            ("active", equal(True)), ("id", filled), ("name.familyName", equal("{family}")), ("name.givenName", equal("{given}")),
            ("schemas", has(USER)), ("userName", equal("{email}")),
        ),
        "POST",
        _NEW,
        POSTED,
        keeps=(("made", "id"), ("made_email", "emails.0.value")),
    ),
    Step(
        "the newcomer is there",
        "/Users/{made}",
        200,
        (("userName", equal("{email}")), ("name.familyName", equal("{family}")), ("name.givenName", equal("{given}"))),
    ),
    Step("create again", "/Users", 409, (), "POST", _NEW, POSTED),
    Step("userName in capitals", '/Users?filter=userName eq "{caps}"', 200),
    # The script of this step: no groups at all, or a list of them.
    Step("Groups endpoint", "/Groups", 200, (("Resources", lambda body, _: isinstance(body, list)),), fast=True),
    Step(
        "a wrong token",
        '/Users?filter=userName eq "{caps}"',
        401,
        (("detail", filled), ("status", equal("401")), ("schemas", has(ERROR))),
        headers={"Authorization": "non-token"},
    ),
    Step(
        "status of an unknown id",
        "/Users/00919288221112222",
        404,
        (("detail", filled), ("status", equal("404")), ("schemas", has(ERROR))),
    ),
)  # fmt: skip


def at(body: Any, path: str) -> Any:
    """Return the property at a dotted path; an index is a number. What isn't there is None."""
    for part in path.split("."):
        if isinstance(body, list):
            body = body[int(part)] if int(part) < len(body) else None
        else:
            body = body.get(part) if isinstance(body, dict) else None
    return body


def written(value: Any, facts: dict[str, str]) -> Any:
    """Fill the blanks of a body."""
    if isinstance(value, str):
        return value.format(**facts)
    if isinstance(value, list):
        return [written(each, facts) for each in value]
    return {key: written(each, facts) for key, each in value.items()} if isinstance(value, dict) else value


def play(http: httpx2.Client, step: Step, facts: dict[str, str]) -> None:
    """Send one step and check everything that it asserts."""
    body = written(step.body, facts) if step.body else None
    headers = HEADERS | step.headers
    begun = time.process_time()
    answer = http.request(step.method, step.path.format(**facts), json=body, headers=headers)
    taken = (time.process_time() - begun) * 1000
    assert answer.status_code == step.status, f"{step.note}: {answer.status_code} {answer.text}"
    document = answer.json()
    for path, check in step.checks:
        assert check(at(document, path), facts), f"{step.note}: {path} is {at(document, path)!r}"
    if step.fast:
        # Client and server are of this process: its time on the processor, whatever else the machine does meanwhile.
        assert taken < SLOW_MS, f"{step.note}: {taken} ms"
    for name, path in step.keeps:
        facts[name] = at(document, path)


@pytest.fixture
def http(okta, server, settings):
    """Give a client of a live server with the directory's token."""
    settings.ROLLCALL_PUBLIC_URL = server
    settings.ALLOWED_HOSTS = ["*"]
    headers = {"Authorization": f"Bearer {okta.secret}"}
    with httpx2.Client(base_url=f"{server}/scim/v2", headers=headers, timeout=PATIENCE) as client:
        yield client


def test_the_spec_suite_passes(http):
    # The suite wants one person with a whole profile to be there before.
    OktaOrg(http, "catalogue", "already.there@atko.example").assign()
    facts = dict(FACTS)
    for step in SPEC:
        play(http, step, facts)
    assert len(SPEC) == 12
    assert facts["made_email"] == FACTS["email"]


def play_crud(http, org, granted=lambda facts: None):
    """Play the steps that both CRUD suites share; `granted` is played where the second one assigns grants."""
    email = org.profile["email"]
    org.assign()
    facts = {
        "email": email,
        "family": org.profile["family"],
        "given": org.profile["given"],
        "id": org.remote_id,
    }
    granted(facts)
    person = (
        ("userName", equal("{email}")), ("emails.0.value", equal("{email}")),
        ("name.familyName", equal("{family}")), ("name.givenName", equal("{given}")),
    )  # fmt: skip
    checks = tuple((f"Resources.0.{path}", check) for path, check in person)
    look = '/Users?filter=userName eq "{email}"'
    play(http, Step("created", look, 200, checks, keeps=(("id", "Resources.0.id"),)), facts)

    org.profile["given"] = "Rileyupdated"
    org.put(active=True)
    play(http, Step("renamed", "/Users/{id}", 200, (("name.givenName", equal("Rileyupdated")),)), facts)

    org.switch(active=False)
    play(http, Step("deactivated", "/Users/{id}", 200, (("active", equal(False)),)), facts)

    org.assign()
    assert org.remote_id == facts["id"], "the person comes back under the old id"
    play(http, Step("reactivated", "/Users/{id}", 200, (("active", equal(True)),)), facts)

    org.switch(active=False)
    play(http, Step("unassigned", "/Users/{id}", 200, (("active", equal(False)),)), facts)


@pytest.mark.parametrize("flavour", ["catalogue", "wizard"])
def test_the_crud_suite_passes(http, flavour):
    play_crud(http, OktaOrg(http, flavour, "riley.crud@atko.example"))


@pytest.fixture
def governed(acme, okta):
    """Have the organization something to assign, and the directory assign it."""
    things = [
        {"kind": "portfolio", "id": "nordics", "name": "The Nordics"},
        {"kind": "portfolio", "id": "iberia"},
    ]
    resources.register(acme, things, actor=SETUP)
    directories.change(okta.directory, settings={"access_follows": True}, actor=SETUP)


def discovered(http):
    """Return the addresses that Okta asks for what can be assigned: those of the types with one of its two schemas."""
    types = http.get("/ResourceTypes", headers=HEADERS).json()["Resources"]
    return [
        each["endpoint"] for each in types if each["schema"].startswith("urn:okta:scim:schemas:core:1.0:")
    ]


@pytest.mark.usefixtures("governed")
def test_the_entitlements_suite_passes_at_every_address(http):
    checks = (
        ("Resources", filled), ("schemas", has(LIST)), ("startIndex", number), ("itemsPerPage", equal(1)), ("totalResults", number),
    )  # fmt: skip
    addresses = discovered(http)
    assert addresses == ["/Roles", "/Entitlements"]
    for address in addresses:
        play(http, Step(address, f"{address}?count=1&startIndex=1", 200, checks), {})


@pytest.mark.usefixtures("governed")
@pytest.mark.parametrize("flavour", ["catalogue", "wizard"])
def test_the_crud_suite_with_entitlements_passes(http, flavour):
    """Grants go out as Okta's guide shows a User with entitlements and roles: each with the id and type that discovery told."""
    org = OktaOrg(http, flavour, "riley.grants@atko.example")
    role, grant = (http.get(address, headers=HEADERS).json()["Resources"][0] for address in discovered(http))

    def granted(facts):
        org.assigned = {
            "roles": [{"value": role["id"], "display": role["displayName"]}],
            "entitlements": [{"value": grant["id"], "display": grant["displayName"], "type": grant["type"]}],
        }
        org.put(active=True)
        checks = (
            ("roles.0.value", equal(role["id"])), ("entitlements.0.value", equal(grant["id"])),
            ("entitlements.0.type", equal("Entitlement")),
        )  # fmt: skip
        play(http, Step("granted", "/Users/{id}", 200, checks), facts)

    play_crud(http, org, granted)
    person = http.get(f"/Users/{org.remote_id}", headers=HEADERS).json()
    assert [each["value"] for each in person["roles"]] == [role["id"]], "what is dormant is not gone"
