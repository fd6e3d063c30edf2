"""Verbs on connections: create, change, switch on and off."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import rows, secrets, tenancy
from identity.errors import Conflict, Invalid, NameTaken, NotFound, constraint_of
from identity.models import Organization
from saml import fetches, keys, policy, tested, trust
from saml.models import Connection, KeyPair
from saml.policy import Settings

_LOOK_UP = """
SELECT to_jsonb(connection), to_jsonb(organization)
  FROM saml_connection AS connection JOIN identity_organization AS organization ON organization.id = connection.organization_id
 WHERE connection.id = %s
"""


def create(organization: Organization, *, actor: Actor, **values: Any) -> Connection:
    """Create a connection with a key pair of its own; the fields are those of `saml.policy.read`.

    Nobody can have tested it yet, so `active` needs `activate_untested` beside it. Raises Invalid (with the field at
    fault), NameTaken.
    """
    settings = policy.read(values, partial(fetches.document, organization.pk, actor=actor))
    if "name" not in settings.columns:
        message = "A connection needs a name."
        raise Invalid(message, field="name")
    now = timezone.now()
    connection = Connection(organization=organization, created_at=now, changed_at=now)
    active, untested = _switches(settings)
    chosen = settings.columns.get("idp_preset", "generic")
    settings.columns = policy.preset_defaults(chosen) | settings.columns
    for name, value in settings.columns.items():
        setattr(connection, name, value)
    with _verb(organization.pk):
        connection.save(force_insert=True)
        add_key_pair(connection, KeyPair.State.CURRENT)
        changes = {name: [None, value] for name, value in settings.columns.items()}
        changes |= trust.replace_certificates(connection, settings.certificates or ())
        record(
            Event.CONNECTION_CREATE,
            organization_id=organization.pk,
            actor=actor,
            subject=subject_of(connection),
            changes=changes,
        )
        if active:
            _activate_locked(connection, actor=actor, untested=untested)
    return connection


def change(
    connection: Connection, *, actor: Actor, expected_version: int | None = None, **values: Any
) -> Connection:
    """Change what is given; nothing different, nothing written. `active` switches on and off.

    Raises Invalid, NameTaken, and Conflict if `expected_version` differs.
    """
    settings = policy.read(values, partial(fetches.document, connection.organization_id, actor=actor))
    active, untested = _switches(settings)
    with _verb(connection.organization_id):
        locked = lock(connection)
        if expected_version is not None and locked.version != expected_version:
            raise Conflict("Somebody has changed the connection in this moment: send it again.")
        changes = rows.assign(locked, settings.columns)
        if settings.certificates is not None:
            changes |= trust.replace_certificates(locked, settings.certificates)
        tested.forget(locked, changes)
        if changes:
            touch(locked, *settings.columns, "tested_at", "tested_key")
            record(
                Event.CONNECTION_CHANGE,
                organization_id=locked.organization_id,
                actor=actor,
                subject=subject_of(locked),
                changes=changes,
            )
        if active is True and not locked.active:
            _activate_locked(locked, actor=actor, untested=untested)
        elif active is False and locked.active:
            _deactivate_locked(locked, actor=actor)
        elif locked.active:
            _check_complete(locked)
    return locked


def find(connection_id: UUID) -> Connection | None:
    """Return the connection of a URL with its organization: here nobody is known yet, so it is looked up in all of them."""
    found = tenancy.read_everywhere("connection look-up", _LOOK_UP, [connection_id])
    if not found:
        return None
    connection = rows.loaded(Connection, orjson.loads(found[0][0]))
    connection.organization = rows.loaded(Organization, orjson.loads(found[0][1]))
    return connection


def get(organization: Organization, connection_id: UUID) -> Connection:
    """Return a connection of the organization. Raises NotFound, also for somebody else's."""
    with tenancy.of(organization):
        found = Connection.objects.filter(organization=organization, pk=connection_id).first()
    if found is None:
        message = "There is no such connection."
        raise NotFound(message)
    return found


def lock(connection: Connection) -> Connection:
    """Lock the row, not the organization's with it, for the transaction and return it."""
    locked = Connection.objects.select_for_update(of=("self",)).select_related("organization")
    return locked.get(pk=connection.pk)


def touch(connection: Connection, *columns: str) -> None:
    """Save `columns`, and a version that no cache has seen; the caller records why."""
    connection.version += 1
    connection.changed_at = timezone.now()
    connection.save(update_fields=[*columns, "version", "changed_at"])


def subject_of(connection: Connection) -> Subject:
    """Return the connection as the record names it."""
    return Subject("connection", str(connection.pk), connection.name)


def actor_of(connection: Connection) -> Actor:
    """Return the connection as the one who acts: what an identity provider's message brings about."""
    return Actor("connection", str(connection.pk), connection.name)


def add_key_pair(connection: Connection, state: str) -> KeyPair:
    """Make a key pair; the caller records it. The private key is sealed and leaves this process only as signatures."""
    private, certificate = keys.generate(f"Rollcall {connection.pk}")
    pair = KeyPair(
        organization_id=connection.organization_id,
        connection=connection,
        state=state,
        certificate=certificate,
        not_after=trust.not_after(certificate),
        created_at=timezone.now(),
    )
    pair.private_sealed = secrets.seal(connection.organization_id, f"saml_key:{pair.pk}:private", private)
    pair.save(force_insert=True)
    return pair


def _switches(settings: Settings) -> tuple[bool | None, bool]:
    """Take the switch and the word that no test is needed out of the settings. Raises Invalid for the word without the switch."""
    active, untested = settings.columns.pop("active", None), settings.columns.pop("activate_untested", False)
    if untested and not active:
        raise Invalid("activate_untested goes with active: true.", field="activate_untested")
    return active, untested


def _activate_locked(connection: Connection, *, actor: Actor, untested: bool) -> None:
    """Switch on. Whether a test sign-in has passed, and whether somebody said that none is needed, stands in the entry."""
    _check_complete(connection)
    passed = tested.counts(connection)
    if not passed and not untested:
        message = (
            "No test sign-in has passed since this connection was last changed. Do one first,"
            " or send activate_untested: true to switch it on all the same."
        )
        raise Invalid(message, field="active")
    connection.active = True
    touch(connection, "active")
    data = {"tested_at": connection.tested_at, "tested": passed, "activate_untested": untested}
    _record_switch(connection, Event.CONNECTION_ACTIVATE, [False, True], actor, data)


def _deactivate_locked(connection: Connection, *, actor: Actor) -> None:
    connection.active = False
    touch(connection, "active")
    _record_switch(connection, Event.CONNECTION_DEACTIVATE, [True, False], actor)


def _record_switch(
    connection: Connection,
    event: Event,
    change_: list[bool],
    actor: Actor,
    data: Mapping[str, Any] | None = None,
) -> None:
    record(
        event,
        organization_id=connection.organization_id,
        actor=actor,
        subject=subject_of(connection),
        changes={"active": change_},
        data=data,
    )


def _check_complete(connection: Connection) -> None:
    """Refuse to be on without an identity provider, a key to verify by, or defaults that somebody chose."""
    for missing, field, message in (
        (not connection.idp_entity_id, "idp_entity_id", "Load the identity provider's metadata first."),
        (not connection.sso_url, "sso_url", "The identity provider's sign-on address is missing."),
        (
            not trust.signing(connection),
            "certificates",
            "The identity provider's signing certificate is missing.",
        ),
        (
            connection.defaults is None,
            "defaults",
            'Choose the first permissions of new people; they may be none: {"grants": [], "roles": []}.',
        ),
    ):
        if missing:
            raise Invalid(message, field=field)


@contextmanager
def _verb(organization_id: UUID) -> Iterator[None]:
    """Open a verb's transaction, in which a taken name is refused by its constraint."""
    try:
        with tenancy.change(organization_id):
            yield
    except IntegrityError as error:
        if constraint_of(error) != "connection_name":
            raise
        message = "Another connection already has this name."
        raise NameTaken(message, field="name") from error


def defaults_of(connection: Connection) -> Mapping[str, Any]:
    """Return the connection's first permissions; an aspect that it leaves out falls to the organization's."""
    return connection.defaults or {}
