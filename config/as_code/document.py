"""Reads and writes the YAML: strict about keys, and secrets only by reference."""

from pathlib import Path
from typing import Any, Final

import yaml
from rest_framework.exceptions import ValidationError

from config.as_code import events, references
from config.as_code.shapes import Document
from identity.api import problems
from identity.errors import Invalid

# 20,000 groups that bring ten grants each are 13 MB.
_BYTES_MAX: Final = 20_000_000


def read(path: Path) -> dict[str, Any]:
    """Return the file's content, checked, its references followed. Raises Invalid, naming the place at fault."""
    try:
        raw = path.read_bytes()
        if len(raw) > _BYTES_MAX:
            raise Invalid("The file is too large: write several.", field="file")
        value = events.read(raw)
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.", field="file") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"{path} is not YAML: {error}", field="file") from error
    shape = Document(data=references.follow(value, path.parent))
    try:
        shape.is_valid(raise_exception=True)
    except ValidationError as error:
        answer = problems.answer_of(error)
        assert answer is not None  # noqa: S101 - a ValidationError always has one
        raise Invalid(answer.detail, field=answer.field) from error
    return dict(shape.validated_data)


def write(value: dict[str, Any]) -> str:
    """Return the document as YAML, keys in their own order."""
    return events.write(value)
