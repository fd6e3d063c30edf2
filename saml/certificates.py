"""Read certificates as administrators paste them: PEM, or bare base64 with or without line breaks."""

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import xmlsec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from saml.refusals import Refused
from saml.signatures import long_enough
from saml.snapshot import TrustedKey

CHARACTERS_MAX = 20_000
# Between the two lines there is no dash in base64: so nothing is looked through twice, however many beginnings have no end.
_PEM = re.compile(r"-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-----")


def read(text: str) -> x509.Certificate:
    """Return the first certificate in `text`; refuses with `metadata_certificate` when there is none."""
    if len(text) > CHARACTERS_MAX:
        raise Refused("metadata_certificate", "too long for a certificate")
    found = _PEM.search(text)
    if found is None and "-----BEGIN" in text:
        raise Refused("metadata_certificate", "this is PEM, but not a certificate")
    body = re.sub(r"\s|\\n", "", found.group(1) if found else text)
    try:
        return x509.load_der_x509_certificate(base64.b64decode(body + "=" * (-len(body) % 4), validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise Refused("metadata_certificate", "neither PEM nor base64 of a certificate") from error


def pem(certificate: x509.Certificate) -> str:
    """Return the certificate as PEM with line breaks."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def bare(certificate: x509.Certificate) -> str:
    """Base64 of the DER on one line, as XML-Signature's X509Certificate holds it."""
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii")


def fingerprint(certificate: x509.Certificate) -> str:
    """Return SHA-256 over the DER, lowercase hex."""
    return certificate.fingerprint(SHA256()).hex()


def trusted_key(certificate: x509.Certificate, use: Literal["signing", "encryption", "both"]) -> TrustedKey:
    """Make the key of an identity provider ready for verification; RSA and elliptic curves only."""
    try:
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused("metadata_certificate", "the key in the certificate cannot be read") from error
    kind: Literal["rsa", "ec"]
    if isinstance(public, RSAPublicKey):
        kind, bits = "rsa", public.key_size
    elif isinstance(public, EllipticCurvePublicKey):
        kind, bits = "ec", public.key_size
    else:
        raise Refused("metadata_certificate", "the key in the certificate is neither RSA nor ECDSA")
    spki = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return TrustedKey(
        fingerprint=fingerprint(certificate),
        kind=kind,
        bits=bits,
        not_after=certificate.not_valid_after_utc,
        use=use,
        subject=certificate.subject.rfc4514_string(),
        key=xmlsec.Key.from_memory(spki, xmlsec.constants.KeyDataFormatPem),
        public=public,
    )


def check_strength(keys: Iterable[TrustedKey]) -> None:
    """Refuse with `weak_key` where none of the keys that may sign is long enough: each sign-in would end so."""
    signing = [key for key in keys if key.use != "encryption"]
    if signing and not any(map(long_enough, signing)):
        raise Refused(
            "weak_key", f"{signing[0].kind.upper()} {signing[0].bits} bits: {signing[0].subject[:200]}"
        )


def days_left(certificate: x509.Certificate, now: datetime | None = None) -> int:
    """Whole days until the certificate ends; negative when it has."""
    return (certificate.not_valid_after_utc - (now or datetime.now(UTC))).days
