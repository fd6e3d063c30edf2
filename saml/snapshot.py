"""All that verification needs to know of a connection, as frozen values: no row, no request, no clock."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import xmlsec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

SignedPolicy = Literal["assertion", "response", "either", "both"]
EncryptionPolicy = Literal["off", "optional", "required"]

SKEW_SECONDS_DEFAULT = 60
SKEW_SECONDS_MAX = 300


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key of the identity provider. Trust is by key (SAML metadata interoperability profile 2.6.1)."""

    fingerprint: str
    """SHA-256 of the certificate, lowercase hex."""
    kind: Literal["rsa", "ec"]
    bits: int
    not_after: datetime
    use: Literal["signing", "encryption", "both"]
    subject: str
    key: xmlsec.Key = field(compare=False, repr=False)
    public: RSAPublicKey | EllipticCurvePublicKey = field(compare=False, repr=False)
    """The same key once more: the binding of xmlsec verifies bare octets by no RSA-PSS."""


@dataclass(frozen=True, slots=True)
class DecryptionKey:
    """A private key of ours, parsed once when the snapshot is built."""

    fingerprint: str
    key: RSAPrivateKey = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionSnapshot:
    """One connection at one configuration version."""

    entity_id: str
    acs_url: str
    sls_url: str
    idp_entity_id: str
    sso_url: str = ""
    sso_binding: Literal["redirect", "post"] = "redirect"
    slo_url: str = ""
    slo_response_url: str = ""
    slo_binding: Literal["redirect", "post"] = "redirect"
    idp_keys: tuple[TrustedKey, ...] = ()
    decryption_keys: tuple[DecryptionKey, ...] = ()
    """Current first, then previous."""
    signed: SignedPolicy = "either"
    encryption: EncryptionPolicy = "optional"
    allow_cbc: bool = False
    """AES-CBC inside an unsigned response; inside a signed one it is always allowed."""
    allow_idp_initiated: bool = False
    sha1_until: datetime | None = None
    skew_seconds: int = SKEW_SECONDS_DEFAULT
    destination_waived: bool = False
    authn_contexts: tuple[str, ...] = ()
    """What is asked for now, and so expected of a sign-in that began at the identity provider."""

    @property
    def signing_keys(self) -> tuple[TrustedKey, ...]:
        """The keys that may verify: one published for encryption alone never does."""
        return tuple(key for key in self.idp_keys if key.use != "encryption")


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """The AuthnRequest that a response says it answers, as our own store remembers it."""

    request_id: str
    issued_at: datetime
    expires_at: datetime
    same_browser: bool
    answered: bool = False
    force_authn: bool = False
    authn_contexts: tuple[str, ...] = ()
