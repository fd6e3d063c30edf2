"""Names that the SAML, XML-Signature and XML-Encryption specifications fix, written once."""

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
XML = "http://www.w3.org/XML/1998/namespace"

BINDING_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
BINDING_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
STATUS_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
METHOD_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

NAMEID_UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
NAMEID_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
NAMEID_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
NAMEID_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
NAMEID_ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"

EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
# RSA-PSS (RFC 9231 2.3.9), which Keycloak offers beside PKCS 1: signature method → digest of the message and of the mask.
PSS_METHODS: dict[str, str] = {
    _MORE_2007 + "sha256-rsa-MGF1": "sha256",
    _MORE_2007 + "sha384-rsa-MGF1": "sha384",
    _MORE_2007 + "sha512-rsa-MGF1": "sha512",
}
# Signature method → the kind of key that it needs.
SIGNATURE_METHODS: dict[str, str] = {
    _MORE + "rsa-sha256": "rsa",
    _MORE + "rsa-sha384": "rsa",
    _MORE + "rsa-sha512": "rsa",
    _MORE + "ecdsa-sha256": "ec",
    _MORE + "ecdsa-sha384": "ec",
    _MORE + "ecdsa-sha512": "ec",
    **dict.fromkeys(PSS_METHODS, "rsa"),
}
SHA1_SIGNATURE_METHODS: dict[str, str] = {DS + "rsa-sha1": "rsa", _MORE + "ecdsa-sha1": "ec"}
# Digest method → its name in hashlib.
DIGEST_METHODS: dict[str, str] = {
    XENC + "sha256": "sha256",
    _MORE + "sha384": "sha384",
    XENC + "sha512": "sha512",
}
SHA1_DIGEST = DS + "sha1"

AES_GCM: dict[str, int] = {XENC11 + f"aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
AES_CBC: dict[str, int] = {XENC + f"aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
RSA_OAEP_MGF1P = XENC + "rsa-oaep-mgf1p"
RSA_OAEP = XENC11 + "rsa-oaep"
OAEP_DIGESTS: dict[str, str] = {SHA1_DIGEST: "sha1", **DIGEST_METHODS}
MGF_DIGESTS: dict[str, str] = {XENC11 + "mgf1" + digest: digest for digest in OAEP_DIGESTS.values()}

XML_SPACES = " \t\r\n"
"""What XML 1.0 (2.3) calls white space: str.strip() would take the spaces of every script, and make one name of two."""
