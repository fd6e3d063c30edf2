"""Build the messages that we send: AuthnRequests and logout messages, by redirect or by a form (pysaml2's elements)."""

import base64
import secrets
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from lxml import etree
from saml2 import saml, samlp

from saml import names, times
from saml.keys import SigningKey, sign_element, sign_query
from saml.snapshot import ConnectionSnapshot
from saml.statements import NameID

STATUS_PREFIX = "urn:oasis:names:tc:SAML:2.0:status:"


@dataclass(frozen=True, slots=True)
class RequestWishes:
    """What an AuthnRequest asks beyond the plain sign-in; nothing unless the connection says so."""

    force_authn: bool = False
    name_id_format: str = ""
    authn_contexts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way: `fields` go as a form to `url`, or `url` already holds everything."""

    url: str
    fields: dict[str, str] | None = None


def new_id() -> str:
    """Return a fresh message id; it begins with an underscore, since Entra refuses ids that begin with a digit."""
    return "_" + secrets.token_hex(20)


def authn_request(connection: ConnectionSnapshot, request_id: str, wishes: RequestWishes) -> bytes:
    """Return the XML of an AuthnRequest (SAML core 3.4.1), without signature."""
    request = samlp.AuthnRequest(
        id=request_id,
        version="2.0",
        issue_instant=times.written(datetime.now(UTC)),
        destination=connection.sso_url,
        assertion_consumer_service_url=connection.acs_url,
        protocol_binding=names.BINDING_POST,
        issuer=saml.Issuer(text=connection.entity_id),
    )
    if wishes.force_authn:
        request.force_authn = "true"
    if wishes.name_id_format:
        request.name_id_policy = samlp.NameIDPolicy(format=wishes.name_id_format, allow_create="true")
    if wishes.authn_contexts:
        request.requested_authn_context = samlp.RequestedAuthnContext(
            authn_context_class_ref=[saml.AuthnContextClassRef(text=text) for text in wishes.authn_contexts],
            comparison="exact",
        )
    return bytes(request.to_string())


def logout_request(
    connection: ConnectionSnapshot, request_id: str, name_id: NameID, session_indexes: list[str]
) -> bytes:
    """Return the XML of a LogoutRequest (core 3.7.1); the NameID goes back exactly as it came."""
    now = datetime.now(UTC)
    request = samlp.LogoutRequest(
        id=request_id,
        version="2.0",
        issue_instant=times.written(now),
        destination=connection.slo_url,
        issuer=saml.Issuer(text=connection.entity_id),
        name_id=saml.NameID(
            text=name_id.value,
            format=name_id.format,
            name_qualifier=name_id.name_qualifier,
            sp_name_qualifier=name_id.sp_name_qualifier,
        ),
        session_index=[samlp.SessionIndex(text=index) for index in session_indexes],
    )
    return bytes(request.to_string())


def logout_response(
    connection: ConnectionSnapshot, in_response_to: str, status: str, detail: str = ""
) -> bytes:
    """Return the XML of a LogoutResponse (core 3.7.2): `status` Success, or the second-level code of a refusal."""
    code = samlp.StatusCode(value=STATUS_PREFIX + "Success")
    if status != "Success":
        code = samlp.StatusCode(
            value=STATUS_PREFIX + "Requester", status_code=samlp.StatusCode(value=STATUS_PREFIX + status)
        )
    response = samlp.LogoutResponse(
        id=new_id(),
        version="2.0",
        issue_instant=times.written(datetime.now(UTC)),
        destination=connection.slo_response_url or connection.slo_url,
        in_response_to=in_response_to,
        issuer=saml.Issuer(text=connection.entity_id),
        status=samlp.Status(
            status_code=code, status_message=samlp.StatusMessage(text=detail) if detail else None
        ),
    )
    return bytes(response.to_string())


def send(
    document: bytes,
    url: str,
    binding: str,
    *,
    field: str,
    relay_state: str = "",
    key: SigningKey | None = None,
) -> Message:
    """Pack `document` for the redirect or post binding, signed if `key` is given; `field` is SAMLRequest or SAMLResponse."""
    if binding == "post":
        fields = {field: base64.b64encode(_signed(document, key)).decode()}
        if relay_state:
            fields["RelayState"] = relay_state
        return Message(url, fields)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = base64.b64encode(packer.compress(document) + packer.flush()).decode()
    query = f"{field}={quote(packed, safe='')}"
    if relay_state:
        query += f"&RelayState={quote(relay_state, safe='')}"
    if key is not None:
        query = sign_query(query, key)
    return Message(f"{url}{'&' if '?' in url else '?'}{query}")


def _signed(document: bytes, key: SigningKey | None) -> bytes:
    if key is None:
        return document
    root = etree.fromstring(document)
    # The schema wants the Signature right after the Issuer.
    sign_element(root, key, at=1)
    return bytes(etree.tostring(root))
