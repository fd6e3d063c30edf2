"""Reads and writes the YAML: strict about keys, and secrets only by reference."""

import re
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final

import yaml
from rest_framework.exceptions import ValidationError

from config.as_code import references
from config.as_code.shapes import Document
from identity.api import problems
from identity.errors import Invalid

# 20,000 groups that bring ten grants each are 13 MB.
_BYTES_MAX: Final = 20_000_000


class _Strict(yaml.SafeLoader):
    """Refuses a key that stands in one object twice (YAML 1.2, 3.2.1.3), and aliases, which can grow without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not taken: write the value out.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - yaml's own signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        # What is no key at all, as a list, yaml refuses itself.
        counted = Counter(key for key in keys if isinstance(key, Hashable))
        twice = [key for key, times in counted.items() if times > 1]
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice[0]} stands here twice", node.start_mark
            )
        return super().construct_mapping(node, deep)


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


# `No` is a text and Norway's country code, and only true and false are what they say (YAML 1.2, 10.3.2).
_BOOLEAN: Final = "tag:yaml.org,2002:bool"
_Strict.yaml_implicit_resolvers = {
    first: [(tag, written) for tag, written in known if tag != _BOOLEAN]
    for first, known in _Strict.yaml_implicit_resolvers.items()
}
_Strict.add_implicit_resolver(_BOOLEAN, re.compile("^(true|false)$"), ["t", "f"])
# A date is a text here, as in JSON: its field knows how to read it.
_Strict.add_constructor("tag:yaml.org,2002:timestamp", _text)


def read(path: Path) -> dict[str, Any]:
    """Return the file's content, checked, its references followed. Raises Invalid, naming the place at fault."""
    try:
        raw = path.read_bytes()
        if len(raw) > _BYTES_MAX:
            raise Invalid("The file is too large: write several.", field="file")
        value = yaml.load(raw, Loader=_Strict)  # noqa: S506 - a SafeLoader, made stricter
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
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
