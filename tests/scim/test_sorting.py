"""Lists come in the order that was asked for (RFC 7644 §3.4.2.3)."""

from urllib.parse import quote

import pytest

from scim import own_schemas
from scim.schemas import ENTERPRISE_USER
from tests.conftest import SETUP
from tests.scim.talk import Scim

pytestmark = pytest.mark.usefixtures("db")
E_ = ENTERPRISE_USER.id
TYPES = ("string", "boolean", "decimal", "integer", "dateTime", "reference", "binary")


@pytest.fixture
def idp(okta) -> Scim:
    idp = Scim(okta)
    idp.ids = {}
    idp.ids["mei"] = idp.create(
        "Mei@Example.org", externalId="X1", title="Lead%", name={"familyName": "Ito"}, **{E_: {"department": "R&D"}},
        emails=[{"value": "mei@example.org", "type": "work", "primary": True}, {"value": "m@home.example", "type": "home"}],
    )["id"]  # fmt: skip
    jo = {"value": "Jo@Example.org", "type": "home"}
    idp.ids["jo"] = idp.create("jo@example.org", externalId="x1", emails=[jo])["id"]
    idp.ids["bo"] = idp.create("bo@example.org", title="lead x")["id"]
    return idp


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("sortBy=userName", ["bo", "jo", "mei"]),
        ("sortBy=userName&sortOrder=descending", ["mei", "jo", "bo"]),
        ("sortBy=userName&sortOrder=Descending", ["mei", "jo", "bo"]),
        ("sortBy=title", ["bo", "mei", "jo"]),
        ("sortBy=title&sortOrder=descending", ["jo", "mei", "bo"]),
        ("sortBy=externalId", ["mei", "jo", "bo"]),
        ("sortBy=emails.value", ["jo", "mei", "bo"]),
        ("sortBy=emails", ["jo", "mei", "bo"]),
        ("sortBy=name.familyName", ["mei", "jo", "bo"]),
        ("sortBy=meta.created", ["mei", "jo", "bo"]),
        (f"sortBy={E_}:department", ["mei", "jo", "bo"]),
        ("sortBy=department", ["mei", "jo", "bo"]),
    ],
)
def test_lists_are_sorted(idp, query, wanted):
    found = [each["id"] for each in idp.get(f"/Users?{query}").body["Resources"]]
    assert [name for each in found for name, its_id in idp.ids.items() if its_id == each] == wanted


@pytest.mark.parametrize("sort_by", ["emails", "emails.value"])
def test_a_list_is_sorted_by_its_primary_value(idp, sort_by):
    """RFC 7644 §3.4.2.3: the primary value, else the first."""
    bo = [{"value": "a@x", "type": "work"}, {"value": "z@x", "type": "home", "primary": True}]
    idp.send(
        "PATCH", f"/Users/{idp.ids['bo']}", {"Operations": [{"op": "add", "path": "emails", "value": bo}]}
    )
    found = [each["userName"] for each in idp.get(f"/Users?sortBy={sort_by}").body["Resources"]]
    assert found == ["jo@example.org", "Mei@Example.org", "bo@example.org"]
    one, two, three = (idp.get(f"/Users?sortBy={sort_by}&startIndex={at}&count=1").body for at in (1, 2, 3))
    assert [each["Resources"][0]["userName"] for each in (one, two, three)] == found


def test_any_attribute_that_is_shown_can_be_sorted_by_or_is_refused(idp, acme):
    """Page by page too, by number and by cursor: whatever its type, whether case counts, and wherever PostgreSQL has it."""
    attributes = [{"name": f"{kind}One", "type": kind} for kind in TYPES]
    attributes += [{"name": f"{kind}Many", "type": kind, "multiValued": True} for kind in TYPES]
    attributes += [
        {"name": "exact", "caseExact": True},
        {"name": "exacts", "caseExact": True, "multiValued": True},
    ]
    own_schemas.define(acme, urn="urn:acme:sorted:User", name="Sorted", attributes=attributes, actor=SETUP)
    schemas = idp.get("/Schemas").body["Resources"]
    named = {
        f"{schema['id']}:{each['name']}": each.get("subAttributes", ())
        for schema in schemas
        for each in schema["attributes"]
        if "Group" not in schema["id"]
    }
    meta = ("created", "lastModified", "location", "resourceType", "version")
    paths = [*named, *(f"{name}.{part['name']}" for name, parts in named.items() for part in parts)]
    paths += [*(f"meta.{part}" for part in meta), "id", "externalId"]
    sorted_by = []
    for path in paths:
        answer = idp.get(f"/Users?sortBy={quote(path)}")
        assert answer.status == 200 or answer.code == "sort_unknown", path
        if answer.status == 200:
            sorted_by.append(path)
            wanted = [each["id"] for each in answer.body["Resources"]]
            cursor, walked = "", []
            for _ in wanted:
                page = idp.get(f"/Users?sortBy={quote(path)}&count=1&cursor={cursor}").body
                walked.append(page["Resources"][0]["id"])
                cursor = page.get("nextCursor")
            assert (walked, cursor) == (wanted, None), path
    assert {"urn:acme:sorted:User:exacts", "urn:acme:sorted:User:integerMany", "meta.location"} <= set(
        sorted_by
    )


@pytest.mark.parametrize("sort_by", ["nothing", "schemas", "groups", "'", "a b"])
def test_an_unknown_sort_is_refused(idp, sort_by):
    assert idp.get(f"/Users?sortBy={quote(sort_by)}").code == "sort_unknown"
