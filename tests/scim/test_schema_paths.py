"""Every way to write the path of an attribute of an extension, whatever its URN looks like; and attributes of every type."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim import normaliser, path
from scim.errors import ScimError
from scim.filter.ast import AttributePath, Comparison
from scim.filter.grammar import attribute_path
from scim.patch import apply
from scim.path import Path
from scim.schemas import ENTERPRISE_USER, USER
from scim.schemas.attribute import Attribute, Schema, Type
from scim.schemas.resource_type import ResourceType
from tests.scim.talk import PATCH

TYPES: tuple[Type, ...] = ("string", "boolean", "decimal", "integer", "dateTime", "reference", "binary")
ATTRIBUTES = (
    *(Attribute(f"{each}One", "", each) for each in TYPES),
    Attribute("tags", "", multi_valued=True),
    Attribute("codes", "", case_exact=True, multi_valued=True),
    Attribute("numbers", "", "integer", multi_valued=True),
    Attribute("badge", "", "complex", sub_attributes=(Attribute("colour", ""), Attribute("level", "", "integer"))),
    Attribute("desks", "", "complex", multi_valued=True, sub_attributes=(Attribute("floor", "", "integer"), Attribute("type", ""))),
    Attribute("places", "", "complex", multi_valued=True, sub_attributes=(
        Attribute("note", ""), Attribute("floor", "", "integer"), Attribute("height", "", "decimal"), Attribute("since", "", "dateTime"),
        Attribute("photo", "", "binary"), Attribute("kind", "", canonical_values=("work", "home"), closed=True),
    )),
)  # fmt: skip
URNS = [
    "urn:acme:hr:User",
    "urn:acme:2.0:User",
    "urn:acme:hr:2.1",
    "urn:acme:hr:v2.1.3",
    "URN:Acme:HR",
    "urn:acme:hr:User:more",
]


def kind_of(*urns: str) -> ResourceType:
    schemas = (Schema(each, "Own", "", ATTRIBUTES) for each in urns)
    return ResourceType("User", "/Users", "", USER, (ENTERPRISE_USER, *schemas))


def patched(kind: ResourceType, before: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    read = normaliser.patch({"schemas": [PATCH], "Operations": list(operations)}, kind)
    return apply(before, read.operations, kind, read.notices)[0]


@pytest.mark.parametrize("urn", URNS)
@pytest.mark.parametrize("joint", [":", "."])
def test_a_path_is_found_under_any_urn(urn, joint):
    kind = kind_of("urn:acme:hr", *(each for each in URNS if each.lower() != "urn:acme:hr" or each == urn))
    for name, sub in [("tags", None), ("badge", "colour"), ("TAGS", "value")]:
        path = attribute_path(f"{urn}{joint}{name}.{sub}" if sub else f"{urn}{joint}{name}")
        place = kind.find(path)
        assert (place.extension.lower(), place.attribute.name.lower()) == (urn.lower(), name.lower())
        assert (place.sub.name if place.sub else None) == sub
    assert kind.find(attribute_path(urn.upper())).extension.lower() == urn.lower()
    assert kind.find(attribute_path(f"{urn}{joint}nothing")) is None
    assert kind.find(attribute_path(f"{urn}x:tags")) is None


@pytest.mark.parametrize("urn", URNS)
@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "add", "path": "{}:badge.colour", "value": "red"}, {"op": "add", "path": "{}:tags", "value": ["a"]}],
        [{"op": "replace", "path": "{}", "value": {"badge": {"colour": "red"}, "tags": ["a"]}}],
        [{"op": "add", "value": {"{}": {"badge": {"colour": "red"}, "tags": ["a"]}}}],
        # Entra with its flag: keys are paths.
        [{"op": "add", "value": {"{}:badge.colour": "red", "{}:tags": ["a"]}}],
        [{"op": "Add", "value": {"{}.badge.colour": "red", "{}:tags": "a"}}],
        [{"op": "replace", "value": {"{}": {"badge.colour": "red"}, '{}:tags[value eq "a"]': "a"}}],
    ],
    ids=["by path", "by urn", "without path", "as keys", "by dots", "mixed"],
)  # fmt: skip
def test_a_patch_writes_it_by_any_path(urn, operations):
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key.replace("{}", urn): filled(each) for key, each in value.items()}
        return [filled(each) for each in value] if isinstance(value, list) else value.replace("{}", urn)

    kind = kind_of(urn)
    written = patched(kind, {"userName": "a"}, *filled(operations))
    assert written == {"userName": "a", urn: {"badge": {"colour": "red"}, "tags": ["a"]}}
    for gone in (f"{urn}:tags", f"{urn}.tags", f'{urn}:tags[value eq "A"]', f"{urn}:tags.value"):
        assert patched(kind, written, {"op": "remove", "path": gone})[urn] == {"badge": {"colour": "red"}}
    assert patched(kind, written, {"op": "remove", "path": urn.upper()}) == {"userName": "a"}


def test_values_without_parts_are_chosen_by_value():
    kind = kind_of("urn:x:y")
    held = {
        "userName": "a",
        "urn:x:y": {"tags": ["red", "Blue", "green"], "codes": ["a", "A"], "numbers": [1, 2, 3]},
    }

    def after(path, op="remove", **value):
        return patched(kind, held, {"op": op, "path": f"urn:x:y:{path}", **value})["urn:x:y"]

    assert after('tags[value eq "BLUE"]')["tags"] == ["red", "green"]
    assert after('codes[value eq "A"]')["codes"] == ["a"]
    assert after("numbers[value gt 1]")["numbers"] == [1]
    assert after('tags[value sw "r"]', "replace", value="pink")["tags"] == ["pink", "Blue", "green"]
    assert after('tags[value eq "new"]', "add", value="new")["tags"] == ["red", "Blue", "green", "new"]
    assert after("tags", "add", value=["red", "grey"])["tags"] == ["red", "Blue", "green", "grey"]
    assert after("tags", "remove", value=["red"])["tags"] == ["Blue", "green"]
    with pytest.raises(ScimError, match="No value matches"):
        after('tags[value sw "z"]', "replace", value="x")


@pytest.mark.parametrize(
    ("chosen", "made"),
    [
        ('floor eq "5"', {"floor": 5}), ("floor eq 1e3", {"floor": 1000}), ("floor eq 5.0", {"floor": 5}), ("floor eq 5", {"floor": 5}),
        ("height eq 1.5", {"height": 1.5}), ('height eq "1.5"', {"height": 1.5}), ("height eq 2", {"height": 2}),
        ('kind eq "Work"', {"kind": "Work"}), ('kind eq ""', {}), ("kind eq null", {}),
        ('kind eq "work" and floor eq 1', {"kind": "work", "floor": 1}),
        ('since eq "2026-01-31T12:00:00Z"', {"since": "2026-01-31T12:00:00Z"}),
    ],
)  # fmt: skip
def test_a_value_that_a_filter_describes_is_made_in_the_types_of_its_schema(chosen, made):
    path = f"urn:x:y:places[{chosen}].note"
    after = patched(kind_of("urn:x:y"), {"userName": "a"}, {"op": "add", "path": path, "value": "n"})
    assert after["urn:x:y"]["places"] == [{**made, "note": "n"}]
    assert orjson.loads(orjson.dumps(after)) == after


@pytest.mark.parametrize(
    ("chosen", "scim_type"),
    [
        ("floor eq 1.5", "invalidValue"), ("floor eq 99999999999999999999", "invalidValue"), ("height eq 1e999", "invalidValue"),
        ('kind eq "garage"', "invalidValue"), ('since eq "2026-01-31"', "invalidValue"), ('since eq "2026-W01"', "invalidValue"),
        ('photo eq "!!"', "invalidValue"), ('kind eq "work" and kind eq "home"', "noTarget"),
    ],
)  # fmt: skip
def test_a_filter_makes_no_value_that_its_schema_refuses(chosen, scim_type):
    path = f"urn:x:y:places[{chosen}].note"
    with pytest.raises(ScimError) as refused:
        patched(kind_of("urn:x:y"), {"userName": "a"}, {"op": "add", "path": path, "value": "n"})
    assert (refused.value.status, refused.value.scim_type) == (400, scim_type)


GOOD = [
    ("integerOne", "12", 12), ("integerOne", 3.0, 3), ("decimalOne", "1.5", 1.5), ("decimalOne", 2, 2), ("booleanOne", "True", True),
    ("dateTimeOne", "2026-01-31T12:00:00Z", None), ("dateTimeOne", "2026-01-31T12:00:00.1234567+01:00", None), ("binaryOne", "YWJj", None),
    ("numbers", ["1", 2], [1, 2]), ("tags", [{"value": "x"}], ["x"]), ("desks", [{"floor": "3"}], [{"floor": 3}]),
    ("dateTimeOne", "2026-01-31T12:00:00", None), ("referenceOne", "https://x/y", None), ("stringOne", 7, "7"),
]  # fmt: skip
WRONG = [
    ("integerOne", "1.5"), ("integerOne", 2**63), ("integerOne", "9" * 400), ("integerOne", "five"), ("integerOne", True),
    ("decimalOne", "nan"), ("decimalOne", "inf"), ("decimalOne", "1e999"), ("decimalOne", 10**30), ("decimalOne", "1_0"),
    ("booleanOne", 1), ("booleanOne", "yes"), ("dateTimeOne", "2026-01-31"), ("dateTimeOne", "yesterday"), ("dateTimeOne", 5),
    ("dateTimeOne", "2026-13-01T00:00:00Z"), ("binaryOne", "%%%"), ("numbers", ["x"]), ("tags", [["a", "b"]]), ("desks", ["ground"]),
    ("badge", "x"), ("stringOne", {"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sent", "kept"), GOOD)
def test_a_value_is_brought_to_its_type(name, sent, kept):
    read = normaliser.resource({"userName": "a", "urn:x:y": {name: sent}}, kind_of("urn:x:y"))
    assert read.attributes["urn:x:y"] == {name: sent if kept is None else kept}


@pytest.mark.parametrize(("name", "sent"), WRONG)
def test_a_wrong_value_is_refused_with_its_path(name, sent):
    with pytest.raises(ScimError) as refused:
        normaliser.resource({"userName": "a", "urn:x:y": {name: sent}}, kind_of("urn:x:y"))
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidValue")
    assert f"urn:x:y:{name}" in refused.value.detail


_PARTS = st.from_regex(r"\A[A-Za-z$][A-Za-z0-9_$-]{0,8}\Z")
_ATTRIBUTES = st.builds(AttributePath, st.sampled_from([None, *URNS]), _PARTS, st.none())
_INNER = st.builds(
    Comparison,
    st.builds(AttributePath, st.none(), _PARTS, st.none()),
    st.sampled_from(["eq", "sw"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
)
_PATHS = st.builds(Path, _ATTRIBUTES, _INNER, st.none() | _PARTS) | st.builds(
    Path, st.builds(AttributePath, st.sampled_from([None, *URNS]), _PARTS, st.none() | _PARTS)
)


@given(_PATHS)
def test_every_path_survives_being_written_and_read(tree):
    assert path.parse.__wrapped__(str(tree)) == tree


@given(st.text(max_size=200) | st.text("urn:acme2.0[]\"'()$ eq and", max_size=300))
def test_any_text_is_a_path_or_refused_as_ours(text):
    kind = kind_of(*URNS[:3])
    try:
        tree = path.parse.__wrapped__(text)
    except ScimError as refused:
        assert refused.scim_type == "invalidPath"  # noqa: PT017 - a refusal is one of the two right answers
    else:
        assert path.parse.__wrapped__(str(tree)) == tree
        kind.find(tree.attribute)
