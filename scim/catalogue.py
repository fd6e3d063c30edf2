"""Reads what can be assigned, the organization's roles and the permissions on its resources: one statement a page."""

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from identity import tenancy
from scim import asserted, ordering
from scim.address import base_url
from scim.filter.sql import compiled
from scim.filter.vocabulary import Column, Vocabulary, literal
from scim.ordering import Key, Order
from scim.paging import Wish
from scim.schemas import ENTITLEMENTS, ROLES, ResourceType


class Item(NamedTuple):
    """Something that can be assigned; `id` is the value that assigns it."""

    id: str
    display: str
    description: str
    row: UUID


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """One kind of things to assign: what to select from, for the organization named by the first parameter."""

    kind: ResourceType
    source: str
    words: Vocabulary
    # A key of each line as a uuid, for the order of what is otherwise equal.
    key: str
    # How many there are, without looking at each; empty where looking is as good.
    total: str = ""


@dataclass(frozen=True, slots=True)
class AsRegistered:
    """Entitlements by resource, in the order of their registration, then by permission: along an index, so that no page sorts them all."""

    descending: bool
    last: str = "r.id"

    @property
    def sql(self) -> str:
        """What stands behind ORDER BY."""
        direction = " DESC" if self.descending else ""
        return f'r.id{direction}, p.permission COLLATE "C"{direction}'

    @property
    def value(self) -> str:
        """The second half of the key."""
        return "p.permission"

    def after(self, key: Key) -> tuple[str, list[Any]]:
        """Return the condition that a line comes after `key`, and its parameters."""
        than = "<" if self.descending else ">"
        condition = f'(r.id {than}= %s AND (r.id {than} %s OR p.permission COLLATE "C" {than} %s))'
        return condition, [key.id, key.id, key.value or ""]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of results. `total` is None where a cursor goes on; `next` is the cursor for the page after, if one was asked for."""

    items: list[Item]
    total: int | None
    next: str | None


def _words(kind: ResourceType, columns: dict[str, str]) -> Vocabulary:
    # Nothing here has a version or an id of the directory's.
    absent = dict.fromkeys(("externalId", "meta.version"), "NULL::text")
    location = {
        "meta.resourceType": f"'{kind.name}'",
        "meta.location": f"{literal(f'{base_url()}{kind.endpoint}/')} || {columns['id']}",
    }
    texts = {name: Column(sql) for name, sql in (absent | location | columns).items()}
    times = {f"meta.{name}": Column("r.created_at", "own_time") for name in ("created", "lastModified")}
    return Vocabulary(kind, texts | times, {}, "NULL::jsonb")


_ROLE = {
    "id": "r.name",
    "displayName": "CASE WHEN r.label = '' THEN r.name ELSE r.label END",
    "description": "array_to_string(r.capabilities, ', ')",
}
_ENTITLEMENT = {
    "id": "(k.name || ':' || r.key || ':' || p.permission)",
    "displayName": "(CASE WHEN r.name = '' THEN r.key ELSE r.name END || ': ' || p.permission)",
    "description": "(p.permission || ' on the ' || replace(k.name, '_', ' ') || ' ' || r.key)",
    "type": f"'{ENTITLEMENTS.name}'",
}
OF_ROLES = Catalogue(
    ROLES, " FROM identity_role r WHERE r.organization_id = %s", _words(ROLES, _ROLE), "r.id"
)
OF_ENTITLEMENTS = Catalogue(
    ENTITLEMENTS,
    """
  FROM identity_resource r JOIN identity_kind k ON k.organization_id = r.organization_id AND k.id = r.kind_id
 CROSS JOIN LATERAL unnest(k.permissions) AS p (permission)
 WHERE r.organization_id = %s AND r.retired_at IS NULL""",
    _words(ENTITLEMENTS, _ENTITLEMENT),
    "md5(r.id::text || p.permission)::uuid",
    """SELECT COALESCE(sum(cardinality(k.permissions)), 0)::bigint
  FROM identity_resource r JOIN identity_kind k ON k.organization_id = r.organization_id AND k.id = r.kind_id
 WHERE r.organization_id = %s AND r.retired_at IS NULL""",
)


def page(catalogue: Catalogue, organization_id: UUID, wish: Wish) -> Page:
    """Return a page: entitlements as they were registered, roles by id, unless another order is asked for.

    ScimError filter_unknown, sort_unknown, cursor_wrong.
    """
    order = _order(catalogue, wish)
    source, parameters = catalogue.source, [organization_id]
    if wish.tree is not None:
        condition, more = compiled(wish.tree, catalogue.words)
        source += f" AND {condition}"
        parameters += more
    counted = f"SELECT count(*){source}" if wish.tree is not None or not catalogue.total else catalogue.total
    chosen = list(parameters)
    question = f"{catalogue.kind.name}\n{wish.tree}\n{wish.sort_by.lower()}\n{wish.descending}"
    total = None
    if wish.cursor:
        key, total = ordering.read(wish.cursor, question)
        condition, more = order.after(key)
        source += f" AND {condition}"
        parameters += more
    offset = wish.start - 1 if wish.cursor is None else 0
    columns = f"{_selected(catalogue, order.last)}, {order.value}"
    sql = f"{columns}{source} ORDER BY {order.sql} LIMIT %s OFFSET %s"
    rows = tenancy.read(organization_id, sql, [*parameters, wish.count + 1, offset])
    has_more = len(rows) > wish.count
    del rows[wish.count :]
    if not wish.cursor:
        total = tenancy.read(organization_id, counted, chosen)[0][0]
    following = None
    if has_more and rows and wish.cursor is not None:
        following = ordering.written(Key(rows[-1][-1], rows[-1][3]), question, total)
    items = [Item._make(row[:4]) for row in rows]
    return Page(items, total, following)


def _order(catalogue: Catalogue, wish: Wish) -> AsRegistered | Order:
    if catalogue is OF_ENTITLEMENTS and not wish.sort_by:
        return AsRegistered(wish.descending)
    return ordering.order(catalogue.words, catalogue.key, wish.sort_by or "id", descending=wish.descending)


def one(catalogue: Catalogue, organization_id: UUID, id_: str) -> Item | None:
    """Return the one of this id, None if there is none here."""
    if "\0" in id_:
        return None
    condition, parameters = "r.name = %s", [id_]
    if catalogue is OF_ENTITLEMENTS:
        spec = asserted.spec_of(id_)
        # By the parts, since they are what is indexed.
        condition = "k.name = %s AND r.key = %s AND p.permission = %s"
        parameters = [spec.kind, spec.key, spec.permission]
    sql = f"{_selected(catalogue, catalogue.key)}{catalogue.source} AND {condition}"
    rows = tenancy.read(organization_id, sql, [organization_id, *parameters])
    return Item._make(rows[0]) if rows else None


def _selected(catalogue: Catalogue, key: str) -> str:
    columns = catalogue.words.columns
    names = ", ".join(columns[name].sql for name in ("id", "displayName", "description"))
    return f"SELECT {names}, {key}"
