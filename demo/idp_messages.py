"""Build and really sign what an identity provider sends: the development IdP and the tests share it.

Every knob stands for something that one product or another does, or that an attacker would like to do.
"""

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4
from xml.sax.saxutils import escape, quoteattr

import xmlsec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from lxml import etree

from demo.idp_keys import KeyPair, encrypt, key_pair

SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
PSS = "http://www.w3.org/2007/05/xmldsig-more#"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105 - a class of context
_XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

Edit = Callable[[Any], None]


@dataclass(frozen=True)
class TestIdp:
    """An identity provider: its name, its signing key and its addresses."""

    __test__ = False

    entity_id: str = "https://idp.example.com/metadata"
    keys: KeyPair = field(default_factory=key_pair)
    sso_url: str = "https://idp.example.com/sso"
    slo_url: str = "https://idp.example.com/slo"


@dataclass(frozen=True)
class Answer:
    """One response. `sign` says what is signed; times are seconds from `now`; None leaves a thing out."""

    acs_url: str
    audience: str | Sequence[Sequence[str]] | None
    request_id: str | None = None
    name_id: str | None = "jane@acme.example"
    name_id_format: str = EMAIL
    attributes: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    sign: tuple[str, ...] = ("assertion",)
    method: str = "RSA_SHA256"
    digest: str = "SHA256"
    key_info: str = "x509"
    signature_last: bool = False
    prefixes: tuple[str, str] = ("samlp", "saml")
    now: datetime | None = None
    valid_seconds: float = 300
    early_seconds: float = 60
    bearer_seconds: float | None = 300
    bearer_method: str = BEARER
    bearer_extra: str = ""
    bearer_request_id: str | None = "same"
    recipient: str | None = "acs"
    destination: str | None = "acs"
    issuer: str | None = None
    response_issuer: str | None = "same"
    status: str = SUCCESS
    session_index: str | None = "_session-1"
    session_seconds: float | None = None
    authn_seconds: float = 0
    context_class: str = PASSWORD
    encrypt_for: str | None = None
    cipher: str = "aes256-gcm"
    transport: str = "oaep"
    encrypt_name_id: bool = False
    before_sign: Edit | None = None
    after_assertion_sign: Edit | None = None
    assertion_id: str | None = None


def respond(idp: TestIdp, answer: Answer) -> bytes:
    """Return the XML of a signed Response, as bytes."""
    root = etree.fromstring(_response_xml(idp, answer))
    assertion = root.find(f"{{{SAML}}}Assertion")
    if answer.before_sign:
        answer.before_sign(root)
    if "assertion" in answer.sign:
        sign(assertion, idp.keys, answer)
    if answer.after_assertion_sign:
        answer.after_assertion_sign(root)
    if answer.encrypt_for:
        _encrypt_assertion(root, assertion, answer)
    if "response" in answer.sign:
        sign(root, idp.keys, answer)
    return etree.tostring(root)


def form_value(document: bytes) -> str:
    """Return the value of the SAMLResponse field of an HTTP-POST form."""
    return base64.b64encode(document).decode()


def sign(element: Any, keys: KeyPair, answer: Answer | None = None) -> None:
    """Sign `element` (which carries an ID) by an enveloped signature."""
    knobs = answer or Answer("", None)
    pss = knobs.method.startswith(PSS)
    signature = xmlsec.template.create(
        element,
        xmlsec.constants.TransformExclC14N,
        _transform("RSA_SHA256" if pss else knobs.method),
        ns="ds",
    )
    if pss:
        # xmlsec computes it, and its binding has no word for it.
        signature.find(f".//{{{DS}}}SignatureMethod").set("Algorithm", knobs.method)
    if knobs.signature_last:
        element.append(signature)
    else:
        element.insert(1 if element.find(f"{{{SAML}}}Issuer") is not None else 0, signature)
    digest = _transform(knobs.digest)
    reference = xmlsec.template.add_reference(signature, digest, uri="#" + element.get("ID"))
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    if knobs.key_info != "none":
        info = xmlsec.template.ensure_key_info(signature)
        if knobs.key_info == "name":
            xmlsec.template.add_key_name(info, "signing-key-1")
        else:
            xmlsec.template.x509_data_add_certificate(xmlsec.template.add_x509_data(info))
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    key = xmlsec.Key.from_memory(keys.private_pem, xmlsec.constants.KeyDataFormatPem)
    if knobs.key_info == "x509":
        key.load_cert_from_memory(keys.certificate_pem.encode(), xmlsec.constants.KeyDataFormatPem)
    context.key = key
    context.sign(signature)


def _transform(name: str) -> Any:
    return getattr(xmlsec.Transform, name)  # type: ignore[attr-defined]


def _at(moment: datetime, seconds: float) -> str:
    return (moment + timedelta(seconds=seconds)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _attribute(name: str, value: object) -> str:
    return "" if value is None else f" {name}={quoteattr(str(value))}"


def _response_xml(idp: TestIdp, answer: Answer) -> str:
    p, a = answer.prefixes
    now = answer.now or datetime.now(UTC)
    issuer = answer.issuer or idp.entity_id
    outer = issuer if answer.response_issuer == "same" else answer.response_issuer
    destination = answer.acs_url if answer.destination == "acs" else answer.destination
    outer_issuer = "" if outer is None else f"<{a}:Issuer>{escape(outer)}</{a}:Issuer>"
    return (
        f'<{p}:Response xmlns:{p}="{SAMLP}" xmlns:{a}="{SAML}" {_XS} ID="_{uuid4().hex}" Version="2.0" '
        f'IssueInstant="{_at(now, 0)}"{_attribute("Destination", destination)}'
        f"{_attribute('InResponseTo', answer.request_id)}>{outer_issuer}"
        f'<{p}:Status><{p}:StatusCode Value="{answer.status}"/></{p}:Status>'
        f'<{a}:Assertion ID="{answer.assertion_id or "_" + uuid4().hex}" Version="2.0" IssueInstant="{_at(now, 0)}">'
        f"<{a}:Issuer>{escape(issuer)}</{a}:Issuer>{_subject_xml(answer, a, now)}"
        f"{_conditions_xml(answer, a, now)}{_authn_xml(answer, a, now)}{_attributes_xml(answer, a)}"
        f"</{a}:Assertion></{p}:Response>"
    )


def _subject_xml(answer: Answer, a: str, now: datetime) -> str:
    name_id = ""
    if answer.name_id is not None:
        name_id = f'<{a}:NameID Format="{answer.name_id_format}">{escape(answer.name_id)}</{a}:NameID>'
        if answer.encrypt_name_id:
            standing_alone = name_id.replace(f"<{a}:NameID ", f'<{a}:NameID xmlns:{a}="{SAML}" ', 1)
            data = encrypt(standing_alone.encode(), answer.encrypt_for or "", answer.cipher)
            name_id = f"<{a}:EncryptedID>{data}</{a}:EncryptedID>"
    request_id = answer.request_id if answer.bearer_request_id == "same" else answer.bearer_request_id
    recipient = answer.acs_url if answer.recipient == "acs" else answer.recipient
    end = None if answer.bearer_seconds is None else _at(now, answer.bearer_seconds)
    return (
        f'<{a}:Subject>{name_id}<{a}:SubjectConfirmation Method="{answer.bearer_method}">'
        f"<{a}:SubjectConfirmationData{_attribute('NotOnOrAfter', end)}{_attribute('Recipient', recipient)}"
        f"{_attribute('InResponseTo', request_id)} {answer.bearer_extra}/></{a}:SubjectConfirmation></{a}:Subject>"
    )


def _conditions_xml(answer: Answer, a: str, now: datetime) -> str:
    groups = answer.audience or []
    groups = [[groups]] if isinstance(groups, str) else groups
    restrictions = "".join(
        f"<{a}:AudienceRestriction>"
        + "".join(f"<{a}:Audience>{escape(audience)}</{a}:Audience>" for audience in group)
        + f"</{a}:AudienceRestriction>"
        for group in groups
    )
    begin, end = _at(now, -answer.early_seconds), _at(now, answer.valid_seconds)
    return f'<{a}:Conditions NotBefore="{begin}" NotOnOrAfter="{end}">{restrictions}</{a}:Conditions>'


def _authn_xml(answer: Answer, a: str, now: datetime) -> str:
    end = None if answer.session_seconds is None else _at(now, answer.session_seconds)
    return (
        f'<{a}:AuthnStatement AuthnInstant="{_at(now, answer.authn_seconds)}"'
        f"{_attribute('SessionIndex', answer.session_index)}{_attribute('SessionNotOnOrAfter', end)}>"
        f"<{a}:AuthnContext><{a}:AuthnContextClassRef>{escape(answer.context_class)}</{a}:AuthnContextClassRef>"
        f"</{a}:AuthnContext></{a}:AuthnStatement>"
    )


def _attributes_xml(answer: Answer, a: str) -> str:
    if not answer.attributes:
        return ""
    parts = []
    for name, found in answer.attributes.items():
        values = [found] if isinstance(found, str) else found
        inner = "".join(
            f'<{a}:AttributeValue xsi:type="xs:string">{escape(value)}</{a}:AttributeValue>'
            for value in values
        )
        parts.append(f"<{a}:Attribute Name={quoteattr(name)}>{inner}</{a}:Attribute>")
    return f"<{a}:AttributeStatement>{''.join(parts)}</{a}:AttributeStatement>"


def _encrypt_assertion(root: Any, assertion: Any, answer: Answer) -> None:
    """Put an EncryptedAssertion in the assertion's place; prefixes declared around it stay there, as XML-Enc has it."""
    whole = etree.tostring(assertion)
    data = encrypt(whole, answer.encrypt_for or "", answer.cipher, answer.transport)
    holder = etree.fromstring(
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}">{data}</saml:EncryptedAssertion>'
    )
    root.replace(assertion, holder)


def redirect_query(
    idp: TestIdp, name: str, document: bytes, relay_state: str | None = None, **knobs: str
) -> str:
    """Return a signed query of the HTTP-Redirect binding (bindings 3.4.4.1); `name` is SAMLRequest or SAMLResponse."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = base64.b64encode(packer.compress(document) + packer.flush()).decode()
    parts = [f"{name}={quote(packed, safe='')}"]
    if relay_state is not None:
        parts.append(f"RelayState={quote(relay_state, safe='')}")
    more = "http://www.w3.org/2001/04/xmldsig-more#"
    private = idp.keys.private
    default = f"{more}{'ecdsa' if isinstance(private, ec.EllipticCurvePrivateKey) else 'rsa'}-sha256"
    parts.append(f"SigAlg={quote(knobs.get('algorithm', default), safe='')}")
    query = "&".join(parts)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        signature = private.sign(query.encode(), ec.ECDSA(hashes.SHA256()))
    elif knobs.get("algorithm", "").startswith(PSS):
        salted = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        signature = private.sign(query.encode(), salted, hashes.SHA256())
    else:
        signature = private.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{query}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"
