"""What a file may say of a directory: one that pushes by SCIM, or one that we read, with its secrets by reference."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from config.as_code.references import Referred
from identity import directories
from identity.api.access_shapes import FirstPermissions
from identity.api.directories import DirectorySettings
from identity.api.pulls import Schedule
from identity.api.shapes import Flag, Strict, Text


class Referenced(serializers.DictField):
    """Secrets by name, each a reference. The end of line that closes a secret's file is not part of it."""

    def to_internal_value(self, data: Any) -> dict[str, Referred]:
        """Check that nothing secret stands in the file. Raises ValidationError, which repeats no value."""
        for name, value in super().to_internal_value(data).items():
            if not isinstance(value, Referred):
                raise serializers.ValidationError({
                    str(name): ['No secret stands in a file: refer to it, as {from: "env:NAME"} or {from: "file:PATH"}.']
                })  # fmt: skip
        return {name: Referred(value.rstrip("\r\n"), value.reference) for name, value in data.items()}


class PushedInFile(Strict):
    """A directory that pushes by SCIM; its tokens are issued apart and never written out. What is left out stays."""

    kind = serializers.ChoiceField(choices=directories.KINDS, required=False)
    name = Text(max_length=200)
    idp = serializers.ChoiceField(choices=directories.IDPS, required=False)
    active = Flag(required=False)
    defaults = FirstPermissions(required=False)
    settings = DirectorySettings(required=False)


class PulledInFile(Strict):
    """A directory that we read, its `kind` any but scim; `credentials` are references, all of them or none. What is left out stays."""

    kind = Text(max_length=40)
    name = Text(max_length=200)
    active = Flag(required=False)
    defaults = FirstPermissions(required=False)
    settings = serializers.DictField(required=False)
    credentials = Referenced(required=False)
    schedule = Schedule(required=False)
    paused = Flag(required=False)


class DirectoryInFile(Strict):
    """A directory of either sort: `kind` tells which, scim if it is left out."""

    either: ClassVar[tuple[type[Strict], ...]] = (PushedInFile, PulledInFile)

    def to_internal_value(self, data: Any) -> Any:
        """Check it by the shape of its sort. Raises ValidationError."""
        kind = data.get("kind", "scim") if isinstance(data, Mapping) else "scim"
        pushes = not isinstance(kind, str) or kind in directories.KINDS
        return (PushedInFile if pushes else PulledInFile)().run_validation(data)
