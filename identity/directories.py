"""Verbs on directories: the places people come from."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import directory_settings, pull_settings, rows, tenancy
from identity.errors import Invalid
from identity.first_access import Wanted
from identity.models import Directory, Organization

KINDS = ("scim",)
IDPS = (
    "generic", "okta", "okta_wizard", "entra", "entra_scim2", "onelogin", "onelogin_old", "ping", "jumpcloud", "google", "authentik",
    "keycloak", "rippling",
)  # fmt: skip
_NAME_LENGTH_MAX = 200
_HEARD_NOTED_EVERY = timedelta(minutes=1)
_CHANGEABLE = ("name", "idp", "settings", "defaults", "active")


def create(
    organization: Organization,
    *,
    actor: Actor,
    name: str,
    kind: str = "scim",
    idp: str = "generic",
    settings: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
) -> Directory:
    """Create a directory; its tokens are issued apart (tokens.issue). Raises Invalid, NameTaken."""
    values = {"name": name, "idp": idp, "settings": settings or {}, "defaults": defaults or {}}
    if kind not in KINDS:
        message = f"kind is one of {', '.join(KINDS)}."
        raise Invalid(message, field="kind")
    _check(values, kind)
    with tenancy.change(organization):
        directory = Directory.objects.create(organization=organization, kind=kind, **values)
        record(
            Event.DIRECTORY_CREATE,
            organization_id=organization.pk,
            actor=actor,
            subject=subject_of(directory),
            changes={"kind": [None, kind], "name": [None, name], "idp": [None, idp]},
        )
    return directory


def change(directory: Directory, *, actor: Actor, **values: Any) -> Directory:
    """Change name, idp, settings, defaults or active (an inactive directory's tokens are refused). Raises Invalid, NameTaken."""
    unknown = sorted(set(values) - set(_CHANGEABLE))
    if unknown:
        message = f"These cannot be changed: {', '.join(unknown)}."
        raise Invalid(message, field=unknown[0])
    _check(values, directory.kind)
    with tenancy.change(directory.organization_id):
        locked = lock(directory)
        changes = rows.assign(locked, values)
        if changes:
            locked.save(update_fields=list(changes))
            record(
                Event.DIRECTORY_CHANGE,
                organization_id=locked.organization_id,
                actor=actor,
                subject=subject_of(locked),
                changes=changes,
            )
    return locked


def lock(directory: Directory) -> Directory:
    """Lock the directory's row for the transaction and return it; references to it wait for nobody."""
    return Directory.objects.select_for_update(no_key=True).get(pk=directory.pk)


def note_heard(directory: Directory) -> None:
    """Remember when the directory last called, to the minute; within a transaction once that is through, as `tokens.note_use`."""
    now = timezone.now()
    if directory.last_heard_at is None or now - directory.last_heard_at >= _HEARD_NOTED_EVERY:
        if tenancy.connection.in_atomic_block:
            transaction.on_commit(partial(note_heard, directory))
            return
        with tenancy.of(directory.organization_id):
            Directory.objects.filter(organization=directory.organization_id, pk=directory.pk).update(
                last_heard_at=now
            )


def subject_of(directory: Directory) -> Subject:
    """Return the directory as the record names it."""
    return Subject("directory", str(directory.pk), directory.name)


def check_name(name: object) -> None:
    """Refuse what is no name of a directory. Raises Invalid."""
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _NAME_LENGTH_MAX or "\0" in name:
        message = f"A name has 1 to {_NAME_LENGTH_MAX} characters."
        raise Invalid(message, field="name")


def _check(values: dict[str, Any], kind: str) -> None:
    check_name(values.get("name", "-"))
    if values.get("idp", "generic") not in IDPS:
        message = f"idp is one of {', '.join(IDPS)}."
        raise Invalid(message, field="idp")
    if kind in KINDS:
        directory_settings.check(values.get("settings", {}))
    elif "settings" in values:
        pull_settings.check(kind, values["settings"])
    if not isinstance(values.get("active", True), bool):
        message = "active is true or false."
        raise Invalid(message, field="active")
    Wanted.parse(values.get("defaults", {}))
