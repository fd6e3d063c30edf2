"""Keycloak: signs documents, not assertions, as it comes; repeats one attribute name for each role."""

from saml.presets.preset import Preset

_CLIENT = "Clients › this client"

PRESET = Preset(
    name="keycloak",
    label="Keycloak",
    signed="either",
    slo_binding="post",
    words={
        "entity_id": "Client ID",
        "acs_url": "Assertion Consumer Service POST Binding URL",
        "sls_url": "Logout Service POST Binding URL",
        "login_url": "Home URL",
    },
    mapping={"roles": ("Role",)},
    where={
        "destination": f"{_CLIENT} › Advanced › Assertion Consumer Service POST Binding URL",
        "assertion_signature": "Realm settings › Keys › the active key with use SIG: load the metadata again",
        "response_signature": "Realm settings › Keys › the active key with use SIG: load the metadata again",
        "weak_algorithm": f"{_CLIENT} › Settings › Signature algorithm: RSA_SHA256",
        "decryption": f"{_CLIENT} › Keys › Encryption keys config",
        "name_id_missing": f"{_CLIENT} › Settings › Name ID format",
        "audience": "Clients › the client ID must be this connection's entity ID",
        "recipient": f"{_CLIENT} › Advanced › Assertion Consumer Service POST Binding URL",
        "assertion_not_signed": f"{_CLIENT} › Keys or Settings › Sign assertions",
        "response_not_signed": f"{_CLIENT} › Settings › Sign documents",
        "attribute_missing": f"{_CLIENT} › Client scopes › dedicated scope › mappers",
        "status": "Events › User events",
        "status_request": f"{_CLIENT} › Keys › Client signature required is on: sign our requests or switch it off",
    },
    known_by=("/realms/",),
)
