"""Whatever a body may be, the answer is a problem with its place, never a crash."""

import json

import pytest

from tests.api.client import browser_of, recorded, token_of

PATH = "/api/v1/organizations/acme/members"


def raw(api, data, content_type="application/json", **headers):
    return api.client.post(PATH, data=data, content_type=content_type, headers={**api.headers, **headers})


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid"),
        (b"{", "parse_error"),
        (b"\xff\xfe", "parse_error"),
        (b'{"user_name": "\xff"}', "parse_error"),
        (b"nonsense", "parse_error"),
        (b"null", "invalid"),
        (b"[]", "invalid"),
        (b"5", "invalid"),
        (b'"user_name"', "invalid"),
        (b'{"user_name": NaN}', "parse_error"),
        (b'{"user_name": Infinity}', "parse_error"),
        (b'{"user_name": "a", "user_name": "b"}', "parse_error"),
        (b'{"user_name": 1e999}', "invalid"),
        (b'{"user_name": ' + b"9" * 5000 + b"}", "parse_error"),
        (b'{"user_name": ' + b"9" * 30 + b"}", "invalid"),
        (b'{"user_name": "\\u0000"}', "invalid"),
        (b'{"\\u0000": "x"}', "invalid"),
        (b'{"user_name": "\\ud800"}', "invalid"),
        (b"[" * 100_000, "parse_error"),
        (b"[" * 50 + b"]" * 50, "parse_error"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "parse_error"),
        (b'{"user_name": {"$ne": null}}', "invalid"),
        (b"\xef\xbb\xbf{}", "parse_error"),
    ],
)
def test_a_broken_body_is_refused(ada, data, code):
    answer = raw(token_of(ada), data)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/scim+json",
        "x",
    ],
)
def test_another_content_type_is_refused(ada, content_type):
    for api in (token_of(ada), browser_of(ada)):
        answer = raw(api, b'{"user_name": "x"}', content_type)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (
            "access/check",
            {"questions": [{"member": 5, "permission": "view", "resource": {"kind": "asset", "id": "a"}}]},
            "questions[0].member",
        ),
        ("access/bulk", {"edits": [{"member": 5, "act": "give", "role": "auditor"}]}, "edits[0].member"),
        ("offboardings", {"members": [True]}, "members[0]"),
        ("offboardings", {"members": [], "hand_over_to": 5}, "hand_over_to"),
        ("reviews", {"name": "R", "reviewers": [5]}, "reviewers[0]"),
    ],
)
def test_a_number_is_no_id(ada, path, body, field):
    answer = token_of(ada).post(f"/organizations/acme/{path}", body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize("value", ["off", "yes", 0, 1, None])
def test_a_pulled_directory_is_switched_by_true_and_false_alone(ada, value):
    api, path = token_of(ada), "/organizations/acme/directories"
    made = api.post(
        path,
        {"kind": "csv", "name": "HR", "settings": {"mapping": {"external_id": "No", "user_name": "Login"}}},
    ).json()
    answer = api.patch(f"{path}/{made['id']}", {"active": value})
    assert (answer.status_code, answer.json()["field"]) == (400, "active")


def test_json_may_name_its_charset(ada):
    assert raw(token_of(ada), b'{"user_name": "x"}', "application/json; charset=utf-8").status_code == 201


def test_a_body_over_the_limit_is_refused_before_it_is_parsed(ada, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    api = token_of(ada)
    exact = json.dumps({"user_name": "x"}).ljust(1000).encode()
    assert raw(api, exact).status_code == 201
    answer = raw(api, exact + b" ")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_an_answer_is_json_whatever_is_asked_for(ada):
    for accept in ("text/html", "text/csv", "nonsense", "application/xml;q=0.9"):
        api = token_of(ada)
        api.headers["Accept"] = accept
        assert api.get("/me")["Content-Type"] == "application/json"
        assert api.get("/organizations/nowhere")["Content-Type"] == "application/problem+json"


def test_an_address_with_a_nul_leads_nowhere(ada):
    for path in (
        "/organizations/a%00",
        "/organizations/acme/members/%00",
        "/organizations/acme/resources/a%00/b/access",
    ):
        assert token_of(ada).get(path).status_code == 404


def test_a_bad_uuid_in_an_address_leads_nowhere(ada):
    for path in ("/organizations/acme/members/1", "/organizations/acme/directories/" + "f" * 32):
        assert token_of(ada).get(path).status_code == 404


def test_a_browser_changes_things_only_with_the_csrf_token(acme, ada):
    api = browser_of(ada)
    assert api.get("/organizations/acme/members").status_code == 200
    answer = api.post("/organizations/acme/members", {"user_name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    api.headers = {"X-CSRFToken": "a" * 64}
    assert api.post("/organizations/acme/members", {"user_name": "x"}).json()["code"] == "csrf_failed"
    token = "b" * 32
    api.client.cookies["rollcall_csrf"] = token
    api.headers = {"X-CSRFToken": token}
    answer = api.post("/organizations/acme/members", {"user_name": "x"})
    assert answer.status_code == 201
    (entry,) = (
        line for line in recorded(acme, "member.create") if line["subject"]["id"] == answer.json()["id"]
    )
    assert entry["actor"] == {"kind": "member", "id": str(ada.pk), "label": "ada@acme.example"}


def test_a_word_or_a_field_that_is_not_known_is_answered_by_those_that_are(acme, ada):
    api = token_of(ada)
    answer = api.get("/organizations/acme/mails", state="lost")
    assert answer.json()["detail"] == "This is not one of: waiting, sent, kept, failed, cancelled."
    answer = api.get("/organizations/acme/mails", colour="red")
    assert (answer.status_code, answer.json()["field"]) == (400, "colour")
    assert answer.json()["detail"].startswith("There is no such field. There are: ")
    assert "state" in answer.json()["detail"]
