"""The connection that the pure SAML tests face, and the shortest way to ask the verifier about a document."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.idp_keys import key_pair
from demo.idp_messages import Answer, TestIdp, form_value, respond
from saml import certificates
from saml.refusals import Refused
from saml.snapshot import ConnectionSnapshot, DecryptionKey, PendingRequest, TrustedKey
from saml.verify import Trace, VerifiedAssertion, verify
from saml.xml import read_response

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
ENTITY_ID = "https://rollcall.example/saml2/0190/metadata"
ACS = "https://rollcall.example/saml2/0190/acs"
SLS = "https://rollcall.example/saml2/0190/sls"
REQUEST_ID = "_request-1"
IDP = TestIdp()
OURS = key_pair("sp")


def trusted(keys: Any = None, use: Any = "signing") -> TrustedKey:
    return certificates.trusted_key((keys or IDP.keys).certificate, use)


def ours(name: str = "sp") -> DecryptionKey:
    keys = key_pair(name)
    return DecryptionKey(fingerprint=certificates.fingerprint(keys.certificate), key=keys.private)


CONNECTION = ConnectionSnapshot(
    entity_id=ENTITY_ID,
    acs_url=ACS,
    sls_url=SLS,
    idp_entity_id=IDP.entity_id,
    sso_url=IDP.sso_url,
    idp_keys=(trusted(),),
    decryption_keys=(ours(),),
)
REQUEST = PendingRequest(
    REQUEST_ID, NOW - timedelta(seconds=20), NOW + timedelta(minutes=10), same_browser=True
)
GOOD = Answer(ACS, ENTITY_ID, REQUEST_ID, attributes={"email": "jane@acme.example"}, now=NOW)


def good(**knobs: Any) -> Answer:
    return replace(GOOD, **knobs)


def decide(
    document: bytes, now: datetime = NOW, request: PendingRequest | None = REQUEST, **policy: Any
) -> VerifiedAssertion:
    connection = replace(CONNECTION, **policy)
    response = read_response(form_value(document))
    known = request if response.root.get("InResponseTo") == getattr(request, "request_id", None) else None
    return verify(response, connection, known, now, Trace())


def verdict(document: bytes, **how: Any) -> str:
    """Return "accepted", or the code of the refusal."""
    try:
        decide(document, **how)
    except Refused as refused:
        return refused.code
    return "accepted"


def answered(idp: TestIdp = IDP, **knobs: Any) -> bytes:
    return respond(idp, good(**knobs))
