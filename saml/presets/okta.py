"""Okta: signs response and assertion as it comes."""

from saml.presets.preset import Preset

_SETTINGS = "Applications › this application › General › SAML Settings › Edit"

PRESET = Preset(
    name="okta",
    label="Okta",
    signed="either",
    slo_binding="post",
    words={
        "entity_id": "Audience URI (SP Entity ID)",
        "acs_url": "Single sign-on URL",
        "sls_url": "Single Logout URL",
        "login_url": "Bookmark or sign-on address",
        "relay_state": "Default RelayState",
    },
    where={
        "response_signature": "Applications › this application › Sign On › SAML Signing Certificates",
        "name_id_missing": f"{_SETTINGS} › Name ID format and Application username",
        "audience": f"{_SETTINGS} › Audience URI (SP Entity ID)",
        "recipient": f"{_SETTINGS} › Single sign-on URL",
        "destination": f"{_SETTINGS} › Single sign-on URL",
        "assertion_not_signed": f"{_SETTINGS} › Show Advanced Settings › Assertion Signature: Signed",
        "response_not_signed": f"{_SETTINGS} › Show Advanced Settings › Response: Signed",
        "weak_algorithm": f"{_SETTINGS} › Show Advanced Settings › Signature Algorithm: RSA-SHA256",
        "decryption": f"{_SETTINGS} › Show Advanced Settings › Encryption Certificate",
        "attribute_missing": f"{_SETTINGS} › Attribute Statements",
        "assertion_signature": "Applications › this application › Sign On › SAML Signing Certificates",
        "status": "Applications › this application › Assignments",
        "status_request": _SETTINGS,
    },
    traps=("Okta sends no attributes until attribute statements are configured.",),
    known_by=("okta.com/",),
)
