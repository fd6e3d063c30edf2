"""What the development identity provider answers: requests in, replies out, no sockets."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape, quoteattr

from demo import address
from demo.cast import customer
from demo.identity_provider import pages, service
from demo.identity_provider.realm import SLUG, Realm
from demo.identity_provider.service import NotAccepted
from demo.idp_keys import KeyPair
from demo.idp_messages import SAML, SAMLP, SUCCESS, Answer, form_value, redirect_query, respond

_SINGLE = ("email", "givenName", "surname", "displayName")
Fields = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `form_action` is the one origin that the page's forms may post to besides ourselves."""

    body: str = ""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    location: str = ""
    form_action: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """All headers but the length."""
        policy = (
            "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {self.form_action}".rstrip()
        )
        common = {
            "Content-Type": self.content_type,
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        return common | ({"Location": self.location} if self.location else {})


@dataclass(frozen=True, slots=True)
class Application:
    """The identity provider of every realm. `server` is the one Rollcall that it serves; `data` holds the demonstration's addresses."""

    base: str
    server: str
    keys: KeyPair
    data: Path
    _routes: Mapping[tuple[str, str], Callable[..., Reply]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        routes = {
            ("GET", ""): self._home,
            ("GET", "metadata"): self._metadata,
            ("GET", "sso"): self._sso,
            ("POST", "sso"): self._sso,
            ("GET", "start"): self._start,
            ("POST", "answer"): self._answer,
            ("GET", "slo"): self._slo,
            ("POST", "slo"): self._slo,
            ("POST", "logout"): self._logout,
        }
        object.__setattr__(self, "_routes", routes)

    def reply(self, method: str, path: str, query: str, fields: Fields) -> Reply:
        """Answer one request; `fields` are those of the query or of the posted form."""
        if method == "GET" and path in _FILES:
            content_type, body = _FILES[path]
            return Reply(body, content_type=content_type)
        if method == "GET" and path == "/":
            return Reply(pages.front())
        slug, _, rest = path.removeprefix("/").partition("/")
        route = self._routes.get((method, rest))
        if route is None or not SLUG.fullmatch(slug):
            return Reply(pages.message("Not found", "There is nothing here."), status=404)
        try:
            return route(Realm(self.base, slug, self.keys), query, fields)
        except NotAccepted as refusal:
            return Reply(pages.message("Not accepted", str(refusal)), status=400)

    def _home(self, realm: Realm, _query: str, _fields: Fields) -> Reply:
        return Reply(pages.home(realm, customer(realm.slug), self._known_service(realm)))

    def _metadata(self, realm: Realm, _query: str, _fields: Fields) -> Reply:
        return Reply(realm.metadata, content_type="application/samlmetadata+xml; charset=utf-8")

    def _sso(self, realm: Realm, query: str, fields: Fields) -> Reply:
        """Read an AuthnRequest and ask who it is."""
        message = service.read(_first(fields), query if "SAMLRequest" in query else "")
        if message.root.tag != f"{{{SAMLP}}}AuthnRequest":
            raise NotAccepted("This is no AuthnRequest.")
        sender = service.fetch(message.issuer, self.server)
        if service.is_signed(message):
            service.check_signature(message, sender)
        wanted = message.root.get("AssertionConsumerServiceURL") or sender.acs_urls[0]
        if wanted not in sender.acs_urls:
            raise NotAccepted(f"{wanted} is not an address that {sender.entity_id} publishes.")
        hidden = {"service": sender.entity_id, "acs_url": wanted, "request_id": message.id}
        hidden["relay_state"] = message.relay_state
        return Reply(pages.choose(realm, customer(realm.slug), hidden))

    def _start(self, realm: Realm, _query: str, fields: Fields) -> Reply:
        """Begin at the identity provider: nobody asked, so the response will answer no request."""
        given = _first(fields)
        sender = service.fetch(given.get("service", ""), self.server)
        hidden = {"service": sender.entity_id, "acs_url": sender.acs_urls[0], "request_id": ""}
        hidden["relay_state"] = given.get("RelayState", "")
        return Reply(pages.choose(realm, customer(realm.slug), hidden))

    def _answer(self, realm: Realm, _query: str, fields: Fields) -> Reply:
        """Sign a response for the person of the form and hand it to the browser to post."""
        given = _first(fields)
        sender = service.fetch(given.get("service", ""), self.server)
        acs_url = given.get("acs_url") or sender.acs_urls[0]
        if acs_url not in sender.acs_urls:
            raise NotAccepted(f"{acs_url} is not an address that {sender.entity_id} publishes.")
        if not given.get("name_id"):
            raise NotAccepted("A person needs a NameID.")
        if given.get("encrypt") and not sender.encryption:
            raise NotAccepted(f"{sender.entity_id} publishes no certificate to encrypt for.")
        signed = given.get("sign", "assertion")
        answer = Answer(
            acs_url=acs_url,
            audience=sender.entity_id,
            request_id=given.get("request_id") or None,
            name_id=given["name_id"],
            name_id_format=pages.FORMATS.get(given.get("name_id_format", ""), pages.FORMATS["emailAddress"]),
            attributes=_attributes(fields),
            sign=("assertion", "response") if signed == "both" else (signed,),
            session_index=f"_{uuid4().hex}",
        )
        if given.get("encrypt"):
            answer = replace(answer, encrypt_for=sender.encryption)
        if not {"assertion", "response"} & set(answer.sign):
            raise NotAccepted("Something must be signed.")
        document = respond(realm.idp, answer)
        return Reply(
            pages.post_back(acs_url, form_value(document), given.get("relay_state", "")),
            form_action=service.origin(acs_url),
        )

    def _slo(self, realm: Realm, query: str, fields: Fields) -> Reply:
        """Answer a signed LogoutRequest by a signed LogoutResponse; show what came of a request of our own."""
        is_redirect = "SAMLRequest" in query or "SAMLResponse" in query
        message = service.read(_first(fields), query if is_redirect else "")
        sender = service.fetch(message.issuer, self.server)
        service.check_signature(message, sender)
        if message.root.tag == f"{{{SAMLP}}}LogoutResponse":
            status = message.root.find(f"{{{SAMLP}}}Status/{{{SAMLP}}}StatusCode")
            outcome = "done" if status is not None and status.get("Value") == SUCCESS else "refused"
            return Reply(pages.message("Signed out", f"{sender.entity_id} answered: {outcome}."))
        if message.root.tag != f"{{{SAMLP}}}LogoutRequest":
            raise NotAccepted("This is no logout message.")
        body = f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
        document = _logout_message(realm, "LogoutResponse", sender, body, message.id)
        return _redirect(realm, sender, "SAMLResponse", document, message.relay_state)

    def _logout(self, realm: Realm, _query: str, fields: Fields) -> Reply:
        """Ask the service to sign somebody out (single logout begun at the identity provider)."""
        given = _first(fields)
        sender = service.fetch(given.get("service", ""), self.server)
        index = given.get("session_index", "")
        body = (
            f'<saml:NameID Format="{pages.FORMATS["emailAddress"]}">{escape(given.get("name_id", ""))}</saml:NameID>'
            + (f"<samlp:SessionIndex>{escape(index)}</samlp:SessionIndex>" if index else "")
        )
        document = _logout_message(realm, "LogoutRequest", sender, body)
        return _redirect(realm, sender, "SAMLRequest", document, "")

    def _known_service(self, realm: Realm) -> str:
        path = self.data / address.FILE
        known = json.loads(path.read_text()) if path.exists() else {}
        return str(known.get("organizations", {}).get(realm.slug, {}).get("entity_id", ""))


_FILES = {
    "/style.css": ("text/css; charset=utf-8", pages.STYLE),
    "/submit.js": ("text/javascript; charset=utf-8", pages.SCRIPT),
}


def fields_of(query: str) -> Fields:
    """Return the fields of a query or form body; each name may come several times. Raises ValueError for too many."""
    fields: Fields = {}
    for name, value in parse_qsl(query, max_num_fields=100):
        fields.setdefault(name, []).append(value)
    return fields


def _first(fields: Fields) -> dict[str, str]:
    return {name: values[0] for name, values in fields.items()}


def _attributes(fields: Fields) -> dict[str, list[str]]:
    """Return the attributes to assert: lists may come as several fields, or as one with commas."""
    found = {name: fields[name][:1] for name in _SINGLE if name in fields}
    for name in pages.LISTS:
        values = [part.strip() for value in fields.get(name, []) for part in value.split(",") if part.strip()]
        if values:
            found[name] = values
    return found


def _logout_message(
    realm: Realm, name: str, receiver: service.Service, body: str, answers: str = ""
) -> bytes:
    if not receiver.sls_url:
        raise NotAccepted(f"{receiver.entity_id} publishes no logout address.")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    reply_to = f" InResponseTo={quoteattr(answers)}" if answers else ""
    return (
        f'<samlp:{name} xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_{uuid4().hex}" Version="2.0" IssueInstant="{now}" '
        f"Destination={quoteattr(receiver.sls_url)}{reply_to}>"
        f"<saml:Issuer>{escape(realm.idp.entity_id)}</saml:Issuer>{body}</samlp:{name}>"
    ).encode()


def _redirect(realm: Realm, receiver: service.Service, name: str, document: bytes, relay_state: str) -> Reply:
    query = redirect_query(realm.idp, name, document, relay_state or None)
    mark = "&" if "?" in receiver.sls_url else "?"
    return Reply(status=302, location=f"{receiver.sls_url}{mark}{query}")
