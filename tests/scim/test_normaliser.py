"""Every client's dialect comes down to the same few operations, and what was bent is said."""

from typing import Any

import pytest

from scim import membership, normaliser
from scim.errors import ScimError
from scim.patch import apply
from scim.profiles import QUIRKS
from scim.schemas import GROUPS, USERS
from tests.scim import golden_files

KINDS = {"User": USERS, "Group": GROUPS}


@pytest.mark.parametrize("name", golden_files.NAMES)
def test_what_a_client_sends_has_its_effect(name: str) -> None:
    golden = golden_files.load(name, id="me")
    kind = KINDS[golden["type"]]
    if golden["method"] == "PATCH":
        read = normaliser.patch(golden["body"], kind, "me")
        ours = [each for each in read.operations if each.attribute.name != "members"]
        after, _ = apply(golden["before"], ours, kind, read.notices)
        changes = membership.folded([each for each in read.operations if each.attribute.name == "members"])
        notices = read.notices
    else:
        resource = normaliser.resource(golden["body"], kind, "me")
        after, notices = resource.attributes, resource.notices
        changes = membership.Changes(
            resource.members is not None, added=dict.fromkeys(resource.members or ())
        )
    assert after == golden["after"]
    assert sorted(each.code for each in notices.found) == golden["notices"]
    if "members" in golden:
        before = [] if changes.replaced else golden["members"]["before"]
        assert sorted({*before, *changes.added} - set(changes.removed)) == golden["members"]["after"]


def test_every_notice_is_a_known_quirk_and_every_quirk_has_its_golden_file() -> None:
    seen = {code for name in golden_files.NAMES for code in golden_files.load(name)["notices"]}
    assert seen == set(QUIRKS)


def read_patch(*operations: Any, kind: str = "User") -> Any:
    return normaliser.patch(
        {"schemas": [normaliser.PATCH_URN], "Operations": list(operations)}, KINDS[kind], "me"
    )


REFUSED: list[tuple[str, Any, str]] = [
    ("User", {"op": "replace", "path": "nothing", "value": 1}, "nothing_resolved"),
    ("User", {"op": "replace", "path": "emails.nothing", "value": 1}, "nothing_resolved"),
    ("User", {"op": "replace", "value": {"nothing": 1, "id": "me"}}, "nothing_resolved"),
    ("User", {"op": "replace", "path": "name", "value": {"nothing": 1}}, "nothing_resolved"),
    (
        "User",
        {"op": "add", "path": 'addresses[type eq "work"]', "value": {"nothing": None}},
        "nothing_resolved",
    ),
    ("User", {"op": "replace", "value": {"manager": {"managerId": "u"}}}, "nothing_resolved"),
    ("User", {"op": "replace", "path": "emails", "value": [{"nothing": 1}]}, "nothing_resolved"),
    ("User", {"op": "add", "path": "emails", "value": {"nothing": 1}}, "nothing_resolved"),
    ("User", {"op": "remove", "path": "roles", "value": [{"id": "x"}, {"nothing": 1}]}, "nothing_resolved"),
    ("User", {"op": "replace", "path": "name", "value": {"givenName": {"a": 1}}}, "value_wrong"),
    ("User", {"op": "replace", "value": {}}, "nothing_resolved"),
    ("User", {"op": "replace", "value": {"groups": []}}, "nothing_resolved"),
    ("User", {"op": "replace", "path": "password", "value": "x"}, "password_not_kept"),
    ("User", {"op": "replace", "path": "id", "value": "x"}, "read_only"),
    ("User", {"op": "replace", "path": "meta.version", "value": "x"}, "read_only"),
    ("User", {"op": "add", "path": "groups", "value": [{"value": "g"}]}, "read_only"),
    ("User", {"op": "replace", "value": {"id": "other", "title": "x"}}, "id_differs"),
    ("User", {"op": "replace", "path": "emails[type eq", "value": "x"}, "path_syntax"),
    ("User", {"op": "replace", "path": "title x", "value": "x"}, "path_syntax"),
    ("User", {"op": "replace", "path": 'emails[type eq "work"] x', "value": []}, "path_syntax"),
    ("User", {"op": "replace", "path": 'emails[type eq "work"].value x', "value": "x"}, "path_syntax"),
    ("User", {"op": "replace", "path": "emails[nothing eq 1].value", "value": "x"}, "filter_unknown"),
    ("User", {"op": "replace", "path": 'title[value eq "x"]', "value": "x"}, "no_target"),
    ("User", {"op": "replace", "path": "title", "value": {"a": 1}}, "value_wrong"),
    ("User", {"op": "replace", "path": "title", "value": ["a", "b"]}, "value_wrong"),
    ("User", {"op": "replace", "path": "title", "value": True}, "value_wrong"),
    ("User", {"op": "replace", "path": "title", "value": "x" * 5000}, "value_too_long"),
    ("User", {"op": "replace", "path": "active", "value": "maybe"}, "value_wrong"),
    ("User", {"op": "replace", "path": "active", "value": 1}, "value_wrong"),
    ("User", {"op": "replace", "path": "emails", "value": [True]}, "value_wrong"),
    (
        "User",
        {"op": "replace", "path": "emails", "value": [{"value": str(i)} for i in range(501)]},
        "too_many_values",
    ),
    ("User", {"op": "replace", "path": "x509Certificates", "value": [{"value": "~"}]}, "value_wrong"),
    ("User", {"op": "replace", "path": "title"}, "value_missing"),
    ("User", {"op": "replace", "path": 7, "value": 1}, "operation_shape"),
    ("User", {"op": "replace", "value": "x"}, "value_wrong"),
    ("User", {"op": "replace", "value": "{x"}, "value_wrong"),
    ("User", {"op": "replace", "value": '{"title": "\\u0000"}'}, "body_character"),
    ("User", {"op": "replace", "path": "name", "value": '{"givenName": {"a": 1}}'}, "value_wrong"),
    ("Group", {"op": "add", "path": "members", "value": ['{"display": "x"}']}, "value_wrong"),
    (
        "Group",
        {"op": "add", "path": "members", "value": ['{"value": ' + "[" * 30 + "]" * 30 + "}"]},
        "body_too_deep",
    ),
    ("User", {"op": "remove"}, "no_target"),
    ("User", {"op": "move", "path": "title"}, "operation_unknown"),
    ("User", {"path": "title"}, "operation_shape"),
    ("User", "replace", "operation_shape"),
    ("Group", {"op": "add", "path": "members", "value": [{"display": "x"}]}, "value_wrong"),
    ("Group", {"op": "add", "path": "members", "value": [[]]}, "value_wrong"),
    ("Group", {"op": "remove", "path": 'members[display sw "x"]'}, "filter_unsupported"),
    ("Group", {"op": "remove", "path": 'members[value eq "a" and type eq "Printer"]'}, "filter_unsupported"),
    ("Group", {"op": "remove", "path": 'members[value eq "a" and value eq "b"]'}, "filter_unsupported"),
    ("Group", {"op": "remove", "path": 'members[value eq "a" and display sw "x"]'}, "filter_unsupported"),
    ("Group", {"op": "remove", "path": 'members[type eq "User"]'}, "filter_unsupported"),
    # Who a member is stays: to answer that it was changed, and change nothing, would lose one of the two.
    ("Group", {"op": "replace", "path": 'members[value eq "a"].value', "value": "b"}, "immutable"),
    ("Group", {"op": "replace", "path": 'members[value eq "a"]', "value": {"value": "b"}}, "immutable"),
    ("Group", {"op": "add", "path": 'members[value eq "a"]', "value": [{"value": "b"}]}, "immutable"),
    ("Group", {"op": "replace", "path": "members.type", "value": "Group"}, "immutable"),
    ("Group", {"op": "remove", "path": 'members[value eq "a"].type'}, "immutable"),
    ("Group", {"op": "remove", "path": "members.$ref"}, "immutable"),
    ("Group", {"op": "add", "path": "members"}, "value_missing"),
]


@pytest.mark.parametrize(("kind", "operation", "code"), REFUSED)
def test_a_patch_that_means_nothing_is_refused(kind: str, operation: Any, code: str) -> None:
    with pytest.raises(ScimError) as refused:
        read_patch(operation, kind=kind)
    assert refused.value.code == code
    assert refused.value.status == 400


def test_a_patch_that_resolves_in_part_does_that_part() -> None:
    read = read_patch({"op": "replace", "value": {"title": "Clerk", "nothing": 1, "password": "x"}})
    assert [(each.kind, each.attribute.name, each.value) for each in read.operations] == [
        ("set", "title", "Clerk"),
        ("set", "nothing", 1),
    ]
    assert [each.place.extension for each in read.operations] == [None, "urn:rollcall:scim:unmapped"]
    assert [each.code for each in read.notices.found] == ["unknown_attribute", "password"]


@pytest.mark.parametrize(
    ("kind", "path", "limit"),
    [("User", "title", normaliser.OPERATIONS_MAX), ("Group", "members", normaliser.GROUP_OPERATIONS_MAX)],
)
def test_a_patch_has_a_limit_of_operations(kind: str, path: str, limit: int) -> None:
    one = {"op": "add", "path": path, "value": "x"}
    assert len(read_patch(*[one] * limit, kind=kind).operations) == limit
    with pytest.raises(ScimError) as refused:
        read_patch(*[one] * (limit + 1), kind=kind)
    assert refused.value.status == 413


@pytest.mark.parametrize("body", [{}, {"Operations": []}, {"Operations": "x"}, {"Operations": None}])
def test_a_patch_without_operations_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ScimError) as refused:
        normaliser.patch(body, USERS)
    assert refused.value.code == "patch_empty"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "value_required"),
        ({"userName": None}, "value_required"),
        ({"userName": ""}, "value_required"),
        ({"userName": {"a": 1}}, "value_wrong"),
        ({"userName": "a", "name": 1.5}, "value_wrong"),
        ({"userName": "a", "emails": [[]]}, "value_wrong"),
        ({"userName": "a", "id": "other"}, "id_differs"),
    ],
)
def test_a_resource_that_cannot_be_is_refused(body: dict[str, Any], code: str) -> None:
    with pytest.raises(ScimError) as refused:
        normaliser.resource(body, USERS, "me")
    assert refused.value.code == code


def test_the_last_word_on_each_member_counts() -> None:
    read = read_patch(
        {"op": "add", "path": "members", "value": [{"value": "a"}, {"value": "b"}]},
        {"op": "remove", "path": 'members[value eq "a" or value eq "c"]'},
        {"op": "add", "path": "members", "value": [{"value": "c"}]},
        kind="Group",
    )
    changes = membership.folded(read.operations)
    assert (changes.replaced, list(changes.added), list(changes.removed)) == (False, ["b", "c"], ["a"])


def test_the_type_of_a_chosen_member_may_stand_beside_its_id() -> None:
    chosen = (
        'members[(type eq "User" and value eq "a") or (value eq "b" and Type eq "group") or value eq "c"]'
    )
    read = read_patch({"op": "remove", "path": chosen}, kind="Group")
    assert list(membership.folded(read.operations).removed) == ["a", "b", "c"]


@pytest.mark.parametrize("path", ["members", "members.value"])
def test_removing_members_without_naming_any_empties_the_group(path: str) -> None:
    changes = membership.folded(read_patch({"op": "remove", "path": path}, kind="Group").operations)
    assert (changes.replaced, changes.emptied, list(changes.added)) == (True, True, [])
    named = read_patch({"op": "remove", "path": path, "value": ["a"]}, kind="Group")
    assert list(membership.folded(named.operations).removed) == ["a"]
    nobody = read_patch({"op": "remove", "path": path, "value": []}, kind="Group")
    assert membership.folded(nobody.operations).is_empty


def test_a_chosen_member_may_be_sent_once_more() -> None:
    same = {"op": "replace", "path": 'members[value eq "a"].value', "value": "a"}
    whole = {"op": "add", "path": 'members[value eq "b"]', "value": {"value": "b", "display": "B"}}
    bare = {"op": "add", "path": 'members[value eq "c"]', "value": {}}
    changes = membership.folded(read_patch(same, whole, bare, kind="Group").operations)
    assert list(changes.added) == ["a", "b", "c"]


def test_removing_all_members_then_adding_is_a_replacement() -> None:
    read = read_patch(
        {"op": "remove", "path": "members"},
        {"op": "add", "path": "members", "value": [{"value": "a"}]},
        kind="Group",
    )
    changes = membership.folded(read.operations)
    assert (changes.replaced, list(changes.added), list(changes.removed)) == (True, ["a"], [])


def test_blanks_around_a_name_are_left_out_and_told():
    body = {"schemas": [USERS.schema.id], "userName": " mei@example.org\t", "displayName": " Mei "}
    read = normaliser.resource(body, USERS)
    assert read.attributes == {"userName": "mei@example.org", "displayName": " Mei "}
    assert [(each.code, each.path) for each in read.notices.found] == [("coerced", "userName")]
