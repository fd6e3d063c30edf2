"""Hides the NameID of what we send from everybody but the identity provider (core 2.2.4, XML Encryption 1.1)."""

from typing import Final

import xmlsec
from lxml import etree

from saml.names import SAML
from saml.snapshot import ConnectionSnapshot, TrustedKey

_NAME_ID: Final = f"{{{SAML}}}NameID"
SECRET_BITS: Final = 256


def key_of(connection: ConnectionSnapshot) -> TrustedKey | None:
    """Return the identity provider's key to encrypt to: RSA, published for encryption rather than for both, the newest."""
    found = [key for key in connection.idp_keys if key.use != "signing" and key.kind == "rsa"]
    return max(reversed(found), key=lambda key: key.use == "encryption", default=None)


def hide_name_id(document: bytes, key: TrustedKey) -> bytes:
    """Return our message with an EncryptedID in the NameID's place: AES-256-GCM, its key wrapped by RSA-OAEP.

    Encrypted before it is signed, so that the signature is over what is sent.
    """
    root = etree.fromstring(document)
    plain = root.find(_NAME_ID)
    if plain is None:
        message = "The message names nobody."
        raise ValueError(message)
    holder = etree.Element(f"{{{SAML}}}EncryptedID", nsmap={"saml": SAML})
    root.replace(plain, holder)
    # Written out by itself, so that the prefixes it uses are declared in what is encrypted.
    written = etree.tostring(plain, with_tail=False)
    template = xmlsec.template.encrypted_data_create(
        holder, xmlsec.constants.TransformAes256Gcm, type=xmlsec.constants.TypeEncElement, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(template)
    told = xmlsec.template.encrypted_data_ensure_key_info(template, ns="ds")
    wrapped = xmlsec.template.add_encrypted_key(told, xmlsec.constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    manager = xmlsec.KeysManager()
    manager.add_key(key.key)
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(
        xmlsec.constants.KeyDataAes, SECRET_BITS, xmlsec.constants.KeyDataTypeSession
    )
    holder.append(context.encrypt_binary(template, written))
    return etree.tostring(root)
