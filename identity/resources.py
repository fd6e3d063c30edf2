"""Resources: what access can be given on, registered by the product before anybody can be granted anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record, record_all
from identity import tenancy
from identity.errors import Invalid, TooMany
from identity.models import Kind, Organization, Resource

_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('rollcall.resources ' || %s, 0))"
_ROWS_MAX = 10_000
_KEY_LENGTH_MAX = 200
_NAME_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registration did, in numbers of resources."""

    created: int
    changed: int
    unchanged: int


def define_kind(
    organization: Organization, name: str, *, permissions: list[str], parent: str | None = None, actor: Actor
) -> Kind:
    """Add a kind of the organization's own; `permissions` from weak to strong. Raises Invalid, NameTaken."""
    for word in (name, *permissions):
        if not isinstance(word, str) or not word.replace("_", "").isalnum() or word != word.lower():
            message = "Kinds and permissions are lowercase words with underscores."
            raise Invalid(message, field="name")
    if not permissions:
        message = "A kind needs at least one permission."
        raise Invalid(message, field="permissions")
    if len(set(permissions)) != len(permissions):
        # Their order says which includes which.
        message = "A permission stands in the order from weak to strong once."
        raise Invalid(message, field="permissions")
    with tenancy.change(organization):
        above = Kind.objects.filter(organization=organization, name=parent).first() if parent else None
        if parent and above is None:
            message = f"There is no kind {parent}."
            raise Invalid(message, field="parent")
        kind = Kind.objects.create(
            organization=organization, name=name, permissions=permissions, parent=above
        )
        record(
            Event.KIND_DEFINE,
            organization_id=organization.pk,
            actor=actor,
            subject=Subject("kind", str(kind.pk), name),
            changes={"permissions": [None, permissions], "parent": [None, parent]},
        )
    return kind


def register(organization: Organization, rows: Iterable[Mapping[str, Any]], *, actor: Actor) -> Registered:
    """Create or update resources: rows of {kind, id, name?, parent?}, parents before or after their children, all or nothing.

    `id` is the product's own; `parent` the product's id of a resource of the parent kind, empty for none. What a row leaves out stays as
    it is. A retired resource is revived. Raises Invalid (naming the row by its place), TooMany.
    """
    wanted = [_checked(index, row) for index, row in enumerate(rows)]
    if len(wanted) > _ROWS_MAX:
        message = f"At most {_ROWS_MAX} resources in one request; send them in several."
        raise TooMany(message)
    with tenancy.change(organization):
        # One after the other: two that name the same would each insert what the other one does, and hold what the other one waits for.
        tenancy.asked(_TURN, [organization.pk])
        kinds = {
            kind.name: kind
            for kind in Kind.objects.filter(organization=organization).select_related("parent")
        }
        # The kinds' own order, so that parents are there before their children whatever the order of the rows.
        ordered = sorted(enumerate(wanted), key=lambda item: _depth(kinds, item[0], item[1]))
        known = _known(organization, wanted)
        before = {resource.pk: _said(resource) for resource in known.values()}
        for index, row in ordered:
            _say(organization, kinds, known, index, row)
        changes = {resource: _changes(before.get(resource.pk), resource) for resource in known.values()}
        written = [resource for resource, change in changes.items() if change]
        Resource.objects.bulk_create(
            written,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["name", "parent", "retired_at"],
        )
        record_all(
            _line(actor, resource, changes[resource], is_new=resource.pk not in before)
            for resource in written
        )
    created = sum(resource.pk not in before for resource in written)
    return Registered(created, len(written) - created, len(wanted) - len(written))


def retire(resource: Resource, *, actor: Actor) -> None:
    """Take a resource out of use: it is listed no longer, and grants on it have no effect."""
    with tenancy.change(resource.organization_id):
        locked = Resource.objects.select_for_update(of=("self",)).select_related("kind").get(pk=resource.pk)
        if locked.retired_at:
            return
        locked.retired_at = timezone.now()
        locked.save(update_fields=["retired_at"])
        record(
            Event.RESOURCE_RETIRE,
            organization_id=locked.organization_id,
            actor=actor,
            subject=Subject("resource", str(locked.pk), str(locked)),
            changes={"retired_at": [None, locked.retired_at]},
        )


def _checked(index: int, row: Mapping[str, Any]) -> dict[str, str]:
    place = f"[{index}]"
    if not isinstance(row, Mapping):
        message = f"Row {place} is not an object with kind, id, name and parent."
        raise Invalid(message, field=place)
    clean = {field: row.get(field) for field in ("kind", "id", "name", "parent")}
    for field, value in clean.items():
        if value is not None and not isinstance(value, str):
            message = f"Row {place}: {field} is a text."
            raise Invalid(message, field=f"{place}.{field}")
    if not clean["kind"] or not clean["id"] or len(clean["id"]) > _KEY_LENGTH_MAX:
        message = f"Row {place}: kind and id are needed, id with at most {_KEY_LENGTH_MAX} characters."
        raise Invalid(message, field=place)
    if len(clean["name"] or "") > _NAME_LENGTH_MAX:
        message = f"Row {place}: a name has at most {_NAME_LENGTH_MAX} characters."
        raise Invalid(message, field=f"{place}.name")
    if "\0" in "".join(value or "" for value in clean.values()):
        message = f"Row {place} holds a NUL character."
        raise Invalid(message, field=place)
    return {field: value or "" for field, value in clean.items() if field in row}


def _depth(kinds: dict[str, Kind], index: int, row: dict[str, str]) -> int:
    kind = kinds.get(row["kind"])
    if kind is None:
        message = (
            f"Row [{index}]: there is no kind {row['kind']}; the organization has {', '.join(sorted(kinds))}."
        )
        raise Invalid(message, field=f"[{index}].kind")
    depth = 0
    while kind.parent is not None:
        kind, depth = kinds[kind.parent.name], depth + 1
    return depth


def _known(
    organization: Organization, wanted: list[dict[str, str]]
) -> dict[tuple[UUID | None, str], Resource]:
    """Return the resources that the rows name and that are there, locked, by kind and key."""
    keys = {row["id"] for row in wanted} | {row.get("parent", "") for row in wanted}
    rows = Resource.objects.filter(organization=organization, key__among=keys).select_related(
        "kind", "parent"
    )
    return {
        (resource.kind_id, resource.key): resource
        for resource in rows.select_for_update(of=("self",), no_key=True)
    }


def _say(
    organization: Organization,
    kinds: dict[str, Kind],
    known: dict[tuple[UUID | None, str], Resource],
    index: int,
    row: dict[str, str],
) -> None:
    """Have the resource of the row be as the row says, and be `known`."""
    kind = kinds[row["kind"]]
    parent = None
    if row.get("parent"):
        parent = known.get((kind.parent_id, row["parent"])) if kind.parent_id else None
        if parent is None:
            message = f"Row [{index}]: {row['kind']} {row['id']} names a parent {row['parent']} that is not registered."
            raise Invalid(message, field=f"[{index}].parent")
    resource = known.get((kind.pk, row["id"]))
    if resource is None:
        resource = Resource(
            organization=organization, kind=kind, key=row["id"], name="", created_at=timezone.now()
        )
        known[(kind.pk, row["id"])] = resource
    resource.name = row.get("name", resource.name)
    if "parent" in row:
        resource.parent = parent
    resource.retired_at = None


def _said(resource: Resource) -> dict[str, str | None]:
    """Return what a row can say of the resource."""
    return {
        "name": resource.name,
        "parent": resource.parent.key if resource.parent else None,
        "retired_at": resource.retired_at.isoformat() if resource.retired_at else None,
    }


def _changes(before: dict[str, str | None] | None, resource: Resource) -> dict[str, list[str | None]]:
    """Return what is different, [before, after]; of a new resource its name and its parent."""
    after = _said(resource)
    if before is None:
        return {field: [None, after[field]] for field in ("name", "parent")}
    return {field: [before[field], after[field]] for field in after if before[field] != after[field]}


def _line(actor: Actor, resource: Resource, changes: dict[str, list[str | None]], *, is_new: bool) -> Line:
    event = Event.RESOURCE_REGISTER if is_new else Event.RESOURCE_CHANGE
    return Line(
        event,
        resource.organization_id,
        actor,
        Subject("resource", str(resource.pk), str(resource)),
        changes=changes,
    )
