"""Verify settings: read what an administrator has of the identity provider, save nothing, and tell all that was found and is missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cryptography import x509

from saml import certificates, metadata
from saml.metadata import IdpMetadata
from saml.policy import wanted_binding
from saml.presets import PRESETS, preset
from saml.presets.preset import Preset
from saml.refusals import Refused
from saml.snapshot import TrustedKey

SOON_DAYS: Final = 60
_MISSING: Final = {
    "idp_entity_id": "The identity provider's entity ID is missing.",
    "sso_url": "The address where people are sent to sign in is missing.",
    "certificates": "A signing certificate is missing.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What cannot be read: the field, the code of the catalogue, and a sentence that says why and what to do."""

    field: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """A certificate as it was found."""

    subject: str
    use: str
    fingerprint: str
    key: str
    not_after: datetime
    days_left: int


@dataclass(slots=True)
class Findings:
    """All that was found. `complete`: with this, first permissions and a test sign-in the connection can be switched on."""

    found: dict[str, str] = field(default_factory=dict)
    certificates: list[FoundCertificate] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing and nothing was unreadable."""
        return not self.missing and not self.problems


def examine(values: Mapping[str, Any], load: Callable[[str], bytes]) -> Findings:
    """Read what was given under the names of `saml.policy.read`, and `idp_preset`; `load` loads an address.

    As when they are saved, single fields stand above the metadata. Never raises: what is wrong is a Problem.
    """
    findings = Findings()
    product = preset(values.get("idp_preset") or "generic")
    document = values.get("idp_metadata_xml") or _load(values, findings, load)
    if document:
        raw = document.encode("utf-8", "replace") if isinstance(document, str) else document
        where = "idp_metadata_xml" if values.get("idp_metadata_xml") else "idp_metadata_url"
        try:
            wanted = str(values.get("idp_entity_id") or "")
            sso, slo = (wanted_binding(values, name) for name in ("sso", "slo"))
            _take(metadata.read(raw, wanted=wanted, sso_binding=sso, slo_binding=slo), findings)
        except Refused as refused:
            findings.problems.append(_problem(where, refused))
    _take_by_hand(values, findings)
    if values.get("certificates"):
        findings.certificates = []
        keys = [
            _take_certificate(str(text), "signing", findings, f"Certificate {number}: ")
            for number, text in enumerate(values["certificates"], 1)
        ]
        try:
            certificates.check_strength(key for key in keys if key is not None)
        except Refused as refused:
            findings.problems.append(_problem("certificates", refused))
    _judge(findings, product, str(values.get("idp_metadata_url") or ""))
    return findings


def _load(values: Mapping[str, Any], findings: Findings, load: Callable[[str], bytes]) -> bytes | None:
    if not values.get("idp_metadata_url"):
        return None
    try:
        return load(metadata.check_url(str(values["idp_metadata_url"])))
    except Refused as refused:
        findings.problems.append(_problem("idp_metadata_url", refused))
    return None


def _take(found: IdpMetadata, findings: Findings) -> None:
    findings.found = {
        "idp_entity_id": found.entity_id,
        "sso_url": found.sso_url,
        "sso_binding": found.sso_binding,
        "slo_url": found.slo_url,
        "slo_binding": found.slo_binding if found.slo_url else "",
    }
    findings.warnings += list(found.warnings)
    if found.wants_signed_requests:
        findings.warnings.append("It wants signed requests: ours are, unless you switch that off.")
    for certificate in found.certificates:
        _take_certificate(certificate.pem, certificate.use, findings)


def _take_by_hand(values: Mapping[str, Any], findings: Findings) -> None:
    for name in ("idp_entity_id", "sso_url", "slo_url"):
        text = str(values.get(name) or "").strip()
        if not text:
            continue
        try:
            findings.found[name] = text if name == "idp_entity_id" else metadata.check_url(text)
        except Refused as refused:
            findings.problems.append(_problem(name, refused))


def _take_certificate(text: str, use: str, findings: Findings, prefix: str = "") -> TrustedKey | None:
    try:
        read = certificates.read(text)
        key = certificates.trusted_key(read, use)  # type: ignore[arg-type]  # metadata gives one of the three
    except Refused as refused:
        findings.problems.append(_problem("certificates", refused, prefix))
        return None
    findings.certificates.append(
        FoundCertificate(
            _subject(read),
            use,
            key.fingerprint,
            f"{key.kind.upper()} {key.bits}",
            key.not_after,
            certificates.days_left(read),
        )
    )
    return key


def _judge(findings: Findings, product: Preset, metadata_url: str) -> None:
    signing = [certificate for certificate in findings.certificates if certificate.use != "encryption"]
    present = {name for name, value in findings.found.items() if value} | (
        {"certificates"} if signing else set()
    )
    findings.missing = [sentence for name, sentence in _MISSING.items() if name not in present]
    for certificate in findings.certificates:
        if certificate.days_left < 0:
            findings.warnings.append(
                f"The certificate {certificate.subject} has expired; its key still verifies."
            )
        elif certificate.days_left <= SOON_DAYS:
            findings.warnings.append(
                f"The certificate {certificate.subject} ends in {certificate.days_left} days."
            )
    entity_id = findings.found.get("idp_entity_id", "")
    known = [each for each in PRESETS.values() if any(part in entity_id for part in each.known_by)]
    if known and product not in known:
        findings.warnings.append(f"This looks like {known[0].label}, and {product.label} is chosen.")
    if entity_id and product.name == "entra" and metadata_url and "appid=" not in metadata_url:
        findings.warnings.append(
            "The metadata address has no appid=: it is the tenant's, whose certificates need not be this application's."
        )
    if entity_id and product.signs_out and not findings.found.get("slo_url"):
        findings.warnings.append("There is no sign-out address: signing out ends the session here alone.")
    findings.warnings += list(product.traps)


def _problem(name: str, refused: Refused, prefix: str = "") -> Problem:
    detail = f" ({refused.detail})" if refused.detail else ""
    return Problem(name, refused.code, f"{prefix}{refused.advice.means}{detail} {refused.advice.fix}")


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:200] or "without a name"
