"""/.search and what may be asked twice, differently or not at all."""

# ruff: noqa: F811 - the fixture of another file is asked for by its name

from urllib.parse import urlencode

import pytest

from tests.scim.test_lists import E_, idp  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.parametrize(
    "query", ["startIndex=x", "startIndex=1.5", "startIndex=" + "9" * 5000, "sortOrder=up"]
)
def test_parameters_that_mean_nothing_are_refused(idp, query):
    answer = idp.get(f"/Users?{query}")
    assert (answer.status, answer.code) == (400, "parameter_wrong")


@pytest.mark.parametrize("walked", ["", "cursor&", "startIndex=1&"])
def test_a_count_that_is_none_has_its_own_scim_type(idp, walked):
    for count in ("1.5", "²", "many"):
        answer = idp.get(f"/Users?{walked}count={count}")
        # RFC 9865.
        assert (answer.status, answer.body["scimType"], answer.code) == (400, "invalidCount", "count_wrong")
    assert idp.post("/Users/.search", {"cursor": "", "count": True}).body["scimType"] == "invalidCount"
    assert idp.post("/Users/.search", {"cursor": 5}).body["scimType"] == "invalidCursor"


@pytest.mark.parametrize("path", ["Users", "Groups", "Users/2819c223"])
def test_a_path_behind_the_query_is_no_question_to_the_root(idp, path):
    # The Tenant URL that Entra wants, and behind it what a client adds to a base URL.
    answer = idp.get(f"?aadOptscim062020/{path}")
    assert (answer.status, answer.code) == (400, "parameter_wrong")
    assert "/scim/v2/Users?aadOptscim062020" in answer.body["detail"]
    assert idp.get("/?aadOptscim062020").status == 200


def test_a_filter_behind_a_second_question_mark_is_not_passed_over(idp):
    # What a client makes of …/Users?aadOptscim062020 that adds its own query as to any address: all people would be the answer.
    answer = idp.get('/Users?aadOptscim062020?filter=userName eq "nobody"')
    assert (answer.status, answer.code) == (400, "parameter_wrong")


def test_search_by_post_asks_the_same(idp):
    asked = {
        "filter": 'userName sw "m"',
        "attributes": ["userName"],
        "startIndex": 1,
        "count": 10,
        "sortBy": "userName",
    }
    mei = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", E_],
        "id": idp.ids["mei"],
        "userName": "Mei@Example.org",
    }
    answer = idp.post("/Users/.search", asked)
    assert (answer.status, answer.body["Resources"], answer.body["totalResults"]) == (200, [mei], 1)
    assert idp.post("/Groups/.search", {"filter": 'displayName eq "x"'}).body["totalResults"] == 0
    assert idp.post("/.search", asked).body["Resources"] == [mei]
    assert idp.post("/.search", {"filter": 'nothing eq "x"'}).code == "filter_unknown"


def test_search_at_the_root_walks_over_both_types(idp):
    group = idp.create_group("Ops")["id"]
    pages = [idp.post("/.search", {"startIndex": start, "count": 2}).body for start in (1, 3)]
    assert [page["totalResults"] for page in pages] == [4, 4]
    found = [each["id"] for page in pages for each in page["Resources"]]
    assert len(set(found)) == 4
    assert found[-1] == group
    # A page that the people fill has no place for a group.
    assert [len(idp.post("/.search", {"count": most}).body["Resources"]) for most in (0, 3)] == [0, 3]


def test_a_get_at_the_root_asks_for_both_types(idp):
    group = idp.create_group("Ops")["id"]
    for base in ("", "/"):
        assert len(idp.get(base).body["Resources"]) == 4
        asked = {"filter": f'id eq "{group}" or userName sw "mei"', "attributes": ["id"], "startIndex": 1}
        query = urlencode(asked | {"attributes": "id"})
        assert idp.get(f"{base}?{query}").body == idp.post("/.search", asked).body
    assert idp.get('/?filter=displayName%20eq%20"Ops"').body["Resources"][0]["id"] == group
    assert idp.get('/?filter=nothing%20eq%20"x"').code == "filter_unknown"
    assert idp.get("/?cursor").code == "parameter_wrong"


@pytest.mark.parametrize(
    "query",
    ["filter=userName%20sw%20%22m%22&filter=userName%20sw%20%22b%22", "filter=title%20pr&Filter=userName%20pr", "count=1&count=2",
     "filter=userName%20eq%20%22%FF%22", "filter=userName%20eq%20%22%ED%A0%80%22", "sortBy=user%C0%AEName"],
)  # fmt: skip
def test_a_query_with_two_meanings_or_none_is_refused(idp, query):
    answer = idp.get(f"/Users?{query}")
    assert (answer.status, answer.code) == (400, "parameter_wrong")


def test_a_query_may_say_the_same_twice_and_name_attributes_one_by_one(idp):
    assert idp.get("/Users?count=1&COUNT=1").body["itemsPerPage"] == 1
    shown = idp.get(f"/Users/{idp.ids['mei']}?attributes=userName&attributes=title").body
    assert set(shown) == {"schemas", "id", "userName", "title"}
    # The replacement character itself is a letter like any other.
    assert idp.get("/Users?filter=title%20eq%20%22%EF%BF%BD%22").body["totalResults"] == 0


def test_null_in_a_search_asks_for_nothing(idp):
    asked = dict.fromkeys(("filter", "sortBy", "sortOrder", "count", "startIndex", "attributes", "cursor"))
    assert idp.post("/Users/.search", asked).body == idp.get("/Users").body


@pytest.mark.parametrize(
    "body",
    [
        {"filter": 5},
        {"attributes": [1]},
        {"sortBy": []},
        {"sortOrder": ["ascending"]},
        {"sortOrder": {"a": 1}},
    ],
)
def test_a_search_of_wrong_types_is_refused(idp, body):
    assert idp.post("/Users/.search", body).code == "parameter_wrong"
