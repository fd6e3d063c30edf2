"""Read a connection's settings as people and programs write them, and say which field is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from identity.errors import Invalid
from identity.first_access import Wanted
from saml import certificates, metadata
from saml.attributes import check_mapping
from saml.metadata import IdpCertificate
from saml.presets import ALIASES, NAMES, preset
from saml.refusals import Refused
from saml.snapshot import SKEW_SECONDS_MAX, TrustedKey

TEXT_CHARACTERS_MAX = 1024
CERTIFICATES_MAX = 10
CONTEXTS_MAX = 10
FOLLOWED = ("roles", "grants", "groups")


@dataclass(slots=True)
class Settings:
    """What is to be set: columns of the connection, and its certificates (None: leave them)."""

    columns: dict[str, Any] = field(default_factory=dict)
    certificates: tuple[IdpCertificate, ...] | None = None


def read(values: Mapping[str, Any], load: Callable[[str], bytes]) -> Settings:
    """Check the fields of the REST table (and of the console's forms) and return what they mean.

    The identity provider comes as `idp_metadata_xml`, as `idp_metadata_url` (which `load` loads), or by hand as
    `idp_entity_id`, `sso_url`, `slo_url`, `certificates`. Raises Invalid, naming the field.
    """
    settings = Settings()
    for name, value in values.items():
        if name in _IDP:
            continue
        reader = _READERS.get(name)
        if reader is None:
            message = f"A connection has no field {name[:60]}."
            raise Invalid(message, field=name[:60])
        settings.columns[name] = _read(name, reader, value)
    _read_idp(values, settings, load)
    return settings


def loaded(values: Mapping[str, Any], load: Callable[[str], bytes]) -> dict[str, Any]:
    """Return the values with the metadata behind `idp_metadata_url` beside it, so that `read` has nobody left to ask.

    For whoever changes a connection within a transaction that is not to wait. Raises Invalid.
    """
    url = values.get("idp_metadata_url")
    if not url or values.get("idp_metadata_xml"):
        return dict(values)
    return {**values, "idp_metadata_xml": _read("idp_metadata_url", lambda typed: load(_url(typed)), url)}


def preset_defaults(name: str) -> dict[str, Any]:
    """Return what a new connection of this preset begins with."""
    chosen = preset(name)
    return {
        "signed": chosen.signed,
        "allow_cbc": chosen.allow_cbc,
        "slo_binding": chosen.slo_binding,
        "name_id_format": chosen.name_id_format,
    }


def _read(name: str, reader: Callable[[Any], Any], value: Any) -> Any:
    try:
        return reader(value)
    except Refused as refused:
        raise Invalid(_sentence(refused), field=name) from refused
    except Invalid as invalid:
        raise Invalid(invalid.message, field=invalid.field or name) from invalid


def _sentence(refused: Refused) -> str:
    detail = f" ({refused.detail})" if refused.detail else ""
    return f"{refused.advice.means}{detail} {refused.advice.fix}"


def _read_idp(values: Mapping[str, Any], settings: Settings, load: Callable[[str], bytes]) -> None:
    """Take the identity provider from its metadata; single fields beside it say it better."""
    url, document = values.get("idp_metadata_url"), values.get("idp_metadata_xml")
    if url:
        settings.columns["idp_metadata_url"] = _read("idp_metadata_url", _url, url)
        if not document:
            document = _read("idp_metadata_url", lambda typed: load(_url(typed)), url)
    if document:
        if not isinstance(document, str | bytes):
            message = "Metadata is a text."
            raise Invalid(message, field="idp_metadata_xml")
        raw = document.encode("utf-8", "replace") if isinstance(document, str) else document
        wanted = str(values.get("idp_entity_id") or "")
        where = "idp_metadata_url" if url else "idp_metadata_xml"
        sso, slo = (wanted_binding(values, name) for name in ("sso", "slo"))
        found = _read(
            where,
            lambda given: metadata.read(given, wanted=wanted, sso_binding=sso, slo_binding=slo),
            raw,
        )
        settings.columns |= {
            "idp_entity_id": found.entity_id,
            "sso_url": found.sso_url,
            "sso_binding": found.sso_binding,
            "slo_url": found.slo_url,
            "slo_binding": found.slo_binding,
            "slo_response_url": found.slo_response_url,
        } | {name: values[name] for name in ("sso_binding", "slo_binding") if values.get(name)}
        if found.wants_signed_requests:
            settings.columns.setdefault("sign_requests", True)
        settings.certificates = found.certificates
    for name in ("idp_entity_id", "sso_url", "slo_url"):
        if values.get(name) is not None:
            reader = _text if name == "idp_entity_id" else _url
            settings.columns[name] = _read(name, reader, values[name])
    if values.get("certificates") is not None:
        settings.certificates = _read("certificates", _certificates, values["certificates"])


def wanted_binding(values: Mapping[str, Any], name: str) -> str:
    """Return by which binding metadata is to offer `sso` or `slo`; an address that is given beside it needs none there."""
    return "" if values.get(f"{name}_url") else str(values.get(f"{name}_binding") or "")


def _certificates(value: Any) -> tuple[IdpCertificate, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or len(value) > CERTIFICATES_MAX:
        raise Refused("metadata_certificate", f"a list of at most {CERTIFICATES_MAX} certificates")
    found: dict[IdpCertificate, None] = {}
    keys: list[TrustedKey] = []
    for text in value:
        if not isinstance(text, str):
            raise Refused("metadata_certificate", "a certificate is a text")
        certificate = certificates.read(text)
        keys.append(certificates.trusted_key(certificate, "signing"))
        found[IdpCertificate(certificates.pem(certificate), "signing")] = None
    certificates.check_strength(keys)
    return tuple(found)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > TEXT_CHARACTERS_MAX or not value.strip().isprintable():
        message = f"This is a text of at most {TEXT_CHARACTERS_MAX} printable characters."
        raise Invalid(message)
    return value.strip()


def _name(value: Any) -> str:
    text = _text(value)
    if not text:
        message = "A connection needs a name."
        raise Invalid(message, field="name")
    return text


def _url(value: Any) -> str:
    return metadata.check_url(_text(value)) if value else ""


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        message = "This is true or false."
        raise Invalid(message)
    return value


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def reader(value: Any) -> str:
        if value not in allowed:
            message = f"This is one of {', '.join(allowed)}."
            raise Invalid(message)
        return str(value)

    return reader


def _preset(value: Any) -> str:
    name = ALIASES.get(_text(value), _text(value))
    if name not in NAMES:
        message = f"idp_preset is one of {', '.join(NAMES)}."
        raise Invalid(message)
    return name


def _encryption(value: Any) -> str:
    """Read off, optional or required; true and false stand for optional and off."""
    return _one_of("off", "optional", "required")(
        {True: "optional", False: "off"}.get(value, value) if isinstance(value, bool) else value
    )


def _moment(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError as error:
        message = "This is a time as 2027-03-31T00:00:00Z."
        raise Invalid(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _skew(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SKEW_SECONDS_MAX:
        message = f"The clock skew is 0 to {SKEW_SECONDS_MAX} seconds."
        raise Invalid(message)
    return value


def _contexts(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > CONTEXTS_MAX:
        message = f"This is a list of at most {CONTEXTS_MAX} texts."
        raise Invalid(message)
    return [_text(item) for item in value]


def _follows(value: Any) -> list[str]:
    if not isinstance(value, list) or not set(FOLLOWED).issuperset(value) or len(set(value)) != len(value):
        message = f"This is a list of {', '.join(FOLLOWED)}: all, some or none of them, each once."
        raise Invalid(message)
    return [aspect for aspect in FOLLOWED if aspect in value]


def _defaults(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) - {"grants", "roles"}:
        message = "Defaults are {grants: [{kind, id, permission}], roles: [name]}."
        raise Invalid(message, field="defaults")
    Wanted.parse(value)
    return value


_IDP = {"idp_metadata_xml", "idp_metadata_url", "idp_entity_id", "sso_url", "slo_url", "certificates"}
_READERS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "idp_preset": _preset,
    "signed": _one_of("assertion", "response", "either", "both"),
    "encryption": _encryption,
    "allow_idp_initiated": _flag,
    "join": _one_of("anyone", "invited"),
    "attribute_mapping": check_mapping,
    "defaults": _defaults,
    "follows": _follows,
    "active": _flag,
    "activate_untested": _flag,
    "sso_binding": _one_of("redirect", "post"),
    "slo_binding": _one_of("redirect", "post"),
    "allow_cbc": _flag,
    "allow_other_domains": _flag,
    "destination_waived": _flag,
    "sign_requests": _flag,
    "force_authn": _flag,
    "encrypt_name_id": _flag,
    "sha1_until": _moment,
    "skew_seconds": _skew,
    "name_id_format": _text,
    "authn_contexts": _contexts,
}
