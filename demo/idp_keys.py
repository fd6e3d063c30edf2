"""Key pairs and encryption of a test identity provider: what a real one keeps in its key store."""

import base64
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
_CIPHERS = {
    "aes128-gcm": (XENC11, 16),
    "aes256-gcm": (XENC11, 32),
    "aes192-gcm": (XENC11, 24),
    "aes128-cbc": (XENC, 16),
    "aes192-cbc": (XENC, 24),
    "aes256-cbc": (XENC, 32),
}
_OAEP: dict[str, tuple[type[hashes.HashAlgorithm], str]] = {
    "oaep-sha256": (hashes.SHA256, XENC + "sha256"),
    "oaep-sha384": (hashes.SHA384, "http://www.w3.org/2001/04/xmldsig-more#sha384"),
    "oaep-sha512": (hashes.SHA512, XENC + "sha512"),
}


@dataclass(frozen=True)
class KeyPair:
    """A private key and its self-signed certificate."""

    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def private_pem(self) -> bytes:
        """PKCS 8 PEM without a passphrase."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def certificate_pem(self) -> str:
        """The certificate as administrators paste it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def certificate_base64(self) -> str:
        """The certificate as XML holds it."""
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()


@lru_cache(maxsize=64)
def key_pair(name: str = "idp", kind: str = "rsa", bits: int = 2048, days: int = 365) -> KeyPair:
    """Make a key pair, or return the one of the same name: `kind` is rsa or ec, `days` may be negative (expired)."""
    curves: dict[int, ec.EllipticCurve] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "rsa":
        private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    else:
        private = ec.generate_private_key(curves.get(bits, ec.SECP256R1()))
    return KeyPair(private, certify(private, name, days))


def certify(
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, name: str, days: int
) -> x509.Certificate:
    """Sign a certificate for `private` by itself, ending `days` from now."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    end = datetime.now(UTC) + timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=3650))
        .not_valid_after(end)
    )
    return builder.sign(private, hashes.SHA256())


def encrypt(
    plaintext: bytes, certificate_pem: str, cipher: str = "aes256-gcm", transport: str = "oaep"
) -> str:
    """Return EncryptedData XML for `plaintext`; `transport` is oaep, oaep-sha256, -sha384, -sha512 or rsa15."""
    namespace, length = _CIPHERS[cipher]
    secret = os.urandom(length)
    public = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        msg = "only RSA keys receive encrypted assertions"
        raise TypeError(msg)
    method, wrapped = _wrap(secret, public, transport)
    body = _gcm(secret, plaintext) if cipher.endswith("gcm") else _cbc(secret, plaintext)
    return (
        f'<xenc:EncryptedData xmlns:xenc="{XENC}" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" '
        f'Type="{XENC}Element"><xenc:EncryptionMethod Algorithm="{namespace}{cipher}"/><ds:KeyInfo>'
        f"<xenc:EncryptedKey>{method}<xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue>"
        f"</xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>"
        f"{base64.b64encode(body).decode()}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
    )


def _wrap(secret: bytes, public: rsa.RSAPublicKey, transport: str) -> tuple[str, str]:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # the one thing nobody should use

    if transport == "rsa15":
        method = f'<xenc:EncryptionMethod Algorithm="{XENC}rsa-1_5"/>'
        return method, base64.b64encode(public.encrypt(secret, PKCS1v15())).decode()
    kind, name = _OAEP.get(transport, (hashes.SHA1, ""))
    scheme = OAEP(mgf=MGF1(kind()), algorithm=kind(), label=None)
    method = f'<xenc:EncryptionMethod Algorithm="{XENC}rsa-oaep-mgf1p"/>'
    if name:
        method = (
            f'<xenc:EncryptionMethod Algorithm="{XENC11}rsa-oaep"><ds:DigestMethod Algorithm="{name}"/>'
            f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{XENC11}mgf1{kind.name}"/></xenc:EncryptionMethod>'
        )
    return method, base64.b64encode(public.encrypt(secret, scheme)).decode()


def _gcm(secret: bytes, plaintext: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(secret).encrypt(nonce, plaintext, None)


def _cbc(secret: bytes, plaintext: bytes) -> bytes:
    padder = padding.ANSIX923(128).padder()
    padded = padder.update(plaintext) + padder.finalize()
    nonce = os.urandom(16)
    encryptor = Cipher(AES(secret), CBC(nonce)).encryptor()
    return nonce + encryptor.update(padded) + encryptor.finalize()
