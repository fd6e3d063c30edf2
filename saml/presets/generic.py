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
)
