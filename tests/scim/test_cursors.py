"""Cursors (RFC 9865): every result once, also while others come and go, in every order."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import scim_client
from tests.scim.talk import Scim

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def idp(okta) -> Scim:
    idp = Scim(okta)
    for number in range(7):
        more = {} if number % 3 == 0 else {"title": f"T{number % 2}", "externalId": f"x{number}"}
        idp.create(f"p{number}@example.org", active=number % 2 == 0, **more)
    return idp


def walk(idp: Scim, query: str, size: int = 2, kind: str = "Users") -> list[dict[str, Any]]:
    """Return every page of a list by cursor."""
    pages = [idp.get(f"/{kind}?cursor&count={size}&{query}").body]
    while "nextCursor" in pages[-1]:
        pages.append(idp.get(f"/{kind}?cursor={quote(pages[-1]['nextCursor'])}&count={size}&{query}").body)
        assert len(pages) < 20
    return pages


@pytest.mark.parametrize(
    "sort_by",
    ["", "userName", "title", "externalId", "active", "meta.created", "meta.version", "id", "emails.value"],
)
@pytest.mark.parametrize("sort_order", ["ascending", "descending"])
def test_a_walk_shows_everybody_once_in_order(idp, sort_by, sort_order):
    query = f"sortBy={sort_by}&sortOrder={sort_order}"
    whole = [each["id"] for each in idp.get(f"/Users?{query}").body["Resources"]]
    pages = walk(idp, query)
    assert [each["id"] for page in pages for each in page["Resources"]] == whole
    assert [page["itemsPerPage"] for page in pages] == [2, 2, 2, 1]
    assert pages[0]["totalResults"] == 7
    assert all("startIndex" not in page for page in pages)


def test_nobody_is_lost_while_others_are_deleted(idp):
    everybody = [each["id"] for each in idp.get("/Users").body["Resources"]]
    first = idp.get("/Users?cursor=&count=3").body
    for each in first["Resources"]:
        idp.delete(f"/Users/{each['id']}")
    rest = idp.get(f"/Users?cursor={quote(first['nextCursor'])}&count=10").body
    assert [each["id"] for each in rest["Resources"]] == everybody[3:]
    assert "nextCursor" not in rest


def test_a_filter_goes_along(idp):
    pages = walk(idp, "filter=" + quote('title eq "t0"'), 1)
    assert (
        [each["title"] for page in pages for each in page["Resources"]]
        == ["T0"] * pages[0]["totalResults"]
        == ["T0", "T0"]
    )


def test_groups_and_searches_have_cursors_too(idp):
    names = [idp.create_group(f"G{number}")["displayName"] for number in range(3)]
    assert [each["displayName"] for page in walk(idp, "", 1, "Groups") for each in page["Resources"]] == names
    first = idp.post("/Users/.search", {"cursor": "", "count": 4}).body
    rest = idp.post("/Users/.search", {"cursor": first["nextCursor"], "count": 4}).body
    assert len({each["id"] for each in first["Resources"] + rest["Resources"]}) == 7
    assert idp.post("/.search", {"cursor": ""}).code == "parameter_wrong"


def test_a_cursor_belongs_to_its_question(idp):
    cursor = quote(idp.get("/Users?cursor&count=1").body["nextCursor"])
    for query in ("sortBy=userName", "sortOrder=descending", "filter=" + quote("title pr")):
        answer = idp.get(f"/Users?cursor={cursor}&{query}")
        assert (answer.status, answer.body["scimType"], answer.code) == (400, "invalidCursor", "cursor_wrong")
    assert idp.get(f"/Groups?cursor={cursor}").code == "cursor_wrong"


def forged(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "....",
        "é",
        "=" * 10,
        "e30",
        "W10",
        "x" * 10_000,
        forged(1, 2, 3),
        forged("a", None, "b"),
        forged([], {}, None),
        forged("a", None, "b", None, ""),
        forged([], {}, None, [], {}),
    ],
)
def test_a_cursor_that_is_none_is_refused(idp, cursor):
    answer = idp.get(f"/Users?cursor={quote(cursor)}")
    assert (answer.status, answer.code) == (400, "cursor_wrong")


def test_no_results_have_no_cursor(idp):
    assert idp.get("/Users?cursor&count=0").body == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 7, "itemsPerPage": 0, "Resources": [],
    }  # fmt: skip
    assert "nextCursor" not in idp.get("/Users?cursor&count=7").body


@pytest.mark.parametrize("kind", ["Users", "Groups"])
def test_a_cursor_of_another_directory_is_refused(idp, acme, kind):
    for name in ("A", "B", "C"):
        idp.create_group(name)
    cursor = quote(idp.get(f"/{kind}?cursor&count=2").body["nextCursor"])
    other = Scim(scim_client(acme, "entra"))
    answer = other.get(f"/{kind}?cursor={cursor}&count=2")
    assert (answer.status, answer.code) == (400, "cursor_wrong")
    assert idp.get(f"/{kind}?cursor={cursor}&count=2").status == 200


def test_a_cursor_of_ours_is_read_however_long_the_sorted_text_is(idp):
    for number in range(3):
        idp.create(f"long{number}@example.org", displayName="\U0001f600" * 4095 + str(number))
    asked = {"filter": 'userName sw "long"', "sortBy": "displayName", "count": 1, "cursor": ""}
    found = []
    while asked["cursor"] is not None:
        page = idp.post("/Users/.search", asked).body
        found += [each["userName"][:5] for each in page["Resources"]]
        asked["cursor"] = page.get("nextCursor")
    assert found == ["long0", "long1", "long2"]
