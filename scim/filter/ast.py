"""The tree of a filter. `str()` of any node is a filter that parses to the same tree."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Union

Operator = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
Literals = str | bool | int | Decimal | None


@dataclass(frozen=True, slots=True)
class AttributePath:
    """An attribute as it was written: [urn:]name[.sub]."""

    urn: str | None
    name: str
    sub: str | None = None

    def __str__(self) -> str:
        head = f"{self.urn}:{self.name}" if self.urn else self.name
        return f"{head}.{self.sub}" if self.sub else head


@dataclass(frozen=True, slots=True)
class Comparison:
    """`userName eq "x"`."""

    path: AttributePath
    operator: Operator
    value: Literals

    def __str__(self) -> str:
        if isinstance(self.value, Decimal):
            return f"{self.path} {self.operator} {self.value}"
        return f"{self.path} {self.operator} {json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True, slots=True)
class Present:
    """`title pr`."""

    path: AttributePath

    def __str__(self) -> str:
        return f"{self.path} pr"


@dataclass(frozen=True, slots=True)
class ValuePath:
    """`emails[type eq "work"]`: one and the same element fulfils the whole inner filter."""

    path: AttributePath
    inner: "Filter"

    def __str__(self) -> str:
        return f"{self.path}[{self.inner}]"


@dataclass(frozen=True, slots=True)
class And:
    """All of the terms."""

    terms: tuple["Filter", ...]

    def __str__(self) -> str:
        # `and` binds closer than `or` (RFC 7644 §3.4.2.2, table 5), and an And within an And was bracketed.
        return " and ".join(f"({each})" if isinstance(each, And | Or) else str(each) for each in self.terms)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the terms."""

    terms: tuple["Filter", ...]

    def __str__(self) -> str:
        return " or ".join(f"({each})" if isinstance(each, Or) else str(each) for each in self.terms)


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold."""

    term: "Filter"

    def __str__(self) -> str:
        return f"not ({self.term})"


Filter = Union[Comparison, Present, ValuePath, And, Or, Not]  # noqa: UP007 - the names are forward references


def terms(tree: Filter) -> int:
    """Return how many comparisons the filter makes."""
    if isinstance(tree, And | Or):
        return sum(terms(each) for each in tree.terms)
    if isinstance(tree, Not):
        return terms(tree.term)
    return terms(tree.inner) if isinstance(tree, ValuePath) else 1
