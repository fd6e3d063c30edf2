"""Whether a connection's test sign-in still counts: what it proved is what a sign-in hangs on, at that moment.

Why: docs/decisions/saml-tested.md.
"""

from typing import Any

from saml import trust
from saml.models import Connection

# A change of one of these makes another connection of it: what was tested says nothing about it any more.
PROVED = frozenset(
    {
        "idp_entity_id", "sso_url", "sso_binding", "idp_preset", "signed", "encryption", "allow_cbc", "sha1_until",
        "destination_waived", "sign_requests", "force_authn", "name_id_format", "authn_contexts", "attribute_mapping",
    }
)  # fmt: skip


def counts(connection: Connection) -> bool:
    """Tell whether a passed test stands: none of `PROVED` changed since, and the key that signed it is still trusted.

    A certificate that came in beside it changes nothing. The tenancy must be set.
    """
    if connection.tested_at is None:
        return False
    return connection.tested_key in {row.fingerprint for row in trust.signing(connection)}


def forget(connection: Connection, changes: dict[str, Any]) -> None:
    """Take the pass back where `changes` touch what it proved, and say so among them; the caller saves and records."""
    if connection.tested_at is None or PROVED.isdisjoint(changes):
        return
    changes["tested_at"] = [connection.tested_at, None]
    connection.tested_at, connection.tested_key = None, ""


def note(connection: Connection, signed_by: str, at: Any) -> None:
    """Remember a passed test, unless the connection was changed while it was under way; the caller records it."""
    Connection.objects.filter(
        organization=connection.organization_id, pk=connection.pk, version=connection.version
    ).update(tested_at=at, tested_key=signed_by)
