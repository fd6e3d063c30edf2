"""What the server says of itself is true, and whole."""

import pytest
from django.test import Client

from scim import paging, projection, protocol
from scim.errors import CATALOGUE
from scim.schemas import RESOURCE_TYPES, SCHEMAS
from tests.scim.talk import BASE

pytestmark = pytest.mark.usefixtures("db")


def holds_null(value) -> bool:
    if isinstance(value, dict):
        return any(holds_null(each) for each in value.values())
    return any(holds_null(each) for each in value) if isinstance(value, list) else value is None


@pytest.mark.parametrize(("path", "known"), [("/Schemas", SCHEMAS), ("/ResourceTypes", RESOURCE_TYPES)])
def test_each_listed_document_has_its_address(idp, path, known):
    answer = idp.get(path)
    assert (answer.status, answer.body["totalResults"], len(answer.body["Resources"])) == (
        200,
        len(known),
        len(known),
    )
    assert not holds_null(answer.body)
    for each in answer.body["Resources"]:
        assert idp.get(each["meta"]["location"].removeprefix(BASE)).body == each
    assert idp.get(f"{path}/nothing").status == 404
    assert idp.get(f"{path}?filter=id pr").status == 403


def test_the_configuration_is_what_the_server_does(idp):
    config = idp.get("/ServiceProviderConfig").body
    assert idp.get("/ServiceProviderConfigs/").body == config
    assert all(config[each]["supported"] is True for each in ("patch", "filter", "sort", "etag"))
    assert config["changePassword"]["supported"] is False  # there are none
    assert [each["type"] for each in config["authenticationSchemes"]] == ["oauthbearertoken", "httpbasic"]
    for number in range(3):
        idp.create(f"p{number}")
    pages, bulk = config["pagination"], config["bulk"]
    assert idp.get(f"/Users?count={config['filter']['maxResults'] + 1}").status == 200
    assert pages["maxPageSize"] == config["filter"]["maxResults"] == paging.COUNT_MAX
    assert pages["defaultPageSize"] == paging.COUNT_DEFAULT
    assert ("nextCursor" in idp.get("/Users?cursor&count=1").body) is pages["cursor"] is True
    assert ("startIndex" in idp.get("/Users?count=1").body) is pages["index"] is True
    assert (idp.post("/Bulk", {}).status == 400) is bulk["supported"] is True
    refused = idp.post("/Bulk", {"Operations": [{}] * (bulk["maxOperations"] + 1)})
    assert refused.status == 413
    assert f"at most {bulk['maxOperations']} " in refused.body["detail"]
    assert bulk["maxPayloadSize"] == protocol.BODY_BYTES_MAX


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/users?count=1", "/Users?count=1"), ("/groups/", "/Groups"), ("/schemas", "/Schemas"), ("/ResourceType", "/ResourceTypes"),
        ("//Users?count=1", "/Users?count=1"), ("//ServiceProviderConfig", "/ServiceProviderConfig"),
        ("/resourcetypes/user", "/ResourceTypes/User"), ("/serviceproviderconfig", "/ServiceProviderConfig"),
    ],
)  # fmt: skip
def test_an_address_is_found_in_small_letters_too(idp, written, path):
    idp.create("somebody")
    answer = idp.get(written)
    assert (answer.status, answer.body) == (200, idp.get(path).body)
    assert idp.get(f"{written.partition('?')[0].rstrip('/')}x").status == 404


def test_a_person_is_changed_at_an_address_in_small_letters(idp):
    person = idp.create("somebody")
    answer = idp.patch(f"/users/{person['id']}", {"op": "replace", "path": "title", "value": "Lead"})
    assert (answer.status, answer.body["title"]) == (200, "Lead")
    assert idp.get(f"/Users/{person['id']}").body["title"] == "Lead"


def test_the_type_values_of_each_attribute_are_unique(idp):
    told = {
        f"{attribute['name']}.{sub['name']}": sub["canonicalValues"]
        for schema in idp.get("/Schemas").body["Resources"]
        for attribute in schema["attributes"]
        for sub in attribute.get("subAttributes", [])
        if sub.get("canonicalValues")
    }
    assert told["emails.type"] == ["work", "home", "other"]
    assert [name for name, values in told.items() if len(set(values)) != len(values)] == []


def test_the_documentation_is_open_and_names_every_code_and_limit(idp):
    address = idp.get("/ServiceProviderConfig").body["documentationUri"]
    assert address == f"{BASE}/documentation"
    page = Client().get(address.removeprefix("http://localhost:8000"))
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    text = page.content.decode()
    assert all(f"{kind.status} {code.value}\n" in text for code, kind in CATALOGUE.items())
    assert "{" not in text.replace("{id}", "")
    assert f"{BASE}/Groups/{{id}}/members" in text
    assert str(protocol.BODY_BYTES_MAX) in text
    assert f"{projection.NAMES_MAX} names in attributes" in text
