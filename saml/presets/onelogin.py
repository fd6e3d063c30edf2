"""OneLogin: what is signed is chosen per application."""

from saml.presets.preset import Preset

_CONFIGURATION = "Applications › this application › Configuration"

PRESET = Preset(
    name="onelogin",
    label="OneLogin",
    words={
        "entity_id": "Audience (EntityID)",
        "acs_url": "ACS (Consumer) URL and Recipient",
        "sls_url": "Single Logout URL",
        "login_url": "Login URL",
        "relay_state": "RelayState",
    },
    where={
        "assertion_signature": "Applications › this application › SSO › X.509 Certificate",
        "response_signature": "Applications › this application › SSO › X.509 Certificate",
        "status": "Users › this person › Applications; Applications › this application › Access",
        "status_request": _CONFIGURATION,
        "name_id_missing": "Applications › this application › Parameters › NameID",
        "decryption": f"{_CONFIGURATION} › SAML Encryption",
        "audience": f"{_CONFIGURATION} › Audience (EntityID)",
        "recipient": f"{_CONFIGURATION} › Recipient",
        "destination": f"{_CONFIGURATION} › ACS (Consumer) URL",
        "assertion_not_signed": f"{_CONFIGURATION} › SAML signature element",
        "response_not_signed": f"{_CONFIGURATION} › SAML signature element",
        "weak_algorithm": "Applications › this application › SSO › SAML Signature Algorithm: SHA-256",
        "attribute_missing": "Applications › this application › Parameters",
    },
    traps=("ACS (Consumer) URL Validator is a regular expression: escape the dots.",),
    known_by=("onelogin.com/saml",),
)
