"""Bodies are read strictly: what two readers could take differently, or nobody can store, is refused."""

import pytest

from scim import protocol
from scim.errors import CATALOGUE, Code, ScimError


def test_an_object_is_read() -> None:
    body = '\ufeff{"a": "\\ud83d\\ude00", "b": [1, 2.5, null, true], "c": "\\\\u0000"}'.encode()
    assert protocol.read_object(body) == {"a": "😀", "b": [1, 2.5, None, True], "c": "\\u0000"}


REFUSED = [
    (b"", "body_not_json"),
    (b"{", "body_not_json"),
    (b"\xff\xfe{}", "body_not_json"),
    (b"[]", "body_not_object"),
    (b"null", "body_not_object"),
    (b'"text"', "body_not_object"),
    (b'{"active": false, "active": true}', "body_not_json"),
    (b'{"a": {"b": 1, "b": 2}}', "body_not_json"),
    (b'{"a": NaN}', "body_not_json"),
    (b'{"a": -Infinity}', "body_not_json"),
    (b'{"a": 1e999}', "body_not_json"),
    (b'{"a": ' + b"9" * 5000 + b"}", "body_not_json"),
    (b'{"a": "\x00"}', "body_not_json"),
    (b'{"a": "x\\u0000y"}', "body_character"),
    (b'{"a\\u0000": 1}', "body_character"),
    (b'{"a": [{"b": "\\ud800"}]}', "body_character"),
    (b'{"a": "\\udc00\\ud800"}', "body_character"),
    (b'{"a": "\xed\xa0\x80"}', "body_not_json"),
    (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "body_too_deep"),
    (b'{"a":' + b"[" * 1_000_000, "body_too_deep"),
    (b'{"a":' * 30 + b"1" + b"}" * 30, "body_too_deep"),
]


@pytest.mark.parametrize(("body", "code"), REFUSED, ids=[f"{body[:24]!r}" for body, _ in REFUSED])
def test_a_body_that_cannot_be_taken_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(ScimError) as refused:
        protocol.read_object(body)
    assert refused.value.code == code
    assert refused.value.status == 400


def test_every_code_has_its_line() -> None:
    assert set(CATALOGUE) == set(Code)


def test_an_error_is_written_as_the_rfc_says() -> None:
    error = ScimError(Code.FILTER_UNKNOWN, path="bad\r\nname")
    assert error.document() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "400",
        "scimType": "invalidFilter",
        "detail": "The filter names “bad��name”, which is no attribute here. [filter_unknown]",
    }


def test_a_list_is_written_as_the_rfc_says() -> None:
    assert protocol.listing([{"id": "1"}], 7, 3) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 7,
        "startIndex": 3,
        "itemsPerPage": 1,
        "Resources": [{"id": "1"}],
    }
