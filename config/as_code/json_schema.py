"""The JSON Schema (2020-12) of a file, made from the very shapes that check it, for editors and other programs."""

from typing import Any, Final

from rest_framework import serializers

from config.as_code.directory_shapes import DirectoryInFile, Referenced
from config.as_code.shapes import Document

# What an editor may write in the place of any text: a reference.
_REFERENCE: Final = {
    "type": "object",
    "properties": {"from": {"type": "string", "pattern": "^(env|file):."}},
    "required": ["from"],
    "additionalProperties": False,
}


def schema() -> dict[str, Any]:
    """Return the schema."""
    found = _object(Document())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Organizations of Rollcall as code",
        **found,
        "$defs": {"reference": _REFERENCE},
    }


def _field(field: Any) -> dict[str, Any]:
    made = _of(field)
    return {"anyOf": [made, {"type": "null"}]} if getattr(field, "allow_null", False) else made


def _of(field: Any) -> dict[str, Any]:  # noqa: PLR0911 - one line a kind of field
    if hasattr(field, "child") and not isinstance(field, serializers.DictField):
        return _bounded(
            {"type": "array", "items": _field(field.child)},
            minItems=field.min_length,
            maxItems=field.max_length,
        )
    if isinstance(field, serializers.Serializer):
        return _object(field)
    if isinstance(field, serializers.ChoiceField):
        return {"enum": list(field.choices)}
    if isinstance(field, serializers.BooleanField):
        return {"type": "boolean"}
    if isinstance(field, serializers.IntegerField):
        return _bounded({"type": "integer"}, minimum=field.min_value, maximum=field.max_value)
    if isinstance(field, Referenced):
        return {"type": "object", "additionalProperties": {"$ref": "#/$defs/reference"}}
    if isinstance(field, serializers.DictField):
        return {"type": "object"}
    if isinstance(field, serializers.CharField):
        least = None if field.allow_blank else 1
        text = _bounded({"type": "string"}, minLength=least, maxLength=field.max_length)
        return {"anyOf": [text, {"$ref": "#/$defs/reference"}]}
    return {"type": "string"}


def _object(shape: Any) -> dict[str, Any]:
    if isinstance(shape, DirectoryInFile):
        return {"anyOf": [_object(either()) for either in shape.either]}
    needed = [str(name) for name, field in shape.fields.items() if field.required]
    described = " ".join((type(shape).__doc__ or "").split())
    made: dict[str, Any] = {
        "type": "object",
        "description": described,
        "properties": {str(name): _field(field) for name, field in shape.fields.items()},
        "additionalProperties": False,
    }
    return made | ({"required": needed} if needed else {})


def _bounded(made: dict[str, Any], **bounds: int | None) -> dict[str, Any]:
    return made | {name: value for name, value in bounds.items() if value is not None}
