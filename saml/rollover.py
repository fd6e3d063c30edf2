"""A new key pair for a connection, without a moment in which nobody can sign in: publish, switch, retire."""

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import tenancy
from identity.errors import Invalid
from saml import connections, trust
from saml.models import Connection, KeyPair


def publish(connection: Connection, *, actor: Actor) -> Connection:
    """Make the next key pair and show its certificate in our metadata; nothing is signed with it yet. Raises Invalid."""
    with tenancy.change(connection.organization_id):
        locked = connections.lock(connection)
        if _of(locked, KeyPair.State.NEXT) is not None:
            message = "The next key is published already: switch to it."
            raise Invalid(message)
        pair = connections.add_key_pair(locked, KeyPair.State.NEXT)
        _record(locked, pair, [None, KeyPair.State.NEXT.value], actor)
    return locked


def switch(connection: Connection, *, actor: Actor) -> Connection:
    """Sign with the next key from now on; the one before still opens what is encrypted for it. Raises Invalid."""
    with tenancy.change(connection.organization_id):
        locked = connections.lock(connection)
        following = _of(locked, KeyPair.State.NEXT)
        if following is None:
            message = "Publish the next key first, and let the identity provider load it."
            raise Invalid(message)
        # In this order, since each place is held by one key.
        _move(locked, KeyPair.State.PREVIOUS, KeyPair.State.RETIRED, actor)
        _move(locked, KeyPair.State.CURRENT, KeyPair.State.PREVIOUS, actor)
        _move(locked, KeyPair.State.NEXT, KeyPair.State.CURRENT, actor)
    return locked


def retire(connection: Connection, *, actor: Actor) -> Connection:
    """Forget the private key before the current one. Raises Invalid where there is none."""
    with tenancy.change(connection.organization_id):
        locked = connections.lock(connection)
        if _of(locked, KeyPair.State.PREVIOUS) is None:
            message = "There is no previous key."
            raise Invalid(message)
        _move(locked, KeyPair.State.PREVIOUS, KeyPair.State.RETIRED, actor)
    return locked


def _of(connection: Connection, state: str) -> KeyPair | None:
    return next((pair for pair in trust.key_pairs(connection) if pair.state == state), None)


def _move(connection: Connection, before: KeyPair.State, after: KeyPair.State, actor: Actor) -> None:
    pair = _of(connection, before)
    if pair is None:
        return
    pair.state = after
    if after == KeyPair.State.RETIRED:
        pair.private_sealed = b""
    pair.save(update_fields=["state", "private_sealed"])
    _record(connection, pair, [before.value, after.value], actor)


def _record(connection: Connection, pair: KeyPair, change: list[str | None], actor: Actor) -> None:
    connections.touch(connection)
    record(
        Event.CONNECTION_KEY,
        organization_id=connection.organization_id,
        actor=actor,
        subject=connections.subject_of(connection),
        changes={"state": change},
        data={"key": str(pair.pk), "not_after": pair.not_after, "at": timezone.now()},
    )
