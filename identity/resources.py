"""Resources: what access can be given on, registered by the product before anybody can be granted anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, Subject, record, record_all
from identity import tenancy
from identity.errors import Invalid, TooMany
from identity.models import Kind, Organization, Resource

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

    `id` is the product's own; `parent` the product's id of a resource of the parent kind. A retired resource is revived.
    Raises Invalid (naming the row by its place), TooMany.
    """
    wanted = [_checked(index, row) for index, row in enumerate(rows)]
    if len(wanted) > _ROWS_MAX:
        message = f"At most {_ROWS_MAX} resources in one request; send them in several."
        raise TooMany(message)
    with tenancy.change(organization):
        kinds = {
            kind.name: kind
            for kind in Kind.objects.filter(organization=organization).select_related("parent")
        }
        # The kinds' own order, so that parents are there before their children whatever the order of the rows.
        ordered = sorted(enumerate(wanted), key=lambda item: _depth(kinds, item[0], item[1]))
        existing = {
            (resource.kind_id, resource.key): resource
            for resource in Resource.objects.select_for_update().filter(
                organization=organization,
                key__in={row["id"] for row in wanted} | {row["parent"] for row in wanted},
            )
        }
        outcome = [_register_one(organization, kinds, existing, index, row) for index, row in ordered]
        lines = [line for line in (_line(organization, actor, *result) for result in outcome) if line]
        record_all(lines)
    created = sum(line.event is Event.RESOURCE_REGISTER for line in lines)
    return Registered(created=created, changed=len(lines) - created, unchanged=len(wanted) - len(lines))


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
    if "\0" in "".join(value or "" for value in clean.values()):
        message = f"Row {place} holds a NUL character."
        raise Invalid(message, field=place)
    return {
        "kind": clean["kind"],
        "id": clean["id"],
        "name": (clean["name"] or "")[:_NAME_LENGTH_MAX],
        "parent": clean["parent"] or "",
    }


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


def _register_one(
    organization: Organization,
    kinds: dict[str, Kind],
    existing: dict[tuple[Any, str], Resource],
    index: int,
    row: dict[str, str],
) -> tuple[Resource, bool, dict[str, list[str | None]]]:
    kind = kinds[row["kind"]]
    parent = None
    if row["parent"]:
        parent = existing.get((kind.parent_id, row["parent"])) if kind.parent_id else None
        if parent is None:
            message = f"Row [{index}]: {row['kind']} {row['id']} names a parent {row['parent']} that is not registered."
            raise Invalid(message, field=f"[{index}].parent")
    resource = existing.get((kind.pk, row["id"]))
    if resource is None:
        resource = Resource(
            organization=organization,
            kind=kind,
            key=row["id"],
            name=row["name"],
            parent=parent,
            created_at=timezone.now(),
        )
        resource.save(force_insert=True)
        existing[(kind.pk, row["id"])] = resource
        return resource, True, {"name": [None, row["name"]], "parent": [None, row["parent"] or None]}
    changes: dict[str, list[str | None]] = {}
    if row["name"] and resource.name != row["name"]:
        changes["name"], resource.name = [resource.name, row["name"]], row["name"]
    if parent is not None and resource.parent_id != parent.pk:
        changes["parent"], resource.parent = [str(resource.parent_id or "") or None, row["parent"]], parent
    if resource.retired_at:
        changes["retired_at"], resource.retired_at = [resource.retired_at.isoformat(), None], None
    if changes:
        resource.save(update_fields=list(changes))
    return resource, False, changes


def _line(
    organization: Organization,
    actor: Actor,
    resource: Resource,
    created: bool,  # noqa: FBT001 - private, beside its caller
    changes: dict[str, list[str | None]],
) -> Line | None:
    if not created and not changes:
        return None
    event = Event.RESOURCE_REGISTER if created else Event.RESOURCE_CHANGE
    label = f"{resource.kind.name} {resource.key}"
    return Line(event, organization.pk, actor, Subject("resource", str(resource.pk), label), changes=changes)
