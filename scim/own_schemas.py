"""Verbs on an organization's own schemas: define, change, delete.

Values are never destroyed by any of them. What no schema names any more is kept in the profile and shown to no directory; defined
again, it is there. So a definition must agree with the values that are held: another type for them is refused.
Why: docs/decisions/own-schemas.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import F
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import rows, tenancy
from identity.errors import Invalid
from identity.models import Organization
from scim.filter.vocabulary import literal
from scim.models import ExtensionSchema
from scim.schemas.attribute import Attribute
from scim.schemas.definition import (
    NAME_CHARACTERS_MAX,
    SCHEMAS_MAX,
    TEXT_CHARACTERS_MAX,
    checked,
    checked_urn,
    compiled,
)

_JSON_TYPES = {"boolean": "boolean", "integer": "number", "decimal": "number"}


def define(
    organization: Organization,
    *,
    actor: Actor,
    urn: str,
    name: str,
    attributes: Sequence[Mapping[str, Any]],
    description: str = "",
) -> ExtensionSchema:
    """Define a schema; the organization's directories see it with their next request. Raises Invalid, NameTaken."""
    checked_urn(urn)
    _check_texts(name, description)
    wanted = checked(attributes)
    now = timezone.now()
    with tenancy.change(organization):
        _next_version(organization)
        if ExtensionSchema.objects.filter(organization=organization).count() >= SCHEMAS_MAX:
            raise Invalid(f"An organization has at most {SCHEMAS_MAX} schemas of its own.", field="urn")
        _check_held(organization, urn, wanted)
        made = ExtensionSchema(
            organization=organization, urn=urn, urn_key=urn.lower(), name=name, description=description, attributes=wanted,
            created_at=now, changed_at=now,
        )  # fmt: skip
        made.save(force_insert=True)
        changes: dict[str, list[Any]] = {
            "name": [None, name],
            "description": [None, description],
            "attributes": [None, wanted],
        }
        _record(Event.SCHEMA_DEFINE, made, actor, changes)
    return made


def change(
    schema: ExtensionSchema,
    *,
    actor: Actor,
    name: str,
    attributes: Sequence[Mapping[str, Any]],
    description: str = "",
) -> ExtensionSchema:
    """Put name, description and attributes in the place of the old ones. Raises Invalid."""
    _check_texts(name, description)
    wanted = checked(attributes)
    with tenancy.change(schema.organization_id):
        locked = ExtensionSchema.objects.select_for_update().get(pk=schema.pk)
        changes = rows.assign(locked, {"name": name, "description": description, "attributes": wanted})
        if not changes:
            return locked
        _next_version(locked.organization)
        if "attributes" in changes:
            _check_held(locked.organization, locked.urn, wanted)
        locked.changed_at = timezone.now()
        locked.save(update_fields=[*changes, "changed_at"])
        _record(Event.SCHEMA_CHANGE, locked, actor, changes)
    return locked


def delete(schema: ExtensionSchema, *, actor: Actor) -> None:
    """Take the schema away; its values stay in the profiles, shown to no directory, until it is defined again."""
    with tenancy.change(schema.organization_id):
        locked = ExtensionSchema.objects.select_for_update().filter(pk=schema.pk).first()
        if locked is None:
            return
        _next_version(locked.organization)
        _record(Event.SCHEMA_DELETE, locked, actor, {"attributes": [locked.attributes, None]})
        locked.delete()


def _next_version(organization: Organization) -> None:
    """Raise the version, by which every process knows that it must compile anew; the row's lock puts changes one after the other."""
    Organization.objects.filter(pk=organization.pk).update(schemas_version=F("schemas_version") + 1)


def _check_texts(name: str, description: str) -> None:
    if not name.strip() or len(name) > NAME_CHARACTERS_MAX:
        raise Invalid(f"A name has 1 to {NAME_CHARACTERS_MAX} characters.", field="name")
    if len(description) > TEXT_CHARACTERS_MAX:
        raise Invalid(f"A description has at most {TEXT_CHARACTERS_MAX} characters.", field="description")


def _record(event: Event, schema: ExtensionSchema, actor: Actor, changes: dict[str, list[Any]]) -> None:
    record(
        event,
        organization_id=schema.organization_id,
        actor=actor,
        subject=Subject("schema", str(schema.pk), schema.urn),
        changes=changes,
    )


def _check_held(organization: Organization, urn: str, attributes: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a definition that would show values that are held as what they are not."""
    schema = compiled(urn, "", "", attributes)
    tested = ", ".join(
        f"bool_or({_misfits(f'(m.profile->{literal(urn)}->{literal(each.name)})', each)})"
        for each in schema.attributes
    )
    sql = (
        f"SELECT {tested} FROM identity_member m WHERE m.organization_id = %s AND jsonb_exists(m.profile, %s)"  # noqa: S608 - checked names, quoted
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [organization.pk, urn])
        found = cursor.fetchone()
    for index, is_misfit in enumerate(found or ()):
        if is_misfit:
            message = (
                f"Members hold values of “{schema.attributes[index].name}” that are of another type or number, or were kept to be shown "
                "where now they never are, or the other way round: keep it as it was, or give the new attribute another name."
            )
            raise Invalid(message, field=f"attributes[{index}].type")


def _misfits(json: str, attribute: Attribute) -> str:
    """Write the condition that a value is not JSON of the attribute's type; a missing one is NULL, and fits."""
    hidden = attribute.is_hidden
    if not attribute.multi_valued:
        return _misfit(json, attribute, hidden=hidden)
    values = f"jsonb_array_elements(CASE jsonb_typeof({json}) WHEN 'array' THEN {json} END) AS e(v)"
    return f"(jsonb_typeof({json}) <> 'array' OR EXISTS (SELECT FROM {values} WHERE {_misfit('e.v', attribute, hidden=hidden)}))"


def _misfit(json: str, attribute: Attribute, *, hidden: bool) -> str:
    if attribute.type == "complex":
        parts = [
            _misfit(f"({json}->{literal(each.name)})", each, hidden=hidden)
            for each in attribute.sub_attributes
        ]
        return f"(jsonb_typeof({json}) <> 'object' OR {' OR '.join(parts)})"
    # In the place of what is never shown stands an object (scim.hidden_values): it is no value to show, and no value is one to hide.
    expected = "object" if hidden else _JSON_TYPES.get(attribute.type, "string")
    return f"jsonb_typeof({json}) <> '{expected}'"
