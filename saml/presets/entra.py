"""Microsoft Entra ID: signs the assertion as it comes, names attributes by claim URIs, logs out by redirect alone."""

from saml.presets.preset import Preset

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_SSO = "Enterprise applications › this application › Single sign-on"

PRESET = Preset(
    name="entra",
    label="Microsoft Entra ID",
    signed="assertion",
    allow_cbc=True,
    words={
        "entity_id": "Identifier (Entity ID)",
        "acs_url": "Reply URL (Assertion Consumer Service URL)",
        "sls_url": "Logout URL",
        "login_url": "Sign on URL",
        "relay_state": "Relay State",
    },
    mapping={
        "email": (_CLAIMS + "emailaddress",),
        "user_name": (_CLAIMS + "name", _CLAIMS + "upn"),
        "first_name": (_CLAIMS + "givenname",),
        "last_name": (_CLAIMS + "surname",),
        "full_name": ("http://schemas.microsoft.com/identity/claims/displayname",),
        "groups": ("http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",),
        "roles": ("http://schemas.microsoft.com/ws/2008/06/identity/claims/role",),
    },
    where={
        "response_signature": f"{_SSO} › SAML Certificates › App Federation Metadata Url",
        "decryption": "Enterprise applications › this application › Token encryption",
        "name_id_missing": f"{_SSO} › Attributes & Claims › Unique User Identifier (Name ID)",
        "issuer_mismatch": f"{_SSO} › Set up › Microsoft Entra Identifier",
        "audience": f"{_SSO} › Basic SAML Configuration › Identifier (Entity ID)",
        "recipient": f"{_SSO} › Basic SAML Configuration › Reply URL",
        "destination": f"{_SSO} › Basic SAML Configuration › Reply URL",
        "assertion_not_signed": f"{_SSO} › SAML Certificates › Token signing certificate › Signing Option",
        "response_not_signed": f"{_SSO} › SAML Certificates › Token signing certificate › Signing Option",
        "weak_algorithm": f"{_SSO} › SAML Certificates › Token signing certificate › Signing Algorithm: SHA-256",
        "attribute_missing": f"{_SSO} › Attributes & Claims",
        "assertion_signature": f"{_SSO} › SAML Certificates › App Federation Metadata Url",
        "authn_context": "Ask for no authentication context: people with a second factor do not match Password.",
        "status": "Enterprise applications › this application › Users and groups",
        "status_request": f"{_SSO} › Basic SAML Configuration",
    },
    traps=(
        "All applications of one tenant share the issuer; use the metadata address of this application (with appid=).",
        "A person in more than 150 groups is sent without groups.",
    ),
    known_by=("https://sts.windows.net/",),
)
