"""Take messages off the wire: the form of the POST binding, the raw query of the redirect binding (bindings 3.4, 3.5)."""

import base64
import binascii
import zlib
from dataclasses import dataclass
from urllib.parse import unquote_plus, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from saml import names
from saml.refusals import Refused
from saml.signatures import long_enough, made_by
from saml.snapshot import TrustedKey
from saml.xml import Tree, decode, parse

INFLATED_BYTES_MAX = 256 * 1024
QUERY_CHARACTERS_MAX = 64 * 1024
RELAY_STATE_CHARACTERS_MAX = 2000


@dataclass(frozen=True, slots=True)
class SignedQuery:
    """The octets that the sender signed, exactly as they came: re-encoding them would change them."""

    octets: bytes
    algorithm: str
    signature: bytes

    def verify(self, keys: tuple[TrustedKey, ...], *, sha1: bool) -> TrustedKey:
        """Return the key that signed. Refuses: weak_algorithm, logout_signature."""
        kind = names.SIGNATURE_METHODS.get(self.algorithm)
        if kind is None and sha1:
            kind = names.SHA1_SIGNATURE_METHODS.get(self.algorithm)
        if kind is None:
            raise Refused("weak_algorithm", self.algorithm[:100])
        for key in keys:
            fits = key.kind == kind and long_enough(key)
            if fits and made_by(key, self.algorithm, self.octets, self._raw(key)):
                return key
        raise Refused("logout_signature")

    def _raw(self, key: TrustedKey) -> bytes:
        """Return the signature as XML-Signature has it: some sign elliptic curves as DER, some as r ‖ s."""
        if key.kind != "ec":
            return self.signature
        length = (key.bits + 7) // 8
        try:
            r, s = decode_dss_signature(self.signature)
            return r.to_bytes(length, "big") + s.to_bytes(length, "big")
        except (ValueError, OverflowError):
            return self.signature


@dataclass(frozen=True, slots=True)
class Received:
    """A message and how it came. `signed_query` is set where the redirect binding carried a signature."""

    tree: Tree
    is_request: bool
    by_redirect: bool
    relay_state: str = ""
    signed_query: SignedQuery | None = None


def from_form(fields: dict[str, str]) -> Received:
    """Read SAMLRequest or SAMLResponse of a form."""
    name = _which(fields)
    relay_state = fields.get("RelayState", "")[:RELAY_STATE_CHARACTERS_MAX]
    return Received(
        parse(decode(fields[name])), name == "SAMLRequest", by_redirect=False, relay_state=relay_state
    )


def from_query(query: str) -> Received:
    """Read the raw query of a redirect, a byte a character as WSGI hands it over (PEP 3333); the message is inflated within bounds."""
    if len(query) > QUERY_CHARACTERS_MAX:
        raise Refused("too_large", "the query")
    raw: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name in raw:
            raise Refused("structure", f"{name[:40]} twice")
        raw[name] = value
    name = _which(raw)
    tree = parse(inflate(decode(unquote_plus(raw[name]).replace(" ", "+"))))
    return Received(
        tree,
        name == "SAMLRequest",
        by_redirect=True,
        relay_state=_text(raw.get("RelayState", ""))[:RELAY_STATE_CHARACTERS_MAX],
        signed_query=_signed_query(raw, name),
    )


def inflate(packed: bytes) -> bytes:
    """Return the inflated message (RFC 1951), refusing one that grows beyond any use."""
    inflater = zlib.decompressobj(-15)
    try:
        document = inflater.decompress(packed, INFLATED_BYTES_MAX)
    except zlib.error as error:
        raise Refused("encoding", "not deflated") from error
    if inflater.unconsumed_tail or not inflater.eof:
        raise Refused("too_large" if inflater.unconsumed_tail else "encoding", "the inflated message")
    return document


def _which(fields: dict[str, str]) -> str:
    found = [name for name in ("SAMLRequest", "SAMLResponse") if fields.get(name)]
    if len(found) != 1:
        raise Refused("structure", "neither a request nor a response, or both")
    return found[0]


def _signed_query(raw: dict[str, str], name: str) -> SignedQuery | None:
    if not raw.get("SigAlg") or not raw.get("Signature"):
        return None
    # Bindings 3.4.4.1 fixes the order, whatever the order in the address is.
    octets = "&".join(f"{part}={raw[part]}" for part in (name, "RelayState", "SigAlg") if part in raw)
    try:
        signature = base64.b64decode(unquote_plus(raw["Signature"]).replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("logout_signature", "not base64") from error
    return SignedQuery(_octets(octets), unquote_plus(raw["SigAlg"]), signature)


def _octets(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _text(quoted: str) -> str:
    return unquote_to_bytes(_octets(quoted.replace("+", " "))).decode("utf-8", "replace")
