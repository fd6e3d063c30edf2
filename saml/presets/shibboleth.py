"""Shibboleth: signs the response, names attributes by urn:oid, encrypts as soon as metadata offers a key."""

from saml.presets.preset import Preset

PRESET = Preset(
    name="shibboleth",
    label="Shibboleth",
    signed="either",
    words={
        "entity_id": "entityID",
        "acs_url": "AssertionConsumerService Location",
        "sls_url": "SingleLogoutService Location",
    },
    mapping={
        "email": ("urn:oid:0.9.2342.19200300.100.1.3",),
        "user_name": ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "urn:oid:0.9.2342.19200300.100.1.1"),
        "first_name": ("urn:oid:2.5.4.42",),
        "last_name": ("urn:oid:2.5.4.4",),
        "full_name": ("urn:oid:2.16.840.1.113730.3.1.241",),
    },
    where={
        "recipient": "conf/metadata-providers.xml: load this connection's metadata again",
        "destination": "conf/metadata-providers.xml: load this connection's metadata again",
        "assertion_signature": "credentials/idp-signing.crt: load the metadata again",
        "response_signature": "credentials/idp-signing.crt: load the metadata again",
        "status": "logs/idp-process.log",
        "decryption": "conf/metadata-providers.xml: load this connection's metadata again, with its present certificate",
        "name_id_missing": "conf/saml-nameid.properties and conf/saml-nameid.xml",
        "attribute_missing": "conf/attribute-filter.xml: release the attributes to this connection's entity ID",
        "assertion_not_signed": "conf/relying-party.xml: p:signAssertions on SAML2.SSO",
        "response_not_signed": "conf/relying-party.xml: p:signResponses on SAML2.SSO",
        "audience": "conf/metadata-providers.xml: load this connection's metadata again",
    },
    traps=(
        "NameIDs are transient as it comes: configure a persistent one, or a stable attribute in the mapping.",
    ),
    known_by=("/idp/shibboleth",),
)
