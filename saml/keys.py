"""Our own key pairs: made here, certified by ourselves, used to sign messages and to open encrypted assertions."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from saml import certificates
from saml.snapshot import DecryptionKey

KEY_BITS = 2048
CERTIFICATE_DAYS = 3 * 365
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of ours, parsed once, with its certificate."""

    private: rsa.RSAPrivateKey
    certificate: x509.Certificate
    key: xmlsec.Key


def new_private() -> rsa.RSAPrivateKey:
    """Make a private key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def generate(common_name: str) -> tuple[bytes, str]:
    """Make a key pair and return (private key as PKCS 8 DER, certificate as PEM).

    Identity providers trust the key, not the name; the certificate is the envelope that they ask for.
    """
    private = new_private()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name[:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .sign(private, hashes.SHA256())
    )
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return der, certificates.pem(certificate)


def load(private_der: bytes, certificate_pem: str) -> SigningKey:
    """Parse a stored key pair. It was checked when it was made, so the 30 ms of OpenSSL's check are spared."""
    private = serialization.load_der_private_key(private_der, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, rsa.RSAPrivateKey):
        message = "Our own keys are RSA keys."
        raise TypeError(message)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    key.load_cert_from_memory(certificate_pem.encode(), xmlsec.constants.KeyDataFormatCertPem)
    return SigningKey(private, certificates.read(certificate_pem), key)


def decryption_key(key: SigningKey) -> DecryptionKey:
    """Return the key pair in its other use."""
    return DecryptionKey(certificates.fingerprint(key.certificate), key.private)


def sign_element(element: Any, key: SigningKey, *, at: int) -> None:
    """Sign `element`, which carries an ID, by an enveloped signature that stands as its child number `at`."""
    constants, template = xmlsec.constants, xmlsec.template
    signature = template.create(element, constants.TransformExclC14N, constants.TransformRsaSha256, ns="ds")
    element.insert(at, signature)
    reference = template.add_reference(signature, constants.TransformSha256, uri="#" + element.get("ID"))
    template.add_transform(reference, constants.TransformEnveloped)
    template.add_transform(reference, constants.TransformExclC14N)
    template.x509_data_add_certificate(template.add_x509_data(template.ensure_key_info(signature)))
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = key.key
    context.sign(signature)


def sign_query(query: str, key: SigningKey) -> str:
    """Return the query of the redirect binding with SigAlg and Signature (bindings 3.4.4.1)."""
    whole = f"{query}&SigAlg={quote(RSA_SHA256, safe='')}"
    signature = key.private.sign(whole.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
    return f"{whole}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"
