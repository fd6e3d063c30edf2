"""Google Workspace: signs either the response or the assertion, never both; knows no single logout."""

from saml.presets.preset import Preset

_APP = "Admin console › Apps › Web and mobile apps › this app"

PRESET = Preset(
    name="google",
    label="Google Workspace",
    signed="either",
    signs_out=False,
    words={
        "entity_id": "Entity ID",
        "acs_url": "ACS URL",
        "relay_state": "Start URL",
    },
    where={
        "assertion_signature": f"{_APP} › Service provider details › Manage certificates",
        "response_signature": f"{_APP} › Service provider details › Manage certificates",
        "name_id_missing": f"{_APP} › Service provider details › Name ID",
        "audience": f"{_APP} › Service provider details › Entity ID",
        "recipient": f"{_APP} › Service provider details › ACS URL",
        "destination": f"{_APP} › Service provider details › ACS URL",
        "assertion_not_signed": f"{_APP} › Service provider details › untick Signed response",
        "response_not_signed": f"{_APP} › Service provider details › tick Signed response",
        "attribute_missing": f"{_APP} › SAML attribute mapping",
        "status": f"{_APP} › User access",
        "status_request": f"{_APP} › Service provider details",
    },
    traps=(
        "With Signed response ticked the assertion is not signed: let this connection want either.",
        "Google's metadata names an end; sign-in goes on after it as long as the certificate is the same.",
    ),
    known_by=("accounts.google.com/o/saml2",),
)
