"""Reads the `path` of a PATCH operation: PATH = attrPath / valuePath [subAttr] (RFC 7644 §3.5.2, figure 7)."""

from dataclasses import dataclass
from functools import lru_cache

from scim.errors import Code, ScimError
from scim.filter.ast import AttributePath, Filter
from scim.filter.grammar import Reader, attribute_path


@dataclass(frozen=True, slots=True)
class Path:
    """An attribute, which of its values (`inner`, None: all), and which part of them."""

    attribute: AttributePath
    inner: Filter | None = None
    sub: str | None = None

    def __str__(self) -> str:
        chosen = f"{self.attribute}[{self.inner}]" if self.inner is not None else str(self.attribute)
        return f"{chosen}.{self.sub}" if self.sub else chosen


@lru_cache(maxsize=2048)
def parse(text: str) -> Path:
    """Return the tree of a path; ScimError path_syntax otherwise."""
    try:
        return _read(text)
    except ScimError as error:
        raise ScimError(Code.PATH_SYNTAX, path=text, why=_why(error)) from error


def _read(text: str) -> Path:
    reader = Reader(text)
    token = reader.token
    attribute = attribute_path(token.text) if token.kind == "word" else None
    if attribute is None:
        raise reader.unreadable("an attribute is expected")
    reader.index += 1
    if reader.token.text != "[" or reader.token.kind != "mark":
        reader.finish()
        return Path(attribute)
    if attribute.sub is not None:
        raise reader.unreadable("a part of an attribute has no values to choose from")
    inner = reader.between_brackets(0)
    sub = None
    if reader.token.kind == "sub":
        sub = reader.token.text[1:]
        reader.index += 1
    reader.finish()
    return Path(attribute, inner, sub)


def _why(error: ScimError) -> str:
    return error.detail.rstrip(".").partition(": ")[2] or error.detail.rstrip(".")
