"""Decide whether a SAML response is good, by thirteen rules in order, and read it from the very element verified.

Pure: the bytes, the connection, the request it answers and the time go in; values or a coded refusal come
out. Only the last half of rule 11 (the request is taken once) and rule 13 (the assertion is spent once) are
rows of the database, in `saml/spent.py`.
Why: docs/decisions/saml-own-verifier.md.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from saml import conditions, signatures, statuses
from saml.decryption import decrypt
from saml.names import NAMEID_ENTITY, SAML, XML_SPACES
from saml.refusals import Refused
from saml.snapshot import ConnectionSnapshot, PendingRequest, TrustedKey
from saml.statements import Authentication, NameID, read_attributes, read_authentication, read_name_id
from saml.xml import Element, ResponseTree, Tree, check_decrypted_assertion, read_decrypted

# A request is answered once, whichever response does it.
ANSWERED: Final = "this request was answered before"


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """What the identity provider said, after every rule; nothing in it comes from outside the signed element."""

    assertion_id: str
    issuer: str
    name_id: NameID
    authentication: Authentication
    in_response_to: str | None
    not_on_or_after: datetime
    """Until when the assertion could be shown again; it is kept as spent at least as long."""
    attributes: dict[str, tuple[str, ...]]
    friendly_names: dict[str, str]
    signed_by: str
    """Fingerprint of the certificate whose key made the signature."""
    encrypted: bool
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Trace:
    """The checks that were passed, in order, for the test sign-in and the sign-in log."""

    passed: list[str] = field(default_factory=list)

    def add(self, check: str) -> None:
        """Note a passed check."""
        self.passed.append(check)


def verify(
    response: ResponseTree,
    connection: ConnectionSnapshot,
    request: PendingRequest | None,
    now: datetime,
    trace: Trace | None = None,
) -> VerifiedAssertion:
    """Apply rules 4 to 12 to a response that `saml.xml.read_response` has read (rules 1 to 3).

    `request` is the one that the response's InResponseTo names in this connection's store, or None.
    Raises `Refused` with one of the codes of `saml.refusals.CATALOGUE`.
    """
    trace = trace or Trace()
    trace.add("structure")
    if not connection.signing_keys:
        raise Refused("no_trust")
    # Rule 7: nothing is read from a response that is not a success.
    statuses.check(response.root)
    trace.add("status")
    tree, assertion, key = _signed(response, connection, now, trace)
    skew = timedelta(seconds=connection.skew_seconds)
    audience_end = conditions.check_conditions(assertion, connection.entity_id, now, skew)
    trace.add("conditions")
    in_response_to = response.in_response_to
    bearer_end = conditions.check_bearer(assertion, connection.acs_url, in_response_to, now, skew)
    trace.add("bearer")
    _check_request(in_response_to, request, connection, now)
    trace.add("request")
    authentication = read_authentication(assertion, now)
    _check_authentication(authentication, request, connection.authn_contexts, skew)
    trace.add("authentication")
    attributes, friendly_names = read_attributes(assertion)
    # The assertion stands in a verified element by now, so CBC inside it has its integrity.
    name_id = read_name_id(assertion, lambda part: _decrypt_name_id(part, tree, connection))
    return VerifiedAssertion(
        assertion_id=assertion.get("ID"),
        issuer=connection.idp_entity_id,
        name_id=name_id,
        authentication=authentication,
        in_response_to=in_response_to,
        not_on_or_after=max(bearer_end, audience_end or bearer_end),
        attributes=attributes,
        friendly_names=friendly_names,
        signed_by=key.fingerprint,
        encrypted=response.encrypted is not None,
        warnings=("certificate_expired",) if key.not_after <= now else (),
    )


def _signed(
    response: ResponseTree, connection: ConnectionSnapshot, now: datetime, trace: Trace
) -> tuple[Tree, Element, TrustedKey]:
    """Rules 5 to 8, from outside inwards: return the tree that the assertion stands in, the assertion, and the key that signed it."""
    _check_issuer(response.root, connection, required=False)
    if response.assertion is not None:
        _check_issuer(response.assertion, connection, required=True)
    trace.add("issuer")
    response_key = _verify_response(response, connection, now)
    _require_response_signature(connection, response_key)
    _check_destination(response.root, connection, signed=response_key is not None)
    trace.add("destination")
    tree, assertion = _open(response, connection, verified=response_key is not None)
    if response.encrypted is not None:
        trace.add("decryption")
        _check_issuer(assertion, connection, required=True)
    assertion_key = _verify_element(tree, assertion, connection, now, "assertion_signature")
    key = _signing_key(connection, response_key, assertion_key)
    trace.add("signature")
    return tree, assertion, key


def _check_issuer(element: Element, connection: ConnectionSnapshot, *, required: bool) -> None:
    """Rule 6: one identity provider for each connection, and no set of them to choose from."""
    issuers = element.findall(f"{{{SAML}}}Issuer")
    if not issuers and not required:
        return
    if len(issuers) != 1 or len(issuers[0]):
        raise Refused("issuer_mismatch", "no issuer, or several")
    issuer = (issuers[0].text or "").strip(XML_SPACES)
    if issuer != connection.idp_entity_id or issuers[0].get("Format", NAMEID_ENTITY) != NAMEID_ENTITY:
        raise Refused("issuer_mismatch", issuer[:300])


def _verify_element(
    tree: Tree, element: Element, connection: ConnectionSnapshot, now: datetime, code: str
) -> TrustedKey | None:
    """Rule 5: a signature that is there must be good, also where the policy does not ask for one."""
    if signatures.signature_of(element) is None:
        return None
    sha1 = signatures.sha1_allowed(connection.sha1_until, now)
    return signatures.verify(tree, element, connection.signing_keys, sha1=sha1, code=code)


def _verify_response(
    response: ResponseTree, connection: ConnectionSnapshot, now: datetime
) -> TrustedKey | None:
    """Verify the response's own signature, over what was really sent: an assertion inside is encrypted before that."""
    try:
        return _verify_element(response.tree, response.root, connection, now, "response_signature")
    except Refused as refused:
        if refused.detail == signatures.CHANGED and response.encrypted is not None:
            # samlify's default order; whoever looks for another key finds none.
            raise Refused(
                refused.code, "or the assertion was encrypted after the response was signed"
            ) from None
        raise


def _require_response_signature(connection: ConnectionSnapshot, response_key: TrustedKey | None) -> None:
    if response_key is None and connection.signed in {"response", "both"}:
        raise Refused("response_not_signed")


def _signing_key(
    connection: ConnectionSnapshot, response_key: TrustedKey | None, assertion_key: TrustedKey | None
) -> TrustedKey:
    """Refuse a missing inner signature: it is needed by policy, and always where no response around it was verified."""
    if assertion_key is None and connection.signed in {"assertion", "both"}:
        raise Refused("assertion_not_signed")
    key = assertion_key or response_key
    if key is None:
        raise Refused("assertion_not_signed", "nor is the response around it")
    return key


def _check_destination(root: Element, connection: ConnectionSnapshot, *, signed: bool) -> None:
    """Rule 7 (bindings 3.5.5.2): required where the response is signed, unless waived."""
    destination = root.get("Destination")
    if not destination:
        if signed and not connection.destination_waived:
            raise Refused("destination_missing")
    elif destination != connection.acs_url:
        raise Refused("destination", destination[:300])


def _open(response: ResponseTree, connection: ConnectionSnapshot, *, verified: bool) -> tuple[Tree, Element]:
    """Rule 8: return the assertion and the tree it stands in, decrypted if it was encrypted."""
    if response.assertion is not None:
        if connection.encryption == "required":
            raise Refused("not_encrypted")
        return response.tree, response.assertion
    if response.encrypted is None:
        raise Refused("assertion_count", "0")
    cbc = verified or connection.allow_cbc
    plaintext = decrypt(response.encrypted, connection.decryption_keys, cbc=cbc)
    tree = read_decrypted(plaintext, dict(response.encrypted.nsmap), response.tree.ids)
    check_decrypted_assertion(tree)
    return tree, tree.root


def _decrypt_name_id(encrypted: Element, tree: Tree, connection: ConnectionSnapshot) -> Element:
    plaintext = decrypt(encrypted, connection.decryption_keys, cbc=True)
    return read_decrypted(plaintext, dict(encrypted.nsmap), tree.ids).root


def _check_request(
    in_response_to: str | None, request: PendingRequest | None, connection: ConnectionSnapshot, now: datetime
) -> None:
    """Rule 11: the request is one of this connection and this browser, and still open."""
    if in_response_to is None:
        if not connection.allow_idp_initiated:
            raise Refused("unsolicited")
        return
    if request is None or request.request_id != in_response_to:
        raise Refused("in_response_to", "no such request in this connection")
    if not request.same_browser:
        # The cookie went with the first answer: whoever goes back and sends the form again has all cookies that they should have.
        raise Refused("in_response_to", ANSWERED) if request.answered else Refused("browser_binding")
    if now >= request.expires_at:
        raise Refused("request_expired")


def _check_authentication(
    authentication: Authentication, request: PendingRequest | None, expected: tuple[str, ...], skew: timedelta
) -> None:
    """Rule 12: what the request asked for is what came back; without a request, what it would have asked for."""
    contexts = expected if request is None else request.authn_contexts
    if contexts and authentication.context_class not in contexts:
        raise Refused("authn_context", authentication.context_class[:200])
    if request is not None and request.force_authn and authentication.instant < request.issued_at - skew:
        raise Refused("authn_instant")
