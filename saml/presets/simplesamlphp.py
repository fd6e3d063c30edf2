"""SimpleSAMLphp: signs the response, names attributes as LDAP does, transient NameIDs, AES-CBC; tried with 1.19."""

from saml.presets.preset import Preset

_SP = "metadata/saml20-sp-remote.php"
_IDP = "metadata/saml20-idp-hosted.php"

PRESET = Preset(
    name="simplesamlphp",
    label="SimpleSAMLphp",
    signed="either",
    words={"entity_id": "entityid", "acs_url": "AssertionConsumerService", "sls_url": "SingleLogoutService"},
    mapping={"user_name": ("eduPersonPrincipalName", "uid")},
    where={
        "audience": f"{_SP}: convert this connection's metadata again",
        "recipient": f"{_SP}: convert this connection's metadata again",
        "destination": f"{_SP}: convert this connection's metadata again",
        "decryption": f"{_SP}: convert this connection's metadata again, with its present certificate",
        "cbc_not_allowed": f"{_SP}: 'saml20.sign.response' => true",
        "weak_encryption": f"{_SP}: leave 'sharedkey_algorithm' out",
        "not_encrypted": f"{_SP}: 'assertion.encryption' => true",
        "assertion_not_signed": f"{_SP}: 'saml20.sign.assertion' => true",
        "response_not_signed": f"{_SP}: 'saml20.sign.response' => true",
        "assertion_signature": f"{_IDP}: 'certificate'; load the metadata again",
        "response_signature": f"{_IDP}: 'certificate'; load the metadata again",
        "weak_algorithm": f"{_IDP} or {_SP}: leave 'signature.algorithm' out, or name rsa-sha256",
        "weak_key": f"{_IDP}: 'privatekey' and 'certificate'",
        "name_id_missing": f"{_IDP}: 'authproc' with saml:PersistentNameID or saml:AttributeNameID",
        "attribute_missing": f"{_SP}: 'attributes', and the 'authproc' filters that release and rename them",
        "attribute_invalid": f"{_SP}: leave 'base64attributes' out; the 'authproc' filters",
        "logout_not_signed": f"{_SP}: 'sign.logout' => true",
        "status": "log/simplesamlphp.log; the 'authproc' filters that decide who comes in",
    },
    traps=(
        "NameIDs are transient as it comes: add saml:PersistentNameID, or see that user name or e-mail never change.",
    ),
    known_by=("/saml2/idp/metadata.php", "/simplesaml/"),
)
