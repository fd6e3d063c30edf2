"""Where the attributes of a resource type live in the database, for filters and orders to be written in SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from scim.schemas.attribute import Attribute
from scim.schemas.resource_type import Place, ResourceType

_TYPED: dict[str, tuple[str, Literal["time", "number"]]] = {
    "dateTime": ("timestamptz", "time"), "integer": ("numeric", "number"), "decimal": ("numeric", "number"),
}  # fmt: skip


class Column(NamedTuple):
    """Where a value is: an SQL expression, and how it is held.

    text: as it is written; key: folded by identity.profile.key_of, and indexed; own_time: one of ours, finer than the
    millisecond to which answers cut it; the others as PostgreSQL's types.
    """

    sql: str
    held: Literal["text", "key", "uuid", "boolean", "time", "own_time", "number"] = "text"

    def typed(self, attribute: Attribute) -> "Column":
        """Return the column in the attribute's own type, where it is held as text; what cannot be read as such is no value."""
        held = _TYPED.get(attribute.type)
        if self.held != "text" or held is None:
            return self
        kind, name = held
        return Column(
            f"(CASE WHEN pg_input_is_valid({self.sql}, '{kind}') THEN ({self.sql})::{kind} END)", name
        )


class Rows(NamedTuple):
    """A multi-valued attribute whose values are rows of their own: what to select from, and the column of each part."""

    source: str
    parts: Mapping[str, Column]


class Keys(NamedTuple):
    """Attributes whose texts can be looked up, folded and cut, in an index: their names, whose id it leads to, and its rows as `k`.

    `others` have an index of their own: the question for whose value is the parameter.
    """

    names: frozenset[str]
    owner: str
    source: str
    characters: int
    others: Mapping[str, str]

    def condition(self, operator: str, name: str) -> str:
        """Return a condition that holds at least wherever the text, the one or two parameters, is found."""
        if operator == "eq":
            return self.is_among([self.chosen(name)])
        folded = f"left(lower(%s), {self.characters})"
        chosen = f"SELECT k.owner_id FROM {self.source} AND k.kind = '{name}'"  # noqa: S608 - built from tables alone
        return f"{self.owner} IN ({chosen} AND k.key >= {folded} AND k.key < {folded} || chr(1114111))"

    def chosen(self, name: str) -> str:
        """Return the question for whose text is the parameter, by whichever index has it; "" for an attribute that none has."""
        if name not in self.names:
            return self.others.get(name, "")
        folded = f"left(lower(%s), {self.characters})"
        return f"SELECT k.owner_id FROM {self.source} AND k.kind = '{name}' AND k.key = {folded}"  # noqa: S608 - built from tables alone

    def is_among(self, chosen: list[str]) -> str:
        """Return the condition that somebody is among those chosen.

        An array is looked up first and leads the rest; nobody goes through everybody because the planner takes a match for frequent.
        """
        return f"{self.owner} = ANY (ARRAY({' UNION ALL '.join(chosen)}))"


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Where the attributes of a resource type live; what is not named is in the JSON of `profile`.

    `rows` has those of an extension under their URN, a colon and their name.
    """

    kind: ResourceType
    columns: Mapping[str, Column]
    rows: Mapping[str, Rows]
    profile: str
    keys: Keys | None = None

    def rows_of(self, place: Place) -> Rows | None:
        """Return where the values of a multi-valued attribute are rows, None for any other."""
        assert place.attribute is not None  # noqa: S101 - callers have found an attribute
        name = place.attribute.name
        return self.rows.get(name if place.extension is None else f"{place.extension}:{name}")

    def column(self, place: Place) -> Column:
        """Return where a single value is, or the one that stands for several (for sorting)."""
        assert place.attribute is not None  # noqa: S101 - callers have found an attribute
        name = place.attribute.name if place.sub is None else f"{place.attribute.name}.{place.sub.name}"
        if place.extension is None and name in self.columns:
            return self.columns[name]
        owner = self.profile if place.extension is None else f"{self.profile}->{literal(place.extension)}"
        written = literal(place.attribute.name)
        if place.attribute.is_plain_list:
            return Column(f"{owner}->{written}->>0")
        if place.sub is None:
            return Column(f"{owner}->>{written}")
        one = f"{owner}->{written}"
        if place.attribute.multi_valued:
            one = _preferred(place.attribute, one)
        return Column(f"{one}->>{literal(place.sub.name)}")

    def json(self, place: Place) -> str:
        """Return the JSON of an attribute of several values or parts, or of a part of several values."""
        assert place.attribute is not None  # noqa: S101 - callers have found an attribute
        extension = f"->{literal(place.extension)}" if place.extension is not None else ""
        part = f"->{literal(place.sub.name)}" if place.sub is not None and place.sub.is_plain_list else ""
        return f"{self.profile}{extension}->{literal(place.attribute.name)}{part}"


def _preferred(attribute: Attribute, listed: str) -> str:
    """Return the JSON of the one value that stands for a list: the primary one, else the first (RFC 7644 §3.4.2.3)."""
    if attribute.preference is None:
        return f"{listed}->0"
    chosen = literal(f'$[*] ? (@."{attribute.preference.name}" == true)')
    return f"COALESCE(jsonb_path_query_first({listed}, {chosen}), {listed}->0)"


def literal(name: str) -> str:
    """Return a name as an SQL literal in a statement with parameters; schemas, some of them an organization's own, decide it."""
    return "'" + name.replace("'", "''").replace("%", "%%") + "'"
