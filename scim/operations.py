"""Canonical operations: the few things that every client's dialect of PATCH comes down to."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from scim.filter.ast import Filter
from scim.schemas.attribute import Attribute
from scim.schemas.resource_type import Place

NOTICES_MAX = 100

UNSENT: Final = object()  # the value of an operation that was written without one

Kind = Literal["set", "append", "remove", "member_add", "member_remove"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of one place. Values are already of the schema's types; `inner` chooses among several values.

    set: put the value there; of a complex attribute only the parts that are given.  append: add to what is there.  remove: take it
    away.  member_add, member_remove: people in or out of a group, `value` being a tuple of their ids.
    `members` as a whole is set to, or removed, with a tuple of ids.
    """

    kind: Kind
    place: Place
    value: Any = None
    inner: Filter | None = None
    written: str = ""

    @property
    def attribute(self) -> Attribute:
        """The attribute that is changed, whole or in part."""
        if self.place.attribute is None:
            raise TypeError("an operation changes an attribute, not a whole extension")
        return self.place.attribute


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a client sent that was not taken as written: a stable code, the place, and a word on what was done."""

    code: str
    path: str
    note: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it as the request log keeps it."""
        return {"code": self.code, "path": self.path, "note": self.note}


@dataclass(slots=True)
class Notices:
    """What was coerced or left out while one request was read."""

    found: list[Notice] = field(default_factory=list)

    def add(self, code: str, path: str, note: str = "") -> None:
        """Remember one; a request full of oddities is remembered by its first hundred."""
        if len(self.found) < NOTICES_MAX:
            self.found.append(Notice(code, path[:200], note[:200]))

    def extend(self, others: "Notices") -> None:
        """Remember those of a part that was read by itself."""
        self.found.extend(others.found[: NOTICES_MAX - len(self.found)])
