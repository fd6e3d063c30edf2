"""What single sign-on adds to the bundle of an organization."""

from functools import partial
from typing import Any
from uuid import UUID

from identity.bundle_contents import File, add, leave_out
from saml import attempt_details
from saml.models import (
    Attempt,
    Connection,
    IdpCertificate,
    KeyPair,
    MetadataFetch,
    MetadataWatch,
    SpentAssertion,
    SubjectLink,
)


def register() -> None:
    """Add this floor's files. Private keys stay here; the certificates of our own keys do not."""
    sealed = {name: (name, partial(_opened, name)) for name in ("name_id", "attributes")}
    add(
        File("connections", Connection),
        File("idp_certificates", IdpCertificate),
        File("key_pairs", KeyPair),
        File("metadata_watches", MetadataWatch),
        File("sign_ins", Attempt, opened={f"{name}_sealed": each for name, each in sealed.items()}),
        File("subjects", SubjectLink),
    )
    leave_out(
        {
            MetadataFetch: "addresses that a worker is loading for somebody who waits, for seconds",
            SpentAssertion: "digests of assertions that must not be shown twice, kept until they expire",
        }
    )


def _opened(name: str, organization_id: UUID, row_id: UUID, sealed: bytes) -> Any:
    return attempt_details.opened(organization_id, row_id, name, sealed)
