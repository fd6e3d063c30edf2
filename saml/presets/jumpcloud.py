"""JumpCloud: signs the assertion as it comes; our metadata is imported there once."""

from saml.presets.preset import Preset

_SSO = "SSO Applications › this application › SSO"

PRESET = Preset(
    name="jumpcloud",
    label="JumpCloud",
    signed="either",
    words={
        "entity_id": "SP Entity ID",
        "acs_url": "ACS URLs",
        "login_url": "Login URL",
        "relay_state": "Default RelayState",
    },
    where={
        "destination": f"{_SSO} › ACS URLs",
        "response_not_signed": f"{_SSO} › Sign",
        "assertion_signature": f"{_SSO} › IdP Certificate",
        "response_signature": f"{_SSO} › IdP Certificate",
        "name_id_missing": f"{_SSO} › SAMLSubject NameID",
        "weak_algorithm": f"{_SSO} › Signature Algorithm: RSA-SHA256",
        "audience": f"{_SSO} › SP Entity ID",
        "recipient": f"{_SSO} › ACS URLs",
        "assertion_not_signed": f"{_SSO} › Sign",
        "attribute_missing": f"{_SSO} › Attributes",
        "status": "SSO Applications › this application › User Groups",
        "status_request": _SSO,
    },
    known_by=("jumpcloud.com",),
)
