"""PingFederate: signs the response as it comes."""

from saml.presets.preset import Preset

_CONNECTION = "Applications › SP Connections › this connection"

PRESET = Preset(
    name="pingfederate",
    label="PingFederate",
    signed="either",
    slo_binding="post",
    words={
        "entity_id": "Partner's Entity ID (Connection ID)",
        "acs_url": "Assertion Consumer Service URL",
        "sls_url": "SLO Service URL",
    },
    where={
        "destination": f"{_CONNECTION} › Browser SSO › Protocol Settings › Assertion Consumer Service URL",
        "assertion_signature": f"{_CONNECTION} › Credentials › Digital Signature Settings",
        "response_signature": f"{_CONNECTION} › Credentials › Digital Signature Settings",
        "status": "System › server.log and audit.log of PingFederate",
        "weak_algorithm": f"{_CONNECTION} › Credentials › Digital Signature Settings › Signing Algorithm: RSA SHA256",
        "name_id_missing": f"{_CONNECTION} › Browser SSO › Assertion Creation › Attribute Contract › SAML_SUBJECT",
        "audience": f"{_CONNECTION} › General Info › Partner's Entity ID",
        "recipient": f"{_CONNECTION} › Browser SSO › Protocol Settings › Assertion Consumer Service URL",
        "assertion_not_signed": f"{_CONNECTION} › Browser SSO › Protocol Settings › Signature Policy",
        "response_not_signed": f"{_CONNECTION} › Browser SSO › Protocol Settings › Signature Policy",
        "attribute_missing": f"{_CONNECTION} › Browser SSO › Assertion Creation › Attribute Contract",
        "issuer_mismatch": f"{_CONNECTION} › General Info › Virtual Server IDs: each has an issuer of its own",
    },
    traps=("Choose the POST binding: Artifact is not spoken here.",),
)
