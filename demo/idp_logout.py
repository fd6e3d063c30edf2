"""Logout messages and metadata of a test identity provider."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from xml.sax.saxutils import escape

from lxml import etree

from demo.idp_keys import KeyPair
from demo.idp_messages import EMAIL, SAML, SAMLP, TestIdp, sign

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"


def logout_request(
    idp: TestIdp,
    sls_url: str,
    *,
    name_id: str = "jane@acme.example",
    session_index: str | None = None,
    request_id: str | None = None,
    sign: bool = False,
    issued_seconds: float = 0,
    valid_seconds: float | None = None,
) -> bytes:
    """Return a LogoutRequest, with an enveloped signature if `sign`."""
    now = datetime.now(UTC)
    end = "" if valid_seconds is None else f' NotOnOrAfter="{_at(now, valid_seconds)}"'
    index = (
        "" if session_index is None else f"<samlp:SessionIndex>{escape(session_index)}</samlp:SessionIndex>"
    )
    document = (
        f'<samlp:LogoutRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{request_id or "_" + uuid4().hex}" '
        f'Version="2.0" IssueInstant="{_at(now, issued_seconds)}" Destination="{escape(sls_url)}"{end}>'
        f"<saml:Issuer>{escape(idp.entity_id)}</saml:Issuer>"
        f'<saml:NameID Format="{EMAIL}">{escape(name_id)}</saml:NameID>{index}</samlp:LogoutRequest>'
    ).encode()
    return _signed(document, idp) if sign else document


def logout_response(
    idp: TestIdp,
    sls_url: str,
    in_response_to: str,
    *,
    sign: bool = False,
    status: tuple[str, ...] = ("Success",),
) -> bytes:
    """Return a LogoutResponse; `status` is its code, and the one within that."""
    codes = ""
    for name in reversed(status):
        codes = (
            f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{name}">{codes}</samlp:StatusCode>'
        )
    document = (
        f'<samlp:LogoutResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_{uuid4().hex}" Version="2.0" '
        f'IssueInstant="{_at(datetime.now(UTC), 0)}" Destination="{escape(sls_url)}" '
        f'InResponseTo="{escape(in_response_to)}"><saml:Issuer>{escape(idp.entity_id)}</saml:Issuer>'
        f"<samlp:Status>{codes}</samlp:Status>"
        f"</samlp:LogoutResponse>"
    ).encode()
    return _signed(document, idp) if sign else document


def idp_metadata(
    idp: TestIdp,
    *,
    more_signing: tuple[KeyPair, ...] = (),
    encryption: tuple[KeyPair, ...] = (),
    binding: str = "HTTP-Redirect",
    valid_until: str = "",
    slo: bool = True,
    role: str = "IDPSSODescriptor",
) -> bytes:
    """Return the identity provider's metadata."""
    descriptors = [("signing", keys) for keys in (idp.keys, *more_signing)]
    descriptors += [("encryption", keys) for keys in encryption]
    described = "".join(
        f'<md:KeyDescriptor use="{use}"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
        f"<ds:X509Certificate>\n{keys.certificate_base64}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        f"</md:KeyDescriptor>"
        for use, keys in descriptors
    )
    out = f'<md:SingleLogoutService Binding="{BINDINGS}SOAP" Location="{idp.slo_url}/soap"/>' if slo else ""
    out += f'<md:SingleLogoutService Binding="{BINDINGS}{binding}" Location="{idp.slo_url}"/>' if slo else ""
    until = f' validUntil="{valid_until}"' if valid_until else ""
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" entityID="{escape(idp.entity_id)}"{until}>'
        f'<md:{role} protocolSupportEnumeration="{SAMLP}">{described}{out}'
        f'<md:SingleSignOnService Binding="{BINDINGS}{binding}" Location="{escape(idp.sso_url)}"/>'
        f"</md:{role}></md:EntityDescriptor>"
    ).encode()


def _signed(document: bytes, idp: TestIdp) -> bytes:
    root = etree.fromstring(document)
    sign(root, idp.keys)
    return bytes(etree.tostring(root))


def _at(moment: datetime, seconds: float) -> str:
    return (moment + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
