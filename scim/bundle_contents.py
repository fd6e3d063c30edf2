"""What SCIM adds to the bundle of an organization."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from identity.bundle_contents import File, add, leave_out
from scim import exchange
from scim.models import Burst, Departure, ExtensionSchema, LoggedRequest, Walk


def register() -> None:
    """Add this floor's files."""
    add(
        File("extension_schemas", ExtensionSchema, without=("urn_key",)),
        File("scim_requests", LoggedRequest, opened={"exchange": ("exchange", _opened)}, large=True),
        File("bursts", Burst),
        File("departures", Departure),
    )
    leave_out({Walk: "places in lists that somebody was walking through, kept for hours"})


def _opened(organization_id: UUID, row_id: UUID, sealed: bytes) -> dict[str, Any]:
    """Return what was sent and answered; secrets were masked before it was kept."""
    return asdict(exchange.unseal(organization_id, row_id, sealed))
