"""An identity provider without a preset of its own."""

from saml.presets.preset import Preset

PRESET = Preset(
    name="generic",
    label="Another SAML 2.0 identity provider",
    words={
        "entity_id": "Entity ID",
        "acs_url": "Assertion Consumer Service URL",
        "sls_url": "Single Logout Service URL",
        "login_url": "Sign-on URL",
    },
    where={
        "audience": "The entity ID (audience) of this service provider",
        "recipient": "The Assertion Consumer Service URL of this service provider",
        "destination": "The Assertion Consumer Service URL of this service provider",
        "assertion_not_signed": "The option to sign assertions",
        "response_not_signed": "The option to sign responses",
        "assertion_signature": "The signing certificate: load the metadata again",
        "response_signature": "The signing certificate: load the metadata again",
        "attribute_missing": "The attributes released to this service provider",
        "name_id_missing": "The NameID format of this service provider",
        "status": "The provider's own log; who may use this service provider",
    },
)
