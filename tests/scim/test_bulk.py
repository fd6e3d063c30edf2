"""POST /Bulk: references backward, forward and circular, limits, and each operation whole or not at all."""

from typing import Any

import pytest

from scim import bulk, bulk_references
from tests.scim.talk import BASE, Scim, entries

pytestmark = pytest.mark.usefixtures("db")


def post(bulk_id: str, path: str = "/Users", **data: Any) -> dict[str, Any]:
    return {
        "method": "POST",
        "path": path,
        "bulkId": bulk_id,
        "data": data or {"userName": f"{bulk_id}@example.org"},
    }


def send(idp: Scim, *operations: Any, **more: Any) -> list[dict[str, Any]]:
    answer = idp.post("/Bulk", {"schemas": [bulk.REQUEST_URN], "Operations": list(operations), **more})
    assert answer.status == 200, answer
    assert answer.body["schemas"] == [bulk.RESPONSE_URN]
    return answer.body["Operations"]


def test_every_method_works_and_answers_as_alone(idp):
    made = idp.create("old@example.org")
    gone = idp.create("gone@example.org")
    promotion = {"op": "replace", "value": {"title": "Lead"}}
    results = send(
        idp,
        post("new"),
        {"method": "put", "path": f"/Users/{made['id']}", "data": {"userName": "old@example.org", "title": "Clerk"}},
        {"method": "PATCH", "path": f"/Users/{made['id']}", "version": 'W/"2"', "data": {"Operations": [promotion]}},
        {"method": "DELETE", "path": f"/Users/{gone['id']}"},
    )  # fmt: skip
    assert [each["status"] for each in results] == ["201", "200", "200", "204"]
    assert results[0]["bulkId"] == "new"
    assert results[0]["location"].startswith(f"{BASE}/Users/")
    assert results[2] == {
        "method": "PATCH", "status": "200", "location": f"{BASE}/Users/{made['id']}", "version": 'W/"3"',
    }  # fmt: skip
    assert idp.get(f"/Users/{made['id']}").body["title"] == "Lead"
    assert idp.get(f"/Users/{gone['id']}").status == 404


@pytest.mark.parametrize("is_forward", [False, True])
def test_a_reference_is_resolved_whether_what_it_names_comes_before_or_after(idp, is_forward):
    user, group = post("u"), post("g", "/Groups", displayName="Ops", members=[{"value": "bulkId:u"}])
    results = send(idp, *([group, user] if is_forward else [user, group]))
    assert [each["status"] for each in results] == ["201", "201"]
    created = {each["bulkId"]: each["location"].rpartition("/")[2] for each in results}
    assert [each["value"] for each in idp.get(f"/Groups/{created['g']}").body["members"]] == [created["u"]]


def test_a_reference_may_stand_in_an_address(idp):
    add = {"op": "add", "path": "members", "value": [{"value": "bulkId:u"}]}
    results = send(
        idp,
        {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {"Operations": [add]}},
        post("g", "/Groups", displayName="Ops"),
        post("u"),
    )
    assert [each["status"] for each in results] == ["200", "201", "201"]
    assert len(idp.get(results[1]["location"].removeprefix(BASE)).body["members"]) == 1


@pytest.mark.parametrize("is_forward", [False, True])
def test_a_reference_may_stand_in_the_path_of_a_patch(idp, is_forward):
    there = idp.create("there@example.org")["id"]
    group = f"/Groups/{idp.create_group('Ops', there)['id']}"
    chosen = 'members[value eq "bulkId:u"]'

    def change(*operations):
        return {"method": "PATCH", "path": group, "data": {"Operations": list(operations)}}

    add = {"op": "add", "path": chosen, "value": [{"value": "bulkId:u"}]}
    made, added = post("u"), change(add)
    results = send(idp, *((added, made) if is_forward else (made, added)))
    assert {each["status"] for each in results} == {"200", "201"}
    assert len(idp.get(group).body["members"]) == 2
    results = send(
        idp, post("u", userName="other@example.org"), change(add, {"op": "remove", "path": chosen})
    )
    assert [each["status"] for each in results] == ["201", "200"]
    assert len(idp.get(group).body["members"]) == 2
    results = send(idp, change({"op": "remove", "path": 'members[value eq "bulkId:nobody"]'}))
    assert (results[0]["status"], results[0]["response"]["detail"].rpartition("[")[2]) == (
        "409",
        "bulk_reference]",
    )


def test_circular_references_are_resolved(idp):
    urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    results = send(
        idp,
        post("a", userName="a", **{urn: {"manager": {"value": "bulkId:b"}, "department": "R"}}),
        post("b", userName="b", **{urn: {"manager": {"value": "bulkId:a"}}}),
        post("c", userName="c", **{urn: {"manager": {"value": "bulkId:c"}}}),
    )
    assert [each["status"] for each in results] == ["201"] * 3
    ids = {each["bulkId"]: each["location"].rpartition("/")[2] for each in results}
    found = {name: idp.get(f"/Users/{one}").body for name, one in ids.items()}
    assert {name: each[urn]["manager"]["value"] for name, each in found.items()} == {
        "a": ids["b"],
        "b": ids["a"],
        "c": ids["c"],
    }
    assert found["a"][urn]["department"] == "R"
    assert [each["version"] for each in results] == [each["meta"]["version"] for each in found.values()]


def test_groups_in_a_circle_are_refused_and_not_made(idp):
    member = [{"value": "bulkId:b"}], [{"value": "bulkId:a"}]
    results = send(
        idp,
        post("x", "/Groups", displayName="X", members=member[1]),
        post("a", "/Groups", displayName="A", members=member[0]),
        post("b", "/Groups", displayName="B", members=member[1]),
        post("s", "/Groups", displayName="S", members=[{"value": "bulkId:s"}]),
        post("u"),
        post("g", "/Groups", displayName="G", members=[{"value": "bulkId:u"}]),
    )
    # RFC 7644 §3.7.1: what cannot be resolved is a conflict.
    assert [each["status"] for each in results] == ["409", "409", "409", "409", "201", "201"]
    refused = [each["response"]["detail"].rpartition("[")[2] for each in results[:4]]
    assert refused == ["bulk_reference]", "bulk_circle]", "bulk_reference]", "bulk_circle]"]
    assert [each["displayName"] for each in idp.get("/Groups").body["Resources"]] == ["G"]


def test_what_fails_stands_alone_and_is_recorded(idp, acme):
    results = send(
        idp,
        post("a"),
        post("a2", userName="A@example.org"),
        post("g", "/Groups", displayName="Ops", members=[{"value": "bulkId:a2"}]),
        post("b"),
    )
    assert [each["status"] for each in results] == ["201", "409", "409", "201"]
    assert results[1]["response"]["scimType"] == "uniqueness"
    assert "location" not in results[1]
    assert idp.get("/Users").body["totalResults"] == 2
    assert idp.get("/Groups").body["totalResults"] == 0
    assert [each.reason for each in entries(acme, event="scim.refuse")] == [
        "user_name_taken",
        "bulk_reference",
    ]


def test_what_names_no_resource_has_no_location(idp):
    person = idp.create("mei@example.org")["id"]
    unread = [
        {"method": "GET", "path": f"/Users/{person}"},
        {"method": "PUT", "path": "/Users", "data": {}},
        "text",
        {"method": "DELETE"},
    ]
    results = send(idp, *unread, {"method": "PUT", "path": f"/Users/{person}", "data": []})
    assert [each["status"] for each in results] == ["400"] * 5
    assert [each.get("location") for each in results] == [None] * 4 + [f"{BASE}/Users/{person}"]


def test_fail_on_errors_stops(idp):
    bad = {"method": "DELETE", "path": "/Users/nobody"}
    assert [each["status"] for each in send(idp, bad, post("a"), bad, post("b"), failOnErrors=2)] == [
        "404",
        "201",
        "404",
    ]
    assert [each["status"] for each in send(idp, bad, post("c"), failOnErrors=1)] == ["404"]
    assert idp.get("/Users").body["totalResults"] == 1


@pytest.mark.parametrize(
    "operation",
    [None, 7, "x", [], {}, {"method": "GET", "path": "/Users"}, {"method": "POST", "path": "/Users", "data": {}}, {"method": 5, "path": 5},
     {"method": "POST", "path": "/Nothing", "bulkId": "x", "data": {}}, {"method": "PUT", "path": "/Users", "data": {}},
     {"method": "POST", "path": "/Users/1", "bulkId": "x", "data": {}}, {"method": "PATCH", "path": "/Users/1", "data": []},
     {"method": "POST", "path": "/Bulk", "bulkId": "x", "data": {}}, post("dup")],
)  # fmt: skip
def test_a_wrong_operation_is_refused_and_stops_no_other(idp, operation):
    results = send(idp, post("dup"), operation, post("ok"))
    assert [each["status"] for each in results] in (["201", "400", "201"], ["201", "409", "201"])
    assert results[1]["response"]["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"Operations": []}, 400), ({"Operations": 7}, 400), ({"Operations": [None], "failOnErrors": 0}, 400),
     ({"Operations": [None], "failOnErrors": "x"}, 400), ({"Operations": [None] * (bulk.OPERATIONS_MAX + 1)}, 413)],
)  # fmt: skip
def test_a_wrong_request_is_refused_whole(idp, body, status):
    assert idp.post("/Bulk", body).status == status


def test_references_are_read_replaced_and_left_out():
    data = {
        "members": [{"value": "bulkId:a"}, {"value": "x"}],
        "manager": {"$ref": "../Users/bulkId:b"},
        "note": "about bulkId:c",
    }
    assert bulk_references.named(data) == {"a", "b"}
    assert bulk_references.resolved(data, {"a": "1", "b": "2"}) == {
        "members": [{"value": "1"}, {"value": "x"}], "manager": {"$ref": "../Users/2"}, "note": "about bulkId:c",
    }  # fmt: skip
    assert bulk_references.without(data, {"a", "b"}) == {
        "members": [{"value": "x"}],
        "manager": {},
        "note": "about bulkId:c",
    }
