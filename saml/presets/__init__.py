"""What each identity provider calls our values, what it signs, and where an administrator clicks: one file each."""

from importlib import import_module

from saml.presets.preset import Preset

NAMES = (
    "adfs",
    "authentik",
    "entra",
    "generic",
    "google",
    "jumpcloud",
    "keycloak",
    "lemonldap",
    "okta",
    "onelogin",
    "pingfederate",
    "shibboleth",
    "simplesamlphp",
)
ALIASES = {
    "azure": "entra",
    "azuread": "entra",
    "entra_id": "entra",
    "microsoft": "entra",
    "google_workspace": "google",
}

PRESETS: dict[str, Preset] = {name: import_module(f"saml.presets.{name}").PRESET for name in NAMES}


def preset(name: str) -> Preset:
    """Return the preset of this name; KeyError for a name that is none."""
    return PRESETS[ALIASES.get(name, name)]
