"""The shapes of what comes in: fields that take their own type alone, and objects without unknown fields."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils.dateparse import parse_datetime
from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers


class Strict(serializers.Serializer[Any]):
    """An object that refuses fields it does not know: a misspelt one must not pass for a change that was made."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields; whoever gives one of them another word than its own is told these."""
        fields: dict[str, serializers.Field[Any, Any, Any, Any]] = super().get_fields()
        for field in fields.values():
            each = field.child if isinstance(field, serializers.ListField) else field
            if isinstance(each, serializers.ChoiceField):
                words = ", ".join(str(word) for word in each.choices if word != "")
                each.error_messages["invalid_choice"] = f"This is not one of: {words}."
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """Check the object. Raises ValidationError naming the unknown field."""
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                known = ", ".join(name for name, field in self.fields.items() if not field.read_only)
                raise serializers.ValidationError(
                    {unknown[0]: [f"There is no such field. There are: {known or 'none'}."]}
                )
        return super().to_internal_value(data)


class Query(Strict):
    """What stands behind the question mark; a name comes once, unless its field is a list."""

    def to_internal_value(self, data: Any) -> Any:
        """Check the query. Raises ValidationError naming the parameter."""
        if isinstance(data, QueryDict):
            for name, values in data.lists():
                several = isinstance(self.fields.get(name), serializers.ListField)
                if len(values) > 1 and not several:
                    raise serializers.ValidationError({name: ["Give this parameter once."]})
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON text, taken as it is, with limits written where it is used. Numbers and booleans are not texts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """Check the type, then the rest. Raises ValidationError."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Mailbox(Text, serializers.EmailField):
    """An e-mail address."""


class Whole(serializers.IntegerField):
    """A JSON whole number."""

    def to_internal_value(self, data: Any) -> int:
        """Check the type, then the rest. Raises ValidationError."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """A JSON true or false."""

    def to_internal_value(self, data: Any) -> bool:
        """Check the type, then the rest. Raises ValidationError."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Id(serializers.UUIDField):
    """An id of ours, as a JSON text: Python would make one of every whole number too."""

    def to_internal_value(self, data: Any) -> UUID:
        """Check the type, then the rest. Raises ValidationError."""
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        found: UUID = super().to_internal_value(data)
        return found


class Moment(serializers.DateTimeField):
    """A time with its zone, as 2027-03-31T18:00:00+01:00 (RFC 3339)."""

    def to_internal_value(self, value: Any) -> datetime:
        """Check the zone, then the rest. Raises ValidationError; a time without a zone would mean another hour to each reader."""
        try:
            moment = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            # In an address a plus sign stands for a blank, and the example would be refused as it is.
            hint = "Write a time with its zone, as 2027-03-31T18:00:00+01:00; in an address + is written %2B."
            raise serializers.ValidationError(hint)
        return super().to_internal_value(value)


def several(shape: type[Strict], *, most: int, required: bool = True) -> serializers.BaseSerializer[Any]:
    """Return the field of a list of such objects, `most` at most."""
    return shape(many=True, max_length=most, required=required)  # type: ignore[call-arg]  # the list takes it


class Reason(Strict):
    """Why somebody does it; it goes into the record."""

    reason = Text(required=False, allow_blank=True, max_length=500, default="")


class _ClosedObjects(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Tell the readers of the schema that unknown fields are refused."""

    target_class = Strict
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        """Return the schema as it would be, closed."""
        schema: dict[str, Any] = auto_schema._map_serializer(  # noqa: SLF001 - drf-spectacular's documented way
            self.target, direction, bypass_extensions=True
        )
        return {**schema, "additionalProperties": False}
