"""PATCH on values: RFC 7644 §3.5.2, with the choices where a path chooses among several values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim import normaliser
from scim.errors import ScimError
from scim.patch import apply
from scim.schemas import USERS

WORK = {"type": "work", "value": "w@x"}
HOME = {"type": "home", "value": "h@x"}
BEFORE: dict[str, Any] = {
    "userName": "a",
    "title": "T",
    "name": {"givenName": "G", "familyName": "F"},
    "emails": [WORK, HOME],
}


def patched(before: dict[str, Any], *operations: Any) -> tuple[dict[str, Any], bool]:
    read = normaliser.patch({"schemas": [normaliser.PATCH_URN], "Operations": list(operations)}, USERS)
    return apply(before, read.operations, USERS, read.notices)


CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"op": "add", "path": "title", "value": "U"}, {"title": "U"}),
    ({"op": "add", "path": "name.middleName", "value": "M"}, {"name": {"givenName": "G", "familyName": "F", "middleName": "M"}}),
    ({"op": "replace", "path": "name", "value": {"givenName": "N"}}, {"name": {"givenName": "N", "familyName": "F"}}),
    # An object is laid over what is there: parts that are null or empty go by themselves, the others stay, and so does all for no part.
    ({"op": "replace", "path": "name", "value": {"givenName": None}}, {"name": {"familyName": "F"}}),
    ({"op": "replace", "path": "name", "value": {"givenName": "", "familyName": "N"}}, {"name": {"familyName": "N"}}),
    ({"op": "add", "path": "name", "value": {"givenName": None, "middleName": "M"}}, {"name": {"familyName": "F", "middleName": "M"}}),
    ({"op": "replace", "value": {"name": {"givenName": None}}}, {"name": {"familyName": "F"}}),
    ({"op": "replace", "path": "name", "value": {"givenName": None, "familyName": None}}, {"name": None}),
    ({"op": "replace", "path": "name", "value": {}}, {}),
    ({"op": "replace", "path": "name", "value": {"nothing": 1, "givenName": "N"}}, {"name": {"givenName": "N", "familyName": "F"}}),
    ({"op": "replace", "path": "name", "value": None}, {"name": None}),
    ({"op": "replace", "path": 'emails[type eq "work"]', "value": {"display": None}}, {}),
    ({"op": "replace", "path": 'emails[type eq "work"]', "value": {"type": None}}, {"emails": [{"value": "w@x"}, HOME]}),
    ({"op": "replace", "path": 'emails[type eq "work"]', "value": {"value": None}}, {"emails": [HOME]}),
    ({"op": "remove", "path": "name.givenName"}, {"name": {"familyName": "F"}}),
    ({"op": "remove", "path": "name"}, {"name": None}),
    ({"op": "replace", "path": "title", "value": ""}, {"title": None}),
    ({"op": "add", "path": "emails", "value": [WORK, {"value": "n@x"}]}, {"emails": [WORK, HOME, {"value": "n@x"}]}),
    ({"op": "add", "path": "emails", "value": {"value": "n@x"}}, {"emails": [WORK, HOME, {"value": "n@x"}]}),
    ({"op": "add", "path": "emails", "value": []}, {}),
    ({"op": "replace", "path": "emails", "value": [{"value": "n@x"}]}, {"emails": [{"value": "n@x"}]}),
    ({"op": "replace", "path": "emails", "value": []}, {"emails": None}),
    ({"op": "remove", "path": "emails"}, {"emails": None}),
    ({"op": "remove", "path": "emails", "value": [{"value": "h@x"}]}, {"emails": [WORK]}),
    # Named by what is said of them, as a filter would: SCIMMY's tests remove {"type": "home"}.
    ({"op": "remove", "path": "emails", "value": {"value": "H@X"}}, {"emails": [WORK]}),
    ({"op": "remove", "path": "emails", "value": [{"type": "Home"}]}, {"emails": [WORK]}),
    ({"op": "remove", "path": "emails", "value": [{"type": "home", "display": "D"}]}, {}),
    ({"op": "remove", "path": "emails[primary eq false]"}, {"emails": None}),
    ({"op": "replace", "path": 'emails[primary eq false and type eq "home"].value', "value": "n@x"},
     {"emails": [WORK, {"type": "home", "value": "n@x"}]}),
    ({"op": "remove", "path": "emails", "value": []}, {}),
    ({"op": "remove", "path": "emails", "value": [{"value": None}]}, {}),
    ({"op": "remove", "path": "emails", "value": [{"value": ""}, {"value": "h@x"}]}, {"emails": [WORK]}),
    ({"op": "replace", "path": "emails", "value": [{"value": ""}]}, {"emails": None}),
    ({"op": "replace", "path": "emails", "value": [{"nothing": 1}, {"value": "h@x"}]}, {"emails": [{"value": "h@x"}]}),
    ({"op": "add", "path": "roles", "value": [{"displayName": "D"}]}, {"roles": [{"display": "D"}]}),
    # As SCIM-SDK's tests of Entra have it: a role without a value, as text.
    ({"op": "add", "path": "roles", "value": [{"value": '{"id": "1", "display": "D"}'}]}, {"roles": [{"display": "D"}]}),
    ({"op": "add", "path": "roles", "value": [{"value": '{"nothing": "D"}'}]}, {"roles": [{"value": '{"nothing": "D"}'}]}),
    ({"op": "remove", "path": 'emails[type eq "work"]'}, {"emails": [HOME]}),
    ({"op": "remove", "path": 'emails[type eq "none"]'}, {}),
    ({"op": "remove", "path": 'emails[type eq "home"].type'}, {"emails": [WORK, {"value": "h@x"}]}),
    ({"op": "remove", "path": "emails.type"}, {"emails": [{"value": "w@x"}, {"value": "h@x"}]}),
    ({"op": "replace", "path": "emails.type", "value": "other"},
     {"emails": [WORK | {"type": "other"}, HOME | {"type": "other"}]}),
    ({"op": "replace", "path": 'emails[TYPE eq "WORK"].value', "value": "n@x"}, {"emails": [WORK | {"value": "n@x"}, HOME]}),
    ({"op": "replace", "path": 'emails[not (type eq "work")].value', "value": "n@x"}, {"emails": [WORK, HOME | {"value": "n@x"}]}),
    ({"op": "replace", "path": 'emails[type eq "work"]', "value": {"value": "n@x", "display": "D"}},
     {"emails": [{"type": "work", "value": "n@x", "display": "D"}, HOME]}),
    ({"op": "add", "path": 'emails[type eq "work"]', "value": {"display": "D"}}, {"emails": [WORK | {"display": "D"}, HOME]}),
    ({"op": "add", "path": 'emails[type eq "other" and primary eq true].value', "value": "n@x"},
     {"emails": [WORK, HOME, {"type": "other", "primary": True, "value": "n@x"}]}),
    ({"op": "add", "path": "photos.value", "value": "https://x.example/p"}, {"photos": [{"value": "https://x.example/p"}]}),
    ({"op": "remove", "path": 'emails[value ew "@x"]'}, {"emails": None}),
    # What has lost its value is gone, and not a type that says something of nothing.
    ({"op": "remove", "path": 'emails[type eq "work"].value'}, {"emails": [HOME]}),
    ({"op": "replace", "path": 'emails[type eq "work"].value', "value": ""}, {"emails": [HOME]}),
    ({"op": "remove", "path": "emails.value"}, {"emails": None}),
    ({"op": "remove", "path": 'emails[type eq "work"].display'}, {}),
    # Of each type a value is there once (RFC 7643 §2.4), and a later word on it counts.
    ({"op": "add", "path": "emails", "value": [WORK | {"primary": True}]}, {"emails": [WORK | {"primary": True}, HOME]}),
    ({"op": "add", "path": "emails", "value": [WORK | {"type": "other"}]}, {"emails": [WORK, HOME, WORK | {"type": "other"}]}),
    ({"op": "replace", "path": "emails", "value": [HOME, WORK, HOME | {"display": "D"}]}, {"emails": [HOME | {"display": "D"}, WORK]}),
    ({"op": "replace", "path": "emails", "value": '[{"value": "n@x", "type": "work"}]'}, {"emails": [WORK | {"value": "n@x"}]}),
    ({"op": "add", "path": "x509Certificates", "value": [{"value": "TUlJTQ"}]}, {"x509Certificates": [{"value": "TUlJTQ"}]}),
    ({"op": "add", "path": "x509Certificates", "value": "TUlJ\r\nTQ==\n"}, {"x509Certificates": [{"value": "TUlJTQ=="}]}),
    ({"op": "replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "value": '{"department": "D"}'},
     {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "D"}}),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "difference"), CASES, ids=[str(each[0]) for each in CASES])
def test_an_operation_changes_what_it_names_and_nothing_else(
    operation: Any, difference: dict[str, Any]
) -> None:
    wanted = {name: value for name, value in (BEFORE | difference).items() if value is not None}
    kept = {name: value if not isinstance(value, list) else list(value) for name, value in BEFORE.items()}
    assert patched(BEFORE, operation) == (wanted, wanted != BEFORE)
    assert kept == BEFORE


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "replace", "path": 'emails[type ne "work" and type ne "home"].value', "value": "x"}, "target_missing"),
        ({"op": "replace", "path": 'emails[type eq "a" or type eq "b"].value', "value": "x"}, "target_missing"),
        ({"op": "remove", "path": "userName"}, "required_stays"),
        ({"op": "replace", "path": "userName", "value": None}, "required_stays"),
        ({"op": "replace", "path": "emails[type gt true].value", "value": "x"}, "filter_value"),
        ({"op": "replace", "path": 'emails[primary co "x"].value', "value": "x"}, "filter_unsupported"),
    ],
)  # fmt: skip
def test_an_operation_without_a_target_is_refused(operation: Any, code: str) -> None:
    with pytest.raises(ScimError) as refused:
        patched(BEFORE, operation)
    assert refused.value.code == code


def test_two_that_become_one_value_are_one() -> None:
    twice = {**BEFORE, "emails": [WORK, HOME, WORK | {"value": "v@x"}]}
    after, _ = patched(twice, {"op": "replace", "path": 'emails[type eq "work"].value', "value": "n@x"})
    assert after["emails"] == [WORK | {"value": "n@x"}, HOME]


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ({"value": "w@x", "type": "home"}, [WORK, HOME]),
        ({"value": "w@x", "type": "other"}, [HOME]),
        ({"value": "w@x"}, [HOME]),
    ],
)
def test_of_one_value_of_two_types_the_named_one_is_removed(sent: Any, left: list[Any]) -> None:
    before = BEFORE | {"emails": [WORK, HOME, WORK | {"type": "home"}]}
    after, _ = patched(before, {"op": "remove", "path": "emails", "value": [sent]})
    assert after["emails"] == left


def test_an_address_without_a_line_is_gone() -> None:
    before = {**BEFORE, "addresses": [{"type": "work", "locality": "Tema", "country": "GH"}]}
    after, _ = patched(before, {"op": "remove", "path": 'addresses[type eq "work"].locality'})
    assert after["addresses"] == [{"type": "work", "country": "GH"}]
    after, _ = patched(after, {"op": "remove", "path": 'addresses[type eq "work"].country'})
    assert "addresses" not in after


@pytest.mark.parametrize(
    "value", ["TUlJT", "TUlJTQ=", "TU-J", "-----BEGIN CERTIFICATE-----", "[", '["TUlJ"', "[1,]"]
)
def test_what_is_no_base64_is_refused(value: str) -> None:
    with pytest.raises(ScimError) as refused:
        patched(BEFORE, {"op": "add", "path": "x509Certificates", "value": [{"value": value}]})
    assert refused.value.code == "value_wrong"


def test_a_list_cannot_grow_without_end() -> None:
    many = {**BEFORE, "emails": [{"value": str(number)} for number in range(500)]}
    with pytest.raises(ScimError) as refused:
        patched(many, {"op": "add", "path": "emails", "value": [{"value": "n"}]})
    assert refused.value.code == "too_many_values"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=10)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "type", "primary", "x", "givenName"]), inner)
    ),
    max_leaves=8,
)
TARGETS = st.sampled_from(
    ["title", "name", "name.givenName", "emails", "emails.value", 'emails[type eq "work"]', 'emails[primary eq "True"].value', "active",
     "addresses", "roles", "manager", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "schemas", "x", "photos.primary"]
) | st.none() | st.text(max_size=12)  # fmt: skip


@given(
    st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "Replace", "remove"]), "path": TARGETS, "value": JSON}
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_is_sent_is_done_or_refused_as_ours(operations: list[Any]) -> None:
    try:
        after, _ = patched(BEFORE, *operations)
    except ScimError as refused:
        assert refused.status in {400, 413}  # noqa: PT017 - a refusal is one of the two right answers
    else:
        assert after["userName"] == "a"
        again, _ = apply(after, [], USERS)
        assert again == after
