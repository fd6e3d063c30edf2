"""The thumbprint by which Entra knows a client's certificate."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tasks.connectors.faults import Misconfigured


def thumbprint(certificate: str) -> str:
    """Return `x5t#S256` (RFC 7515 section 4.1.8) of a PEM certificate. Raises Misconfigured."""
    try:
        digest = x509.load_pem_x509_certificate(certificate.encode()).fingerprint(SHA256())
    except ValueError as error:
        raise Misconfigured("The certificate cannot be read: it must be in PEM.") from error
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
