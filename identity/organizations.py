"""Verbs on organizations."""

import re
import zoneinfo
from functools import cache
from typing import Any

import orjson
from django.db import connection
from django.db.models import F, QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import looking, rows, tenancy
from identity.errors import Conflict, Invalid, NotFound
from identity.models import Deletion, Kind, Member, Organization, Role
from identity.roles import BUILT_IN

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAME_LENGTH_MAX = 200
_LIMITS = {"grace_days": (0, 3650), "session_hours": (1, 24 * 30), "retention_days": (0, 3650)}
_PLAIN = (
    "name",
    "email_unique",
    "grace_days",
    "session_hours",
    "second_factor",
    "time_zone",
    "retention_days",
    "defaults",
)

_BY_SLUG = "SELECT to_jsonb(o) FROM identity_organization o WHERE slug = %s"
_BY_ID = "SELECT to_jsonb(o) FROM identity_organization o WHERE id = %s::uuid"

# Each kind with its parent and its permissions, weak to strong.
PRESETS: dict[str, tuple[tuple[str, str | None, tuple[str, ...]], ...]] = {
    Organization.AccessModel.PORTFOLIO_ASSET: (
        ("portfolio", None, ("view", "edit")),
        ("asset", "portfolio", ("view", "edit")),
    ),
    Organization.AccessModel.COMPANY_SHOP: (
        ("company", None, ("access",)),
        ("shop", "company", ("access",)),
        ("shop_country", "shop", ("access",)),
    ),
}


def create(
    *, name: str, slug: str, access_model: str, actor: Actor, is_operating: bool = False
) -> Organization:
    """Create an organization with the kinds of its access model and the built-in roles.

    Raises Invalid, and NameTaken for a slug in use.
    """
    _check_name(name)
    if not isinstance(slug, str) or not _SLUG.fullmatch(slug):
        message = "A slug is 1 to 63 lowercase letters, digits and hyphens, beginning and ending with a letter or digit."
        raise Invalid(message, field="slug")
    if access_model not in PRESETS:
        message = f"access_model is one of {', '.join(sorted(PRESETS))}."
        raise Invalid(message, field="access_model")
    organization = Organization(
        name=name.strip(), slug=slug, access_model=access_model, is_operating=is_operating
    )
    with tenancy.change(organization):
        organization.save(force_insert=True)
        kinds = Kind.objects.bulk_create(_kinds(organization))
        roles = Role.objects.bulk_create(_built_in_roles(organization))
        record(
            Event.ORGANIZATION_CREATE,
            organization_id=organization.pk,
            actor=actor,
            subject=subject_of(organization),
            changes={
                "name": [None, organization.name],
                "slug": [None, slug],
                "access_model": [None, access_model],
            },
            data={"kinds": [kind.name for kind in kinds], "roles": [role.name for role in roles]},
        )
    return organization


def change(organization: Organization, *, actor: Actor, **values: Any) -> Organization:
    """Change what `_PLAIN` names; returns the organization as it then is. Raises Invalid."""
    unknown = sorted(set(values) - set(_PLAIN))
    if unknown:
        message = f"These cannot be changed: {', '.join(unknown)}."
        raise Invalid(message, field=unknown[0])
    _check_values(values)
    with tenancy.change(organization):
        locked = lock(organization)
        changes = rows.assign(locked, values)
        if not changes:
            return locked
        locked.save(update_fields=list(changes))
        record(
            Event.ORGANIZATION_CHANGE,
            organization_id=locked.pk,
            actor=actor,
            subject=subject_of(locked),
            changes=changes,
        )
        if "email_unique" in changes:
            _claim_emails(locked)
            # Whoever is just coming refers to the organization, and was not seen: they are waited for. Not before the members were had:
            # somebody who holds one of them may be about to refer to it.
            Organization.objects.select_for_update().get(pk=locked.pk)
            _claim_emails(locked)
    return locked


def suspend(organization: Organization, *, actor: Actor, reason: str = "") -> Organization:
    """Keep everybody of the organization out, and its data as it is."""
    return _set_state(organization, Organization.State.SUSPENDED, Event.ORGANIZATION_SUSPEND, actor, reason)


def resume(organization: Organization, *, actor: Actor, reason: str = "") -> Organization:
    """Let a suspended organization's people in again. Raises Conflict for one whose deletion has begun."""
    return _set_state(organization, Organization.State.ACTIVE, Event.ORGANIZATION_RESUME, actor, reason)


def lock(organization: Organization) -> Organization:
    """Lock the organization's row for the transaction and return it; what refers to it is written meanwhile."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def by_slug(slug: str) -> Organization | None:
    """Return the organization of that slug, whoever asks, or None."""
    return _found(_BY_SLUG, slug)


def by_slug_or_id(value: str) -> Organization:
    """Return the organization of that slug or id, whoever asks. Raises NotFound."""
    found = by_slug(value)
    if found is None and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value):
        found = _found(_BY_ID, value)
    if found is None:
        message = "There is no such organization."
        raise NotFound(message)
    return found


def _found(statement: str, value: str) -> Organization | None:
    # Most requests of an operator begin with this: the ORM would build the statement anew for each.
    found = tenancy.read_everywhere("an organization is named", statement, [value])
    return rows.loaded(Organization, orjson.loads(found[0][0])) if found else None


def operating() -> Organization | None:
    """Return the operating organization, or None before it is set up."""
    with tenancy.everywhere("the operating organization"):
        return Organization.objects.filter(is_operating=True).first()


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the time zones that an organization may have: found once, since Python opens 600 files for it."""
    return frozenset(zoneinfo.available_timezones())


def subject_of(organization: Organization) -> Subject:
    """Return the organization as the record names it."""
    return Subject("organization", str(organization.pk), organization.name)


def _kinds(organization: Organization) -> list[Kind]:
    """Return the kinds of the organization's access model, parents first."""
    made: dict[str, Kind] = {}
    for name, parent, permissions in PRESETS[organization.access_model]:
        made[name] = Kind(
            organization=organization,
            name=name,
            parent=made[parent] if parent else None,
            permissions=list(permissions),
        )
    return list(made.values())


def _built_in_roles(organization: Organization) -> list[Role]:
    return [
        Role(
            organization=organization, name=name, label=label, capabilities=list(capabilities), built_in=True
        )
        for name, (label, capabilities) in BUILT_IN.items()
    ]


def _set_state(
    organization: Organization, state: str, event: Event, actor: Actor, reason: str
) -> Organization:
    with tenancy.change(organization):
        locked = lock(organization)
        if locked.state == state:
            return locked
        if locked.is_operating:
            message = "The operating organization runs this server and cannot be suspended."
            raise Invalid(message)
        if Deletion.objects.filter(organization_id=locked.pk, state__in=Deletion.BEGUN).exists():
            message = "The deletion of this organization has begun: nobody comes back."
            raise Conflict(message)
        before, locked.state = locked.state, state
        locked.save(update_fields=["state"])
        record(
            event,
            organization_id=locked.pk,
            actor=actor,
            subject=subject_of(locked),
            changes={"state": [before, state]},
            data={"reason": reason},
        )
    return locked


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _NAME_LENGTH_MAX:
        message = f"A name has 1 to {_NAME_LENGTH_MAX} characters."
        raise Invalid(message, field="name")


def _check_values(values: dict[str, Any]) -> None:
    if "name" in values:
        _check_name(values["name"])
    for field, (low, high) in _LIMITS.items():
        value = values.get(field, low)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            message = f"{field} is a whole number from {low} to {high}."
            raise Invalid(message, field=field)
    if not isinstance(values.get("email_unique", False), bool):
        message = "email_unique is true or false."
        raise Invalid(message, field="email_unique")
    if values.get("second_factor", "optional") not in Organization.SecondFactor.values:
        message = f"second_factor is one of {', '.join(Organization.SecondFactor.values)}."
        raise Invalid(message, field="second_factor")
    if values.get("time_zone", "UTC") not in time_zones():
        message = "time_zone is a name of the IANA database, as Europe/Berlin."
        raise Invalid(message, field="time_zone")
    if not isinstance(values.get("defaults", {}), dict):
        message = "defaults is an object with `grants` and `roles`."
        raise Invalid(message, field="defaults")


def _claim_emails(organization: Organization) -> None:
    """Fill or empty the unique column of every member, so many a statement: the constraint refuses where two share an address.

    It is recorded by now, which is looked for at each statement: for a million people at once, COMMIT took too long.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS recorded IMMEDIATE")
    here = Member.objects.filter(organization=organization)
    rest = here.order_by("pk")
    while True:
        end = looking.edge(rest)
        part = rest if end is None else rest.filter(pk__lte=end)
        if organization.email_unique:
            lacking = part.exclude(email_key="").filter(email_claim__isnull=True)
            _held(lacking).update(email_claim=F("email_key"), changed_at=timezone.now())
        else:
            _held(part.exclude(email_claim=None)).update(email_claim=None)
        if end is None:
            break
        rest = here.filter(pk__gt=end).order_by("pk")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS recorded DEFERRED")


def _held(people: "QuerySet[Member]") -> "QuerySet[Member]":
    """Return the people for an UPDATE that takes them by the order of their ids, as everybody does who takes several."""
    return Member.objects.filter(pk__in=people.select_for_update(no_key=True).values("pk"))
