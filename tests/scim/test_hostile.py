"""Hostile input: a clean 4xx in SCIM's form, nothing changed, nothing crashed."""

import gzip
import json
from typing import Any
from urllib.parse import quote

import pytest
from django.db import OperationalError

from tests.scim.talk import PATCH, entries

pytestmark = pytest.mark.usefixtures("db")


BODIES = [
    b"", b"{", b"[]", b"null", b"7", b'"x"', b"{}", b"\xff", b"{" * 10_000, b"[" * 10_000, b'{"userName":' + b"[" * 10_000,
    b'{"userName":"a","userName":"b"}', b'{"userName":"a\\u0000"}', b'{"userName":"\\ud800"}', b'{"userName":"a","title":"\\udfff"}',
    b'{"userName":NaN}', b'{"userName":1e999}', b'{"userName":' + b"9" * 10_000 + b"}", b'{"userName":[]}', b'{"userName":{}}',
    b'{"userName":true}', b'{"userName":["a","b"]}', b'{"userName":""}', b'{"userName":"   "}', b'{"userName":null}',
    b'{"userName":"a","emails":"' + b"x" * 5000 + b'"}', b'{"userName":"a","emails":[[]]}', b'{"userName":"a","emails":[{"value":{}}]}',
    b'{"userName":"a","emails":[{"value":"x","primary":"maybe"}]}', b'{"userName":"a","active":"maybe"}', b'{"userName":"a","active":[]}x',
    b'{"userName":"a","name":[1,2]}', b'{"userName":"a","schemas":{"a":' + b"{" * 100, b'{"userName":"' + b"x" * 5000 + b'"}',
    b'{"userName":"a","externalId":{"a":1}}', b'{"userName":"a","externalId":"' + b"x" * 5000 + b'"}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:30]))
def test_a_wrong_body_is_refused_everywhere(idp, acme, body):
    made = idp.create("mei@example.org")
    group = idp.create_group("Ops")
    before = len(entries(acme))
    for method, path in [
        ("POST", "/Users"), ("PUT", f"/Users/{made['id']}"), ("PATCH", f"/Users/{made['id']}"), ("POST", "/Groups"),
        ("PUT", f"/Groups/{group['id']}"), ("PATCH", f"/Groups/{group['id']}"),
    ]:  # fmt: skip
        answer = idp.send(method, path, body)
        assert 400 <= answer.status < 500, (method, path, answer)
        assert answer.body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert answer.body["detail"]
    assert idp.get("/Users").body["totalResults"] == 1
    assert idp.get(f"/Groups/{group['id']}").body == group
    assert {each.event for each in entries(acme)[before:]} == {"scim.refuse"}


VALUES: list[Any] = [
    None, True, 1.5, "x", [], {}, [[]], [None], {"value": {"value": "x"}}, [{"value": None}], "x" * 100_000, [{"value": "x"}] * 1000,
]  # fmt: skip


CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATHS: list[Any] = [
    "userName", "active", "emails", "emails.value", 'emails[type eq "work"].value', "emails[", "name", "name.givenName", "groups", "id",
    "x", "schemas", "externalId", "", None, 7, [], {}, "members", 'members[value eq "x"]', CORE, f"{ENTERPRISE}:manager", "displayName",
    "a" * 5000, "(" * 5000, "\x01", "roles", "x509Certificates", "meta",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: repr(path)[:30])
def test_wrong_types_everywhere_in_a_patch_never_crash(idp, path):
    made = idp.create("mei@example.org")
    group = idp.create_group("Ops", made["id"])
    for verb in ("add", "replace", "remove"):
        for value in VALUES:
            for address in (f"/Users/{made['id']}", f"/Groups/{group['id']}"):
                answer = idp.send(
                    "PATCH",
                    address,
                    {"schemas": [PATCH], "Operations": [{"op": verb, "path": path, "value": value}]},
                )
                assert answer.status in {200, 204, 400, 403, 409}, (verb, path, value, answer)
                if answer.status >= 400:
                    assert answer.body["detail"]


@pytest.mark.parametrize(
    "operations",
    [
        None,
        7,
        "x",
        {},
        [],
        [None],
        [[]],
        ["x"],
        [{}],
        [{"op": "add"}] * 1001,
        [{"op": "Move", "path": "title"}],
        [{"op": 7}],
    ],
)
def test_wrong_operations_are_refused(idp, operations):
    made = idp.create("mei@example.org")
    answer = idp.send("PATCH", f"/Users/{made['id']}", {"schemas": [PATCH], "Operations": operations})
    assert answer.status in {400, 413}


@pytest.mark.parametrize(
    "resource_id",
    [
        "x",
        "%00",
        "%ff",
        "..",
        "' OR 1=1",
        "00000000-0000-0000-0000-000000000000",
        "a" * 3000,
        "{}",
        "Users",
        ".search",
    ],
)
def test_an_id_that_is_none_is_not_found(idp, resource_id):
    for kind in ("Users", "Groups"):
        path = f"/{kind}/{quote(resource_id, safe='%.')}"
        answers = [
            idp.get(path), idp.delete(path), idp.put(path, {"userName": "a", "displayName": "a"}),
            idp.patch(path, {"op": "replace", "value": {"displayName": "x"}}),
        ]  # fmt: skip
        assert {each.status for each in answers} <= {404, 405}
        assert all(each.body["detail"] for each in answers)


def test_the_size_of_a_body_has_a_limit(idp, monkeypatch):
    from scim import protocol

    monkeypatch.setattr(protocol, "BODY_BYTES_MAX", 1000)
    answer = idp.post("/Users", {"userName": "a", "title": "x" * 1000})
    assert (answer.status, answer.code) == (413, "body_too_large")


def test_other_media_types_are_refused(idp):
    from django.test import Client

    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = Client().generic(
            "POST", "/scim/v2/Users", b'{"userName":"a"}', content_type=kind, headers=idp.headers
        )
        assert answer.status_code == 415
    accepted = Client().post(
        "/scim/v2/Users",
        '{"userName":"a"}',
        content_type="application/json; charset=utf-8",
        headers=idp.headers,
    )
    assert accepted.status_code == 201


@pytest.mark.parametrize(
    ("label", "name", "status"),
    [
        ("", "Jürgen", 201),
        ("; charset=UTF-8", "Jürgen", 201),
        ('; version=1; charset="utf8"', "Jürgen", 201),
        ("; charset=iso-8859-1", "Juergen", 201),  # where it makes no difference
        ("; charset=iso-8859-1", "Jürgen", 415),
        ("; charset=", "Jürgen", 201),
        ("; charset=utf-16", "Jürgen", 415),
    ],
)
def test_a_label_of_another_charset_is_refused_where_it_makes_a_difference(idp, label, name, status):
    from django.test import Client

    body = json.dumps({"userName": "a", "displayName": name}, ensure_ascii=False).encode()
    kind = f"application/scim+json{label}"
    answer = Client().generic("POST", "/scim/v2/Users", body, content_type=kind, headers=idp.headers)
    assert answer.status_code == status
    told = json.loads(answer.content)
    if status == 201:
        assert told["displayName"] == name
    else:
        assert told["detail"].endswith("[body_charset]")
    # In the other charset itself, whether it is said or not.
    answer = Client().generic(
        "POST", "/scim/v2/Users", '{"userName":"ü"}'.encode("latin-1"), content_type=kind, headers=idp.headers
    )
    assert answer.status_code in {400, 415}


def test_a_packed_body_is_refused(idp):
    packed = gzip.compress(b'{"userName":"a"}')
    for body, coding in ((packed, "gzip"), (b'{"userName":"a"}', "br"), (packed, "GZIP, identity")):
        answer = idp.send("POST", "/Users", body, **{"Content-Encoding": coding})
        assert (answer.status, answer.code) == (415, "content_encoding")
        assert answer.headers["Accept-Encoding"] == "identity"
    assert idp.send("POST", "/Users", b'{"userName":"a"}', **{"Content-Encoding": "identity"}).status == 201


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ('{"value":' * 3000 + "1" + "}" * 3000, 400, "body_too_deep"),
        ('{"value":"x","id":' + "[" * 30 + "]" * 30 + "}", 400, "body_too_deep"),
        ('{"value":"x\\u0000"}', 400, "body_character"),
        ('{"value":"\\ud800"}', 400, "body_character"),
        ("{" * 5000, 400, "value_too_long"),
        ('{"value":"x","value":"y"}', 201, ""),
        ("{not JSON", 201, ""),
    ],
)
def test_json_within_text_is_read_as_strictly_as_a_body(idp, text, status, code):
    answer = idp.post("/Users", {"userName": "a", "roles": [{"value": text}]})
    assert (answer.status, answer.code) == (status, code)
    if status == 201:
        assert answer.body["roles"] == [{"value": text}]


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/Users"), ("PUT", "/Groups"), ("POST", "/Schemas"), ("PATCH", "/ServiceProviderConfig"), ("GET", "/.search"),
     ("TRACE", "/Users"), ("POST", "/Users/x"), ("POST", ""), ("PUT", "/")],
)  # fmt: skip
def test_a_method_that_is_not_possible_is_refused(idp, method, path):
    answer = idp.send(method, path)
    assert (answer.status, answer.code) == (405, "method")
    assert answer.headers["Allow"]


def test_the_methods_of_an_address_can_be_asked_for(idp):
    answer = idp.send("OPTIONS", "/Users")
    assert (answer.status, answer.body, answer.headers["Allow"]) == (204, None, "GET, POST, HEAD, OPTIONS")
    assert idp.get("/Bulk").headers["Allow"] == "POST, OPTIONS"


def test_what_django_refuses_and_what_crashes_is_answered_in_scims_form(idp, monkeypatch, settings):
    idp.client.raise_request_exception = False
    many = idp.get(
        "/Users?" + "&".join(f"a{number}=1" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1))
    )
    assert (many.status, many.code) == (400, "malformed")
    foreign = idp.get("/Users", Host="evil.example")
    assert (foreign.status, foreign.code) == (400, "malformed")

    def crash(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("scim.users.from_query", crash)
    answer = idp.get("/Users")
    assert (answer.status, answer.body["status"], answer.code) == (500, "500", "crashed")
    assert answer.headers["Content-Type"] == "application/scim+json"

    def away(*_):
        raise OperationalError("the database system is starting up")

    monkeypatch.setattr("scim.users.from_query", away)
    answer = idp.get("/Users")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "unavailable", "5")
    assert "<html" in idp.client.get("/nothing-of-scim", headers={"Host": "evil.example"}).content.decode()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/nothing", "/Users/x/y", "/userss", "/Bulk/x", "/Users/Users", "/Groups/Users/x"]
)
def test_other_addresses_answer_in_scims_form(idp, method, path):
    answer = idp.send(method, path)
    assert (answer.status, answer.code) == (404, "no_endpoint")


def test_a_name_with_line_breaks_is_not_written_into_the_answer(idp):
    answer = idp.patch(
        "/Users/" + idp.create("a")["id"], {"op": "replace", "path": "evil\r\nname", "value": 1}
    )
    assert answer.status == 400
    assert "\n" not in answer.body["detail"]


@pytest.mark.parametrize("urn", [None, CORE, ENTERPRISE])
def test_a_request_names_a_limited_number_of_attributes(idp, urn):
    made = idp.create("mei@example.org")
    many = {f"k{number}": number for number in range(1001)}
    body = {"userName": "jo@example.org", **({urn: many} if urn else many)}
    answers = [
        idp.post("/Users", body),
        idp.put(f"/Users/{made['id']}", body),
        idp.patch(f"/Users/{made['id']}", {"op": "replace", "value": body}),
    ]
    assert {(each.status, each.code) for each in answers} == {(400, "too_many_attributes")}
    assert idp.get(f"/Users/{made['id']}").body == made


def test_a_patch_does_a_limited_amount_of_comparing(idp):
    emails = [{"value": f"{number}@example.org", "type": "work"} for number in range(500)]
    made = idp.create("mei@example.org", emails=emails)
    chosen = " or ".join(f'value eq "{number}x"' for number in range(100))
    address = f"/Users/{made['id']}"
    assert idp.patch(address, {"op": "remove", "path": f"emails[{chosen}]"}).status == 200
    for operation in (
        {"op": "remove", "path": f"emails[{chosen}]"},
        {"op": "add", "path": "emails", "value": emails},
    ):
        answer = idp.patch(address, *[operation] * 20)
        assert (answer.status, answer.code) == (413, "too_much_work")
    assert idp.get(address).body == made
