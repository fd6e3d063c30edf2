"""AD FS: signs the assertion as it comes, encrypts as soon as metadata offers a key, sends no NameID without a rule."""

from saml.presets.preset import Preset

_TRUST = "AD FS Management › Relying Party Trusts › this trust"
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

PRESET = Preset(
    name="adfs",
    label="AD FS",
    signed="assertion",
    allow_cbc=True,
    words={
        "entity_id": "Relying party trust identifier",
        "acs_url": "Relying party SAML 2.0 SSO service URL",
        "sls_url": "SAML logout endpoint",
    },
    mapping={
        "email": (_CLAIMS + "emailaddress",),
        "user_name": (_CLAIMS + "upn", _CLAIMS + "name"),
        "first_name": (_CLAIMS + "givenname",),
        "last_name": (_CLAIMS + "surname",),
        "groups": ("http://schemas.xmlsoap.org/claims/Group",),
    },
    where={
        "assertion_not_signed": "Set-AdfsRelyingPartyTrust -SamlResponseSignature AssertionOnly",
        "assertion_signature": "AD FS Management › Service › Certificates › Token-signing: load the metadata again",
        "response_signature": "AD FS Management › Service › Certificates › Token-signing: load the metadata again",
        "status": f"{_TRUST} › Edit Access Control Policy; Event Viewer › AD FS › Admin",
        "expired": "Set-AdfsRelyingPartyTrust -NotBeforeSkew; check the clock of the server",
        "audience": f"{_TRUST} › Properties › Identifiers",
        "recipient": f"{_TRUST} › Properties › Endpoints",
        "destination": f"{_TRUST} › Properties › Endpoints",
        "name_id_missing": f"{_TRUST} › Edit Claim Issuance Policy › a rule that makes a Name ID",
        "attribute_missing": f"{_TRUST} › Edit Claim Issuance Policy",
        "weak_algorithm": f"{_TRUST} › Properties › Advanced › Secure hash algorithm: SHA-256",
        "response_not_signed": "Set-AdfsRelyingPartyTrust -SamlResponseSignature MessageAndAssertion",
        "decryption": f"{_TRUST} › Properties › Encryption",
    },
    traps=(
        "Certificates roll over by themselves: load the metadata by its address, so that both are known.",
    ),
    known_by=("/adfs/services/trust",),
)
