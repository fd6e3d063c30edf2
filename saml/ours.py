"""Our values of a connection, under the names by which the chosen identity provider asks for them."""

from dataclasses import dataclass
from typing import Final

from saml import trust
from saml.models import Connection
from saml.presets import preset

# Field → our word for it, where the product has none of its own.
_WORDS: Final = {
    "entity_id": "Entity ID",
    "acs_url": "Assertion Consumer Service URL",
    "sls_url": "Single Logout Service URL",
    "metadata_url": "Metadata",
    "login_url": "Sign-in address",
    "relay_state": "Relay state",
    "certificate_url": "Certificate for signatures and encryption",
}
# Where people come out whose sign-in began at the identity provider: a path of ours, which is all that is taken from there.
RELAY_STATE: Final = "/"


@dataclass(frozen=True, slots=True)
class OurValue:
    """One value to copy: the field, its label in the product's words, and the value."""

    name: str
    label: str
    value: str


def values(connection: Connection) -> list[OurValue]:
    """Return what an administrator copies into the identity provider; logout is left out where the product knows none."""
    product = preset(connection.idp_preset)
    held = trust.addresses(connection.pk) | {"relay_state": RELAY_STATE}
    return [
        OurValue(name, product.words.get(name, word), held[name])
        for name, word in _WORDS.items()
        if name != "sls_url" or product.signs_out
    ]
