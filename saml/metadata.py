"""Metadata, both ways: ours for the identity provider to load, and theirs, read as the hostile file it may be."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from lxml import etree
from saml2 import md, xmldsig

from saml import certificates, names, times
from saml.build import new_id
from saml.keys import SigningKey, sign_element
from saml.names import DS, MD, SAMLP
from saml.refusals import Refused
from saml.signatures import long_enough
from saml.snapshot import ConnectionSnapshot, TrustedKey

BYTES_MAX = 2 * 1024 * 1024
URL_CHARACTERS_MAX = 2000
# Two during a rollover, a few more for what else an identity provider does; each sign-in that no key fits tries them all.
KEYS_MAX = 20
# So far into a document it shows whether it is a web page.
PAGE_BYTES = 1024
# A byte order mark, and blanks.
_BEFORE_XML = b"\xef\xbb\xbf \t\r\n"
# An address, and a certificate as PEM or bare base64: what else there is to be pasted from an identity provider's page.
_NOT_METADATA = (b"http://", b"https://", b"-----BEGIN", b"MII")
# A host and perhaps a port, without a user: it also stands in the Content-Security-Policy of the page that posts there.
_PLACE = re.compile(r"(?:[^\x00-,/:-@\[-^`{-\x7f\s]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
Binding = Literal["redirect", "post"]
_BINDINGS: dict[str, Binding] = {
    names.BINDING_REDIRECT: "redirect",
    names.BINDING_POST: "post",
}


@dataclass(frozen=True, slots=True)
class IdpCertificate:
    """A certificate as found, with what it may be used for."""

    pem: str
    use: Literal["signing", "encryption", "both"]


@dataclass(frozen=True, slots=True)
class IdpMetadata:
    """What an identity provider says of itself."""

    entity_id: str
    sso_url: str
    sso_binding: Binding
    certificates: tuple[IdpCertificate, ...]
    slo_url: str = ""
    slo_binding: Binding = "redirect"
    slo_response_url: str = ""
    wants_signed_requests: bool = False
    warnings: tuple[str, ...] = ()


def read(
    document: bytes,
    now: datetime | None = None,
    wanted: str = "",
    *,
    sso_binding: str = "",
    slo_binding: str = "",
) -> IdpMetadata:
    """Read one identity provider's metadata (SAML metadata 2.4.3).

    Where the document describes several, as a federation's does, `wanted` is the entity ID of the one that is meant. A
    binding that is given chooses among its addresses; else it is HTTP-Redirect, where that is offered.
    Comments are allowed here, as files written by hand have them; DOCTYPE and entities are not. Refuses
    (`Refused`): metadata_large, metadata_encoding, xml_policy, metadata_elsewhere, metadata_page, metadata_xml, metadata_kind,
    metadata_many, metadata_expired, metadata_no_key, metadata_bare_key, metadata_many_keys, weak_key, metadata_endpoint.
    """
    now = now or datetime.now(UTC)
    descriptor = _descriptor(_parse(document), wanted.strip())
    for element in (descriptor, *descriptor.iterancestors()):
        end = element.get("validUntil")
        if end and _instant(end) <= now:
            raise Refused("metadata_expired", end[:40])
    entity_id = (descriptor.getparent().get("entityID") or "").strip()
    if not entity_id or len(entity_id) > 1024:  # noqa: PLR2004 - SAML core 8.3.6
        raise Refused("metadata_kind", "no entity ID")
    found, warnings = _certificates(descriptor)
    sso = _endpoints(descriptor, "SingleSignOnService")
    if not sso:
        raise Refused("metadata_endpoint", "no sign-on address with HTTP-Redirect or HTTP-POST")
    slo = _endpoints(descriptor, "SingleLogoutService")
    sso_chosen, slo_chosen = _binding(sso, sso_binding), _binding(slo, slo_binding)
    slo_url, slo_response_url = slo.get(slo_chosen, ("", ""))
    return IdpMetadata(
        entity_id=entity_id,
        sso_url=sso[sso_chosen][0],
        sso_binding=sso_chosen,
        certificates=found,
        slo_url=slo_url,
        slo_binding=slo_chosen,
        slo_response_url=slo_response_url,
        wants_signed_requests=descriptor.get("WantAuthnRequestsSigned") in {"true", "1"},
        warnings=warnings,
    )


def _instant(written: str) -> datetime:
    try:
        return times.instant(written)
    except Refused as refused:
        # What "structure" advises is about responses.
        raise Refused("metadata_xml", f"validUntil: {refused.detail}") from refused


def _descriptor(root: Any, wanted: str) -> Any:
    """Return the one identity provider of the document, or the one of several that is wanted."""
    found = [element for element in root.iter(f"{{{MD}}}IDPSSODescriptor") if _speaks_saml2(element)]
    if not found:
        raise Refused("metadata_kind")
    names = [str(element.getparent().get("entityID")).strip() for element in found]
    if len(found) > 1 and names.count(wanted) != 1:
        missing = f"{wanted[:150]} is not one of them: " if wanted and wanted not in names else ""
        raise Refused("metadata_many", (missing + ", ".join(names))[:300])
    return found[0] if len(found) == 1 else found[names.index(wanted)]


def check_url(text: str) -> str:
    """Return an address that a browser may be sent to: https with a host, or http on this very machine."""
    try:
        parts = urlsplit(text.strip())
        host = parts.hostname or ""
    except ValueError as error:
        raise Refused("metadata_endpoint", text[:200]) from error
    known = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if (
        not known
        or not _PLACE.fullmatch(parts.netloc)
        or len(text) > URL_CHARACTERS_MAX
        or not text.isprintable()
    ):
        raise Refused("metadata_endpoint", text[:200])
    return text.strip()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parse(document: bytes) -> Any:
    if len(document) > BYTES_MAX:
        raise Refused("metadata_large", f"{len(document)} bytes")
    # XML takes no line before its declaration; what is copied and pasted often has one.
    document = document.lstrip(_BEFORE_XML)
    if document.startswith(_NOT_METADATA):
        raise Refused("metadata_elsewhere")
    if b"<!DOCTYPE HTML" in document[:PAGE_BYTES].upper() or b"<HTML" in document[:PAGE_BYTES].upper():
        raise Refused("metadata_page")
    if b"\0" in document:
        # UTF-16, in which the words below could hide.
        raise Refused("metadata_encoding")
    if b"<!DOCTYPE" in document.upper() or b"<!ENTITY" in document.upper():
        raise Refused("xml_policy", "DOCTYPE")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused("metadata_xml", str(error)[:200]) from error
    if root.getroottree().docinfo.internalDTD is not None:
        # UTF-7 writes "<!" by other bytes.
        raise Refused("xml_policy", "DOCTYPE")
    return root


def _speaks_saml2(descriptor: Any) -> bool:
    return SAMLP in (descriptor.get("protocolSupportEnumeration") or "").split()


def _certificates(descriptor: Any) -> tuple[tuple[IdpCertificate, ...], tuple[str, ...]]:
    found: dict[IdpCertificate, None] = {}
    keys: list[TrustedKey] = []
    warnings: list[str] = []
    described = descriptor.findall(f"{{{MD}}}KeyDescriptor")
    for key in described:
        said = key.get("use", "")
        use: Literal["signing", "encryption", "both"] = said if said in {"signing", "encryption"} else "both"
        for element in key.iter(f"{{{DS}}}X509Certificate"):
            try:
                certificate = certificates.read(element.text or "")
                trusted = certificates.trusted_key(certificate, use)
            except Refused as refused:
                warnings.append(str(refused))
                continue
            if len(found) == KEYS_MAX:
                raise Refused("metadata_many_keys", f"more than {KEYS_MAX}")
            keys.append(trusted)
            found[IdpCertificate(certificates.pem(certificate), use)] = None
            if not long_enough(trusted):
                warnings.append(f"weak_key: {trusted.bits} bits: {trusted.subject[:200]}")
            if certificates.days_left(certificate) < 0:
                warnings.append(f"certificate_expired: {certificate.subject.rfc4514_string()[:200]}")
    if not any(certificate.use != "encryption" for certificate in found):
        # LemonLDAP::NG publishes its key bare as it comes.
        bare = any(key.find(f".//{{{DS}}}KeyValue") is not None for key in described)
        raise Refused("metadata_bare_key" if bare else "metadata_no_key", "; ".join(warnings)[:300])
    certificates.check_strength(keys)
    return tuple(found), tuple(warnings)


def _endpoints(descriptor: Any, name: str) -> dict[Binding, tuple[str, str]]:
    """Return {binding: (location, response location)}; the first of each binding that we speak."""
    found: dict[Binding, tuple[str, str]] = {}
    for element in descriptor.findall(f"{{{MD}}}{name}"):
        binding = _BINDINGS.get(element.get("Binding", ""))
        if binding and binding not in found:
            response = element.get("ResponseLocation")
            found[binding] = (check_url(element.get("Location", "")), check_url(response) if response else "")
    return found


def _binding(offered: dict[Binding, tuple[str, str]], wanted: str) -> Binding:
    if wanted and offered and wanted not in offered:
        raise Refused("metadata_endpoint", f"no address with the binding {wanted}")
    if wanted == "post" or (offered and "redirect" not in offered):
        return "post"
    return "redirect"


def service_provider(
    connection: ConnectionSnapshot,
    signing: SigningKey,
    *,
    published: list[str],
    wants_encryption: bool,
    signs_requests: bool,
    name_id_format: str = "",
) -> bytes:
    """Return our signed metadata for one connection.

    `published`: certificates as PEM, current first, the next one of a rollover behind it. An encryption key
    is offered only where wanted, since AD FS and Shibboleth begin to encrypt as soon as they see one.
    """
    uses = ["signing", "encryption"] if wants_encryption else ["signing"]
    descriptor = md.SPSSODescriptor(
        protocol_support_enumeration=SAMLP,
        authn_requests_signed=str(signs_requests).lower(),
        want_assertions_signed=str(connection.signed in {"assertion", "both"}).lower(),
        key_descriptor=[_key_descriptor(pem, use, connection.allow_cbc) for pem in published for use in uses],
        single_logout_service=[
            md.SingleLogoutService(binding=binding, location=connection.sls_url) for binding in _BINDINGS
        ],
        name_id_format=[md.NameIDFormat(text=name_id_format)] if name_id_format else [],
        assertion_consumer_service=[
            md.AssertionConsumerService(
                binding=names.BINDING_POST, location=connection.acs_url, index="0", is_default="true"
            )
        ],
    )
    entity = md.EntityDescriptor(
        id=new_id(),
        entity_id=connection.entity_id,
        valid_until=times.written(signing.certificate.not_valid_after_utc),
        cache_duration="P1D",
        spsso_descriptor=descriptor,
    )
    root = etree.fromstring(bytes(entity.to_string()))
    sign_element(root, signing, at=0)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _key_descriptor(pem: str, use: str, cbc: bool) -> md.KeyDescriptor:  # noqa: FBT001 - as the connection has it
    """Describe a key of ours, and for encryption what may be done with it: Shibboleth and lasso choose among these."""
    bare = certificates.bare(certificates.read(pem))
    data = xmldsig.X509Data(x509_certificate=xmldsig.X509Certificate(text=bare))
    methods = [*names.AES_GCM, *(names.AES_CBC if cbc else ()), names.RSA_OAEP, names.RSA_OAEP_MGF1P]
    return md.KeyDescriptor(
        use=use,
        key_info=xmldsig.KeyInfo(x509_data=data),
        encryption_method=[md.EncryptionMethod(algorithm=each) for each in methods]
        if use == "encryption"
        else [],
    )
