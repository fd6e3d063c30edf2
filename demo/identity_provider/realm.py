"""One realm: an identity provider with an entity ID and addresses of its own, and its metadata."""

import re
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from demo.idp_keys import KeyPair, key_pair
from demo.idp_messages import EMAIL, TestIdp

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_KEY_FILE = "signing_key.pem"
_CERTIFICATE_FILE = "signing_certificate.pem"
_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@dataclass(frozen=True, slots=True)
class Realm:
    """The addresses of one realm under `base` (as http://localhost:8001) and the key that all realms sign with."""

    base: str
    slug: str
    keys: KeyPair

    @property
    def idp(self) -> TestIdp:
        """The realm as the signing library knows it."""
        here = f"{self.base}/{self.slug}"
        return TestIdp(f"{here}/metadata", self.keys, sso_url=f"{here}/sso", slo_url=f"{here}/slo")

    @property
    def metadata(self) -> str:
        """What the realm publishes about itself (SAML metadata 2.4.3). Its texts are our own, so nothing needs escaping."""
        idp = self.idp
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{idp.entity_id}">'
            '<md:IDPSSODescriptor WantAuthnRequestsSigned="false" '
            'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
            f"<ds:X509Certificate>{self.keys.certificate_base64}</ds:X509Certificate>"
            "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            f'<md:SingleLogoutService Binding="{_REDIRECT}" Location="{idp.slo_url}"/>'
            f'<md:SingleLogoutService Binding="{_POST}" Location="{idp.slo_url}"/>'
            f"<md:NameIDFormat>{EMAIL}</md:NameIDFormat>"
            f'<md:SingleSignOnService Binding="{_REDIRECT}" Location="{idp.sso_url}"/>'
            f'<md:SingleSignOnService Binding="{_POST}" Location="{idp.sso_url}"/>'
            "</md:IDPSSODescriptor></md:EntityDescriptor>\n"
        )


def load_keys(directory: Path) -> KeyPair:
    """Return the key pair kept in `directory`, making it the first time; the key file is its owner's alone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, certificate = directory / _KEY_FILE, directory / _CERTIFICATE_FILE
    if not (key.exists() and certificate.exists()):
        made = key_pair("Rollcall development identity provider", days=3650)
        key.touch(mode=0o600)
        key.write_bytes(made.private_pem)
        certificate.write_text(made.certificate_pem)
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        msg = f"{key} holds a key that is neither RSA nor elliptic curve; delete it to have a new one made."
        raise SystemExit(msg)
    return KeyPair(private, x509.load_pem_x509_certificate(certificate.read_bytes()))
