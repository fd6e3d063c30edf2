"""Decrypt an EncryptedAssertion or EncryptedID (XML-Enc 1.1), with one answer for everything that goes wrong."""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from saml import names
from saml.names import DS, XENC
from saml.refusals import Refused
from saml.snapshot import DecryptionKey
from saml.xml import Element

ENCRYPTED_KEYS_MAX = 4
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_GCM_NONCE_BYTES = 12
_BLOCK_BYTES = 16


def decrypt(encrypted: Element, keys: tuple[DecryptionKey, ...], *, cbc: bool) -> bytes:
    """Return the plaintext of `encrypted`, trying each of `keys`; what comes back is as hostile as what came in.

    `cbc`: whether AES-CBC is allowed, since its integrity must come from a signature around it.
    Refuses (`Refused`): no_decryption_key, structure, weak_encryption, cbc_not_allowed, weak_key_transport,
    decryption.
    """
    if not keys:
        raise Refused("no_decryption_key")
    data = encrypted.findall(f"{{{XENC}}}EncryptedData")
    if len(data) != 1:
        raise Refused("structure", "not exactly one EncryptedData")
    if data[0].get("Type", XENC + "Element") != XENC + "Element":
        raise Refused("structure", "the encrypted part is not an element")
    algorithm = _algorithm(data[0])
    length = (names.AES_GCM | names.AES_CBC).get(algorithm)
    if length is None:
        raise Refused("weak_encryption", algorithm[:100])
    wrapped_keys = [
        (_oaep(wrapped), _cipher_value(wrapped)) for wrapped in _encrypted_keys(encrypted, data[0])
    ]
    if algorithm in names.AES_CBC and not cbc:
        raise Refused("cbc_not_allowed")
    ciphertext = _cipher_value(data[0])
    # When no key opens the wrapped one, a random one is used, so that every failure takes the same way.
    secret = os.urandom(length)
    for padding, value in wrapped_keys:
        for key in keys:
            try:
                opened = key.key.decrypt(value, padding)
            except ValueError:
                continue
            secret = opened if len(opened) == length else secret
    return _gcm(secret, ciphertext) if algorithm in names.AES_GCM else _cbc(secret, ciphertext)


def _encrypted_keys(encrypted: Element, data: Element) -> list[Element]:
    """EncryptedKeys inside EncryptedData, or beside it as Okta and OpenSAML's peer placement have them."""
    info = data.find(f"{{{DS}}}KeyInfo")
    inside = [] if info is None else info.findall(f"{{{XENC}}}EncryptedKey")
    beside = encrypted.findall(f"{{{XENC}}}EncryptedKey")
    retrievals = [] if info is None else info.findall(f"{{{DS}}}RetrievalMethod")
    known = {"#" + key.get("Id", "") for key in beside}
    # A reference may only name a neighbour that is used anyway; nothing is ever looked up or fetched.
    if any(retrieval.get("URI") not in known or len(retrieval) for retrieval in retrievals):
        raise Refused("structure", "an EncryptedKey by reference")
    found: list[Element] = [*inside, *beside]
    if not 1 <= len(found) <= ENCRYPTED_KEYS_MAX:
        raise Refused("structure", f"{len(found)} encrypted keys")
    return found


def _algorithm(element: Element) -> str:
    method = element.find(f"{{{XENC}}}EncryptionMethod")
    return "" if method is None else str(method.get("Algorithm", ""))


def _oaep(wrapped: Element) -> OAEP:
    """RSA-OAEP parameters; RSA 1.5 is refused by name (Bleichenbacher)."""
    algorithm = _algorithm(wrapped)
    if algorithm not in {names.RSA_OAEP, names.RSA_OAEP_MGF1P}:
        raise Refused("weak_key_transport", algorithm[:100])
    method = wrapped.find(f"{{{XENC}}}EncryptionMethod")
    digest_method = method.find(f"{{{DS}}}DigestMethod")
    digest = (
        "sha1" if digest_method is None else names.OAEP_DIGESTS.get(digest_method.get("Algorithm", ""), "")
    )
    mgf_method = method.find(f"{{{names.XENC11}}}MGF")
    mgf = "sha1"
    if mgf_method is not None and algorithm == names.RSA_OAEP:
        mgf = names.MGF_DIGESTS.get(mgf_method.get("Algorithm", ""), "")
    label = method.find(f"{{{XENC}}}OAEPparams")
    if digest not in _HASHES or mgf not in _HASHES or label is not None:
        raise Refused("weak_key_transport", "parameters of RSA-OAEP")
    return OAEP(mgf=MGF1(_HASHES[mgf]()), algorithm=_HASHES[digest](), label=None)


def _cipher_value(element: Element) -> bytes:
    value = element.find(f"{{{XENC}}}CipherData/{{{XENC}}}CipherValue")
    if value is None or len(value):
        raise Refused("structure", "no CipherValue")
    try:
        return base64.b64decode("".join((value.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("decryption") from None


def _gcm(secret: bytes, ciphertext: bytes) -> bytes:
    if len(ciphertext) < _GCM_NONCE_BYTES + _BLOCK_BYTES:
        raise Refused("decryption")
    try:
        return AESGCM(secret).decrypt(ciphertext[:_GCM_NONCE_BYTES], ciphertext[_GCM_NONCE_BYTES:], None)
    except InvalidTag:
        raise Refused("decryption") from None


def _cbc(secret: bytes, ciphertext: bytes) -> bytes:
    """XML-Enc 5.2.1 padding. Wrong padding is not told apart here: what is left is noise and parsed as such."""
    if len(ciphertext) < 2 * _BLOCK_BYTES or len(ciphertext) % _BLOCK_BYTES:
        raise Refused("decryption")
    decryptor = Cipher(AES(secret), CBC(ciphertext[:_BLOCK_BYTES])).decryptor()
    padded = decryptor.update(ciphertext[_BLOCK_BYTES:]) + decryptor.finalize()
    return padded[: len(padded) - padded[-1]] if 1 <= padded[-1] <= _BLOCK_BYTES else padded
