"""LemonLDAP::NG: bare keys in its metadata and unsigned logout messages as it comes, AES-CBC; tried with 2.16."""

from saml.presets.preset import Preset

_SP = "SAML Service Providers › this connection"
_SERVICE = "SAML2 Service › Security parameters › Signature"

PRESET = Preset(
    name="lemonldap",
    label="LemonLDAP::NG",
    signed="either",
    words={
        "entity_id": "entityID",
        "acs_url": "AssertionConsumerService Location",
        "sls_url": "SingleLogoutService Location",
    },
    mapping={"user_name": ("uid",)},
    where={
        "audience": f"{_SP} › Metadata: load this connection's metadata again",
        "recipient": f"{_SP} › Metadata: load this connection's metadata again",
        "destination": f"{_SP} › Metadata: load this connection's metadata again",
        "decryption": f"{_SP} › Metadata: load this connection's metadata again, with its present certificate",
        "not_encrypted": f"{_SP} › Options › Security › Encryption mode: Assertion",
        "assertion_not_signed": f"{_SP} › Options › Signature › Sign SSO message: On",
        "response_not_signed": f"{_SP} › Options › Signature › Sign SSO message: On",
        "assertion_signature": f"{_SERVICE}: load the metadata again",
        "response_signature": f"{_SERVICE}: load the metadata again",
        "metadata_bare_key": f"{_SERVICE} › Public key: a certificate in place of the key",
        "metadata_no_key": f"{_SERVICE}: make keys and a certificate",
        "weak_algorithm": f"{_SP} › Options › Signature › Signature method: RSA SHA256",
        "name_id_missing": f"{_SP} › Options › Authentication response › Default NameID format, and Force NameID session key",
        "attribute_missing": f"{_SP} › Exported attributes",
        "unsolicited": f"{_SP} › Options › Security › Enable use of IDP initiated URL: Off, or allow it here",
        "logout_not_signed": f"{_SP} › Options › Signature › Sign SLO message: On",
        "status": f"{_SP} › Options › Security › Access rule; the portal's log",
    },
    traps=(
        "Switch Sign SLO message on: logout requests are unsigned as it comes, and are refused here.",
        "Encryption mode NameID breaks logout from the portal, which then names somebody else: encrypt the assertion.",
    ),
)
