"""authentik: claim URIs of its own and of Microsoft, NameIDs that are a hash, AES-CBC, unsigned logout as it comes; from its source."""

from saml.names import NAMEID_PERSISTENT
from saml.presets.preset import Preset

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_PROVIDER = "Applications › Providers › this connection"
_ADVANCED = f"{_PROVIDER} › Advanced protocol settings"
_SIGNING = f"{_ADVANCED} › Signing Certificate"

PRESET = Preset(
    name="authentik",
    label="authentik",
    signed="either",
    allow_cbc=True,
    name_id_format=NAMEID_PERSISTENT,
    words={"entity_id": "Audience", "acs_url": "ACS URL", "sls_url": "SLS URL"},
    mapping={
        "user_name": ("http://schemas.goauthentik.io/2021/02/saml/username", _CLAIMS + "upn"),
        # Elsewhere this claim is who signs in; here it is what they are called.
        "full_name": (_CLAIMS + "name",),
    },
    where={
        "audience": f"{_PROVIDER} › Audience",
        "recipient": f"{_PROVIDER} › ACS URL",
        "destination": f"{_PROVIDER} › ACS URL",
        "issuer_mismatch": f"{_PROVIDER} › Issuer: load the metadata again",
        "decryption": f"{_ADVANCED} › Encryption Certificate: this connection's present certificate",
        "no_decryption_key": f"{_ADVANCED} › Encryption Certificate: none, or allow encryption here",
        "not_encrypted": f"{_ADVANCED} › Encryption Certificate",
        "assertion_not_signed": f"{_SIGNING} › Sign assertions",
        "response_not_signed": f"{_SIGNING} › Sign responses",
        "assertion_signature": f"{_SIGNING}: load the metadata again",
        "response_signature": f"{_SIGNING}: load the metadata again; with an Encryption Certificate, Sign assertions alone",
        "reference": f"{_SIGNING} › Sign assertions or Sign responses: before 2025, not both",
        "weak_algorithm": f"{_ADVANCED} › Signature algorithm and Digest algorithm: SHA256",
        "name_id_missing": f"{_ADVANCED} › NameID Property Mapping; the person's e-mail address",
        "attribute_missing": f"{_ADVANCED} › Property mappings",
        "status": f"{_PROVIDER} › Preview, and Events › Logs",
        "logout_not_signed": f"{_SIGNING} › Sign logout requests and Sign logout responses",
        "unsolicited": "Applications › Applications › this one › Launch URL: this connection's sign-in address",
    },
    traps=(
        "Logout messages are unsigned as it comes and are refused here: switch on that they are signed.",
        "With an Encryption Certificate, sign assertions alone: the response is signed before it is encrypted, which nobody can verify.",
    ),
    known_by=("/application/saml/",),
)
