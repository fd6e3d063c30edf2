"""Reading what the service provider says: its metadata, and the requests that it sends through the browser."""

import base64
import zlib
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx2
import xmlsec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from saml import certificates, names, signatures
from saml.refusals import Refused
from saml.xml import Element, Tree, decode, parse

DOCUMENT_BYTES_MAX = 256 * 1024
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SIGNED_FIELDS = ("SAMLRequest", "SAMLResponse", "RelayState", "SigAlg")


class NotAccepted(Exception):
    """A request that this identity provider does not answer; the text says to the person at the browser why."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service provider by its own metadata: where to post responses, where to send logout, whose signature to believe."""

    entity_id: str
    acs_urls: tuple[str, ...]
    sls_url: str
    signing: tuple[x509.Certificate, ...]
    encryption: str


@dataclass(frozen=True, slots=True)
class Message:
    """A request that arrived: `query` is the raw query of the redirect binding, empty for POST."""

    tree: Tree
    relay_state: str
    query: str = ""

    @property
    def root(self) -> Element:
        """The AuthnRequest, LogoutRequest or LogoutResponse."""
        return self.tree.root

    @property
    def id(self) -> str:
        """The ID that an answer names in InResponseTo."""
        return str(self.root.get("ID", ""))

    @property
    def issuer(self) -> str:
        """The entity ID of whoever sent it."""
        return (self.root.findtext(f"{{{names.SAML}}}Issuer") or "").strip()


def read(fields: dict[str, str], query: str = "") -> Message:
    """Read SAMLRequest (or SAMLResponse) of either binding. Raises NotAccepted for anything else than a sound message."""
    packed = fields.get("SAMLRequest") or fields.get("SAMLResponse")
    if not packed:
        raise NotAccepted("There is no SAMLRequest: start at the service, or from this realm's own page.")
    try:
        document = _inflate(packed) if query else decode(packed)
        tree = parse(document)
    except (Refused, ValueError, zlib.error) as error:
        raise NotAccepted(f"The message cannot be read: {error}.") from error
    return Message(tree, fields.get("RelayState", ""), query)


def fetch(entity_id: str, server: str) -> Service:
    """Read the service provider's metadata from its entity ID, which must lie on `server`, the one that we serve."""
    if not entity_id.startswith(f"{server}/"):
        msg = (
            f"{entity_id or 'Nobody'} is no service of {server}, and this identity provider serves no other."
        )
        raise NotAccepted(msg)
    try:
        answer = httpx2.get(entity_id, timeout=10)
        root = parse(answer.raise_for_status().content).root
    except (httpx2.HTTPError, Refused) as error:
        raise NotAccepted(f"The metadata at {entity_id} cannot be read: {error}.") from error
    descriptor = root.find(f"{{{names.MD}}}SPSSODescriptor")
    if root.get("entityID") != entity_id or descriptor is None:
        raise NotAccepted(f"The metadata at {entity_id} is not that of a service provider of this name.")
    acs = [
        element.get("Location")
        for element in descriptor.findall(f"{{{names.MD}}}AssertionConsumerService")
        if element.get("Binding") == names.BINDING_POST
    ]
    if not acs or not all(url.startswith(f"{server}/") for url in acs):
        raise NotAccepted(f"The metadata at {entity_id} names no address on {server} to post a response to.")
    logout = descriptor.find(f"{{{names.MD}}}SingleLogoutService")
    sls_url = "" if logout is None else logout.get("ResponseLocation") or logout.get("Location") or ""
    encryption = _certificates(descriptor, "encryption")
    return Service(
        entity_id=entity_id,
        acs_urls=tuple(acs),
        sls_url=sls_url if sls_url.startswith(f"{server}/") else "",
        signing=tuple(_certificates(descriptor, "signing")),
        encryption=certificates.pem(encryption[0]) if encryption else "",
    )


def check_signature(message: Message, service: Service) -> None:
    """Refuse (NotAccepted) a message that is not signed by the service: by query for redirect, enveloped for POST."""
    for certificate in service.signing:
        try:
            if message.query:
                _check_query(message.query, certificate)
            else:
                key = certificates.trusted_key(certificate, "signing")
                signatures.verify(message.tree, message.root, (key,), sha1=False, code="response_signature")
        except (Refused, InvalidSignature, xmlsec.Error, KeyError, ValueError):
            continue
        return
    raise NotAccepted(f"The message is not signed by {service.entity_id}.")


def is_signed(message: Message) -> bool:
    """Tell whether the message carries a signature at all."""
    if message.query:
        return "Signature" in dict(parse_qsl(message.query))
    return signatures.signature_of(message.root) is not None


def origin(url: str) -> str:
    """Return scheme and host of an address, as a Content-Security-Policy wants it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _inflate(packed: str) -> bytes:
    machine = zlib.decompressobj(-15)
    document = machine.decompress(base64.b64decode(packed, validate=True), DOCUMENT_BYTES_MAX)
    if machine.unconsumed_tail:
        msg = f"it is larger than {DOCUMENT_BYTES_MAX} bytes"
        raise ValueError(msg)
    return document


def _check_query(query: str, certificate: x509.Certificate) -> None:
    """Verify the signature of a redirect (bindings 3.4.4.1): over the parameters as they were sent, in their own order."""
    parts = dict(part.partition("=")[::2] for part in query.split("&"))
    values = dict(parse_qsl(query))
    public = certificate.public_key()
    if len(parts) != query.count("&") + 1:
        msg = "a parameter stands twice: which of the two is signed?"
        raise ValueError(msg)
    if values["SigAlg"] != _RSA_SHA256 or not isinstance(public, rsa.RSAPublicKey):
        msg = "only RSA with SHA-256 is read here"
        raise ValueError(msg)
    signed = "&".join(f"{name}={parts[name]}" for name in _SIGNED_FIELDS if name in parts)
    public.verify(base64.b64decode(values["Signature"]), signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def _certificates(descriptor: Element, use: str) -> list[x509.Certificate]:
    found = []
    for key in descriptor.findall(f"{{{names.MD}}}KeyDescriptor"):
        if key.get("use", use) == use:
            texts = key.iter(f"{{{names.DS}}}X509Certificate")
            found += [certificates.read(element.text or "") for element in texts]
    return found
