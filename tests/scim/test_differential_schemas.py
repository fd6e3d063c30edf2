"""Random schemas, people, filters and PATCHes, to us and to scim2-models: each difference is a bug of ours, or a choice named here.

The choices are in docs/decisions/scim-where-clients-and-rfc-differ.md. Filters run as our SQL does, on PostgreSQL.
"""

import functools
import json
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from scim import normaliser
from scim.errors import ScimError
from scim.filter.grammar import parse
from scim.filter.sql import compiled
from scim.filter.vocabulary import Vocabulary
from scim.patch import apply
from scim.schemas import USER, definition
from scim.schemas.attribute import Attribute, Schema
from scim.schemas.resource_type import ResourceType
from tests.scim.talk import PATCH

URNS = ["urn:acme:hr:2.0:User", "urn:acme:hr:User", "urn:ietf:params:scim:schemas:extension:Own:2.0:User"]
NAMES = ["badge", "costCode", "tier", "x-1", "y_2", "level"]
PARTS = ["value", "type", "room", "floor"]
WORDS = [
    "a",
    "A",
    "ab",
    "Ab",
    "b",
    "É",
    "é",
    "10",
    "",
    "with space",
    'quo"te',
    "back\\slash",
    "%s",
    "o'x",
    "_",
]
MOMENTS = [
    "2026-01-31T12:00:00Z",
    "2026-01-31T13:00:00+01:00",
    "2026-01-31T12:00:00.500Z",
    "2025-12-31T23:59:59-05:00",
]
SIMPLE: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from([each for each in WORDS if each]),
    "boolean": st.booleans(),
    "integer": st.integers(-3, 12),
    "decimal": st.sampled_from([0.1, 2.0, 2.5, -1.25, 10.0]),
    "dateTime": st.sampled_from(MOMENTS),
    "reference": st.sampled_from(["https://x.example/a", "https://x.example/A"]),
}
TEXT_OPERATORS = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
OPERATORS = {
    "string": TEXT_OPERATORS, "reference": ["eq", "ne", "co", "sw", "ew"], "boolean": ["eq", "ne"],
    "integer": ["eq", "ne", "gt", "ge", "lt", "le"], "decimal": ["eq", "ne", "gt", "ge", "lt", "le"],
    "dateTime": ["eq", "ne", "gt", "ge", "lt", "le"],
}  # fmt: skip


@st.composite
def plain(draw: st.DrawFn, name: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(SIMPLE)))
    return {"name": name, "type": kind, "caseExact": draw(st.booleans())}


@st.composite
def an_attribute(draw: st.DrawFn, name: str) -> dict[str, Any]:
    multi = draw(st.booleans())
    if draw(st.integers(0, 2)):
        return draw(plain(name)) | {"multiValued": multi}
    names = draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3, unique=True))
    return {
        "name": name,
        "type": "complex",
        "multiValued": multi,
        "subAttributes": [draw(plain(each)) for each in names],
    }


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    said = definition.checked([draw(an_attribute(each)) for each in names])
    return definition.compiled(draw(st.sampled_from(URNS)), "Own", "", said)


def one_value(attribute: Attribute) -> st.SearchStrategy[Any]:
    if attribute.type != "complex":
        return SIMPLE[attribute.type]
    parts = {each.name: SIMPLE[each.type] for each in attribute.sub_attributes}
    first = next(iter(parts))
    return st.fixed_dictionaries(
        {first: parts[first]}, optional={name: each for name, each in parts.items() if name != first}
    )


def values(attribute: Attribute) -> st.SearchStrategy[Any]:
    if not attribute.multi_valued:
        return one_value(attribute)
    return st.lists(one_value(attribute), min_size=1, max_size=3, unique_by=json.dumps)


def people(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    own = st.fixed_dictionaries({}, optional={each.name: values(each) for each in schema.attributes})
    return own.map(lambda held: {"userName": "a", schema.id: held} if held else {"userName": "a"})


@st.composite
def a_comparison(draw: st.DrawFn, attribute: Attribute, path: str) -> str:
    if draw(st.integers(0, 5)) == 0:
        return f"{path} pr"
    operator = draw(st.sampled_from(OPERATORS[attribute.type]))
    return f"{path} {operator} {json.dumps(draw(SIMPLE[attribute.type]))}"


@st.composite
def a_filter(draw: st.DrawFn, schema: Schema, depth: int = 0) -> str:
    choice = draw(st.integers(0, 9)) if depth < 2 else 9
    if choice < 2:
        word = draw(st.sampled_from([" and ", " or "]))
        return "(" + word.join([draw(a_filter(schema, depth + 1)), draw(a_filter(schema, depth + 1))]) + ")"
    if choice == 2:
        return f"not ({draw(a_filter(schema, depth + 1))})"
    attribute = draw(st.sampled_from(schema.attributes))
    path = f"{schema.id}:{attribute.name}"
    if attribute.type != "complex":
        # The oracle compares plain values in brackets without their type.
        if attribute.multi_valued and attribute.type != "dateTime" and draw(st.booleans()):
            return f"{path}[{draw(a_comparison(attribute, 'value'))}]"
        return draw(a_comparison(attribute, path))
    part = draw(st.sampled_from(attribute.sub_attributes))
    if attribute.multi_valued and draw(st.booleans()):
        other = draw(st.sampled_from(attribute.sub_attributes))
        word = draw(st.sampled_from([" and ", " or "]))
        return f"{path}[{draw(a_comparison(part, part.name))}{word}{draw(a_comparison(other, other.name))}]"
    return draw(a_comparison(part, f"{path}.{part.name}"))


@st.composite
def an_operation(draw: st.DrawFn, schema: Schema) -> dict[str, Any]:
    attribute = draw(st.sampled_from(schema.attributes))
    path, value = f"{schema.id}:{attribute.name}", values(attribute)
    shape = draw(st.integers(0, 5))
    verb = draw(st.sampled_from(["add", "replace", "remove"]))
    part = draw(st.sampled_from(attribute.sub_attributes)) if attribute.sub_attributes else None
    if shape == 1 and part is not None and not attribute.multi_valued:
        path, value = f"{path}.{part.name}", SIMPLE[part.type]
    elif shape == 2 and attribute.multi_valued:
        inner = part or attribute
        if part is None and attribute.type == "dateTime":
            return {"op": "add", "path": path, "value": draw(value)}
        # Chosen otherwise: where no plain value is chosen, add and replace make one, as they do in lists of objects.
        verb = verb if part else "remove"
        chosen = f"{part.name if part else 'value'} eq {json.dumps(draw(SIMPLE[inner.type]))}"
        path, value = f"{path}[{chosen}]", one_value(attribute)
        if part is not None and draw(st.booleans()):
            path, value = f"{path}.{part.name}", SIMPLE[part.type]
    elif shape >= 4:
        verb = draw(st.sampled_from(["add", "replace"]))
        held = draw(value)
        return {"op": verb, **draw(st.sampled_from([
            {"path": schema.id, "value": {attribute.name: held}}, {"value": {schema.id: {attribute.name: held}}}, {"value": {path: held}},
        ]))}  # fmt: skip
    if verb == "remove":
        return {"op": verb, "path": draw(st.sampled_from([path, path, schema.id]))}
    return {"op": verb, "path": path, "value": draw(value)}


@functools.cache
def _model(document: str) -> Any:
    # Loads for a second, where workers only collect this file.
    from scim2_models import Extension, User
    from scim2_models import Schema as TheirSchema

    for each in (Extension, User):
        # Pydantic would look through the source of each module there is for the words beside the attributes of what was made up.
        each.model_config["use_attribute_docstrings"] = False
    return User[Extension.from_schema(TheirSchema.model_validate_json(document))]


def model_of(schema: Schema) -> Any:
    return _model(json.dumps(schema.document("http://localhost")))


def kind_of(schema: Schema) -> ResourceType:
    return ResourceType("User", "/Users", "", USER, (schema,), own=(schema,))


def compared(schema: Schema, held: dict[str, Any]) -> dict[str, Any]:
    """Return values as they are equal: moments as such, and lists without empty ones."""

    def one(attribute: Attribute, value: Any) -> Any:
        if isinstance(value, list):
            # Chosen otherwise: 13:00+01:00 and 12:00Z are two values of a list, as they are written, and one to the oracle.
            found: list[Any] = []
            for each in value:
                item = one(attribute, each)
                if item not in found:
                    found.append(item)
            return found
        if attribute.type == "complex":
            return {name: one(attribute.sub(name), each) for name, each in value.items()}  # type: ignore[arg-type]
        return datetime.fromisoformat(value) if attribute.type == "dateTime" else value

    return {name: one(schema.by_name[name.lower()], each) for name, each in held.get(schema.id, {}).items()}


UNTIMED = settings(
    max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck), deadline=None
)


@UNTIMED
@given(st.data())
def test_a_filter_on_an_own_schema_finds_the_same(eraser, data):
    from scim2_models import ScimFilter  # as above

    schema = data.draw(schemas())
    model, kind = model_of(schema), kind_of(schema)
    everybody = [data.draw(people(schema)) for _ in range(3)]
    asked = [data.draw(a_filter(schema)) for _ in range(4)]
    words = Vocabulary(kind, {}, {}, "m.profile")
    conditions, parameters = zip(*(compiled(parse(each), words) for each in asked), strict=True)
    shown = ", ".join(f"COALESCE({each}, FALSE)" for each in conditions)
    given_values = [value for each in parameters for value in each]
    for person in everybody:
        row = eraser.execute(
            f"SELECT {shown} FROM (SELECT %s::jsonb AS profile) AS m",  # noqa: S608 - our own SQL is what is tested
            [*given_values, json.dumps(person)],
        ).fetchone()
        theirs = model.model_validate({"schemas": [USER.id, schema.id], **person})
        for text, ours in zip(asked, row, strict=True):
            assert ours is ScimFilter[model](text).match(theirs), (text, person)


@UNTIMED
@given(st.data())
def test_a_patch_of_an_own_schema_has_the_same_effect(data):
    from scim2_models import PatchOp, SCIMException, ScimPolicy  # as above

    schema = data.draw(schemas())
    model, kind = model_of(schema), kind_of(schema)
    person = data.draw(people(schema))
    body = {
        "schemas": [PATCH],
        "Operations": data.draw(st.lists(an_operation(schema), min_size=1, max_size=3)),
    }
    theirs = model.model_validate({"schemas": [USER.id, schema.id], **person})
    policy = ScimPolicy(unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create)
    try:
        PatchOp[model].model_validate(body).patch(theirs, policy)
        expected = compared(schema, theirs.model_dump(mode="json", by_alias=True, exclude_none=True))
    except (SCIMException, ValueError) as refusal:
        # Chosen otherwise: what is made from a filter may be given another value in the same breath.
        assume("contradicts the filter" not in str(refusal))
        expected = refusal
    try:
        read = normaliser.patch(body, kind)
        ours: Any = compared(schema, apply(person, read.operations, kind, read.notices)[0])
    except ScimError as refusal:
        ours = refusal
    if isinstance(expected, Exception) or isinstance(ours, Exception):
        assert isinstance(expected, Exception) is isinstance(ours, Exception), (expected, ours)
    else:
        assert ours == expected
