"""A connection's own keys, and their rollover in three steps: publish the next, switch to it, retire the one before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils import timezone

from audit.record import Actor
from console.access import Visit
from console.answers import done, page
from console.connections import find
from identity.errors import Refusal
from saml import certificates, expiry, rollover, trust
from saml.models import Connection, KeyPair
from saml.presets import preset

State = KeyPair.State


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it is called, what happens with it, when it can be done, and what is said once it is."""

    name: str
    title: str
    does: str
    wants: str
    said: str
    act: Callable[..., Connection]


STEPS: Final = (
    Step(
        "next", "Publish the next key",
        "A new key pair is made, and its certificate shown in our metadata beside the present one. Nothing is signed with it yet, "
        "and nobody’s sign-in changes. Then have the identity provider load our metadata again, or upload the certificate there.",
        "The next key is published already.",
        "The next key is published. Let the identity provider take its certificate, then switch.",
        rollover.publish,
    ),
    Step(
        "switch", "Switch to it",
        "From then on our messages are signed with the new key. The old one still opens what is encrypted for it, so that nothing breaks "
        "while the identity provider changes over. One that has not taken the new certificate yet may refuse our sign-ins.",
        "Publish the next key first.",
        "Our messages are signed with the new key from now on; the one before still opens what is encrypted for it.",
        rollover.switch,
    ),
    Step(
        "retire", "Retire the old key",
        "The old private key is destroyed. An identity provider that still encrypts for it signs nobody in any more; "
        "one that does not encrypt notices nothing.",
        "There is no old key: switch first.",
        "The old key is destroyed. The rollover is complete.",
        rollover.retire,
    ),
)  # fmt: skip
_NEEDS: Final = {"next": None, "switch": State.NEXT, "retire": State.PREVIOUS}


def show(visit: Visit, connection: UUID) -> HttpResponse:
    """Show the keys that are in use and the step that comes next."""
    return _page(visit, find(visit, connection))


def act(visit: Visit, connection: UUID, step: str) -> HttpResponse:
    """Do one step."""
    found = find(visit, connection)
    wanted = next((each for each in STEPS if each.name == step), None)
    if wanted is None:
        raise Http404
    actor: Actor = visit.actor
    try:
        wanted.act(found, actor=actor)
    except Refusal as refusal:
        return _page(visit, found, refusal.message, status=400)
    return done(visit, wanted.said, "connection_keys", connection=connection)


def _page(visit: Visit, connection: Connection, problem: str = "", *, status: int = 200) -> HttpResponse:
    pairs = trust.key_pairs(connection)
    states = {pair.state for pair in pairs}
    possible = {
        name: (State.NEXT not in states) if state is None else state in states
        for name, state in _NEEDS.items()
    }
    now = timezone.now()
    values = {
        "connection": connection,
        "product": preset(connection.idp_preset),
        "pairs": [(pair, certificates.fingerprint(certificates.read(pair.certificate))) for pair in pairs],
        "certificates": trust.current(connection),
        "steps": [(step, possible[step.name]) for step in STEPS],
        "metadata_url": trust.addresses(connection.pk)["metadata_url"],
        "problem": problem,
        "now": now,
        "soon": now + expiry.SOON,
    }
    return page(visit, "connection_keys.html", values, status=status)
