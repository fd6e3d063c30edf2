"""What most connections leave as their preset has it: how messages are signed, encrypted and timed, and what is let pass."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

from django import forms

from saml.models import Connection
from saml.snapshot import SKEW_SECONDS_MAX

_TEXT_LENGTH_MAX: Final = 1024
# Lists and not boxes to check: a page that had less on it (an older one, a script's) says nothing of the rest.
_FLAGS: Final[dict[str, tuple[str, str, str, str]]] = {
    "allow_other_domains": (
        "E-mail addresses outside proved domains",
        "Refused",
        "Believed",
        "By what is believed newcomers come in and members are found: only where the identity provider knows whose addresses are true.",
    ),
    "sign_requests": ("Our requests", "Not signed", "Signed", ""),
    "force_authn": (
        "Whoever is signed in there already",
        "Comes in at once",
        "Has to sign in anew",
        "ForceAuthn, with every request.",
    ),
    "allow_cbc": (
        "AES-CBC in responses that are not signed",
        "Refused",
        "Accepted",
        "AES-GCM is always accepted.",
    ),
    "destination_waived": (
        "Signed messages without Destination",
        "Refused",
        "Accepted",
        "They may have been sent to another application.",
    ),
    "encrypt_name_id": (
        "Whom our sign-out requests name",
        "Can be read on the way",
        "Is encrypted",
        "With the key that its metadata offers for that.",
    ),
}


def fields() -> dict[str, forms.Field]:
    """Return the fields, in the order of the page."""
    flags = {name: _flag(*words) for name, words in _FLAGS.items()}
    return {
        "allow_other_domains": flags.pop("allow_other_domains"),
        "encryption": forms.ChoiceField(
            label="Encrypted assertions", required=False,
            choices=(("off", "Not offered in our metadata"), ("optional", "Offered"), ("required", "Required")),
            help_text="AD FS and Shibboleth begin to encrypt as soon as they see a key for it.",
        ),
        **flags,
        "skew_seconds": forms.IntegerField(
            label="Clocks may differ by (seconds)", required=False, min_value=0, max_value=SKEW_SECONDS_MAX
        ),
        "sha1_until": forms.DateField(
            label="SHA-1 is accepted until", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            help_text="Until that day begins (UTC). Empty: never.",
        ),
        "name_id_format": forms.CharField(
            label="NameID format that we ask for", required=False, max_length=_TEXT_LENGTH_MAX,
            help_text="Empty: whatever the identity provider gives.",
        ),
        "authn_contexts": forms.CharField(
            label="Ways to sign in that we ask for", required=False, max_length=10 * _TEXT_LENGTH_MAX,
            widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "font-monospace"}),
            help_text="RequestedAuthnContext, one a line; expected also where sign-in begins there. Empty: whichever they choose.",
        ),
    }  # fmt: skip


def initial(connection: Connection) -> dict[str, Any]:
    """Return what stands, as the fields show it."""
    return {
        **{name: "yes" if getattr(connection, name) else "no" for name in _FLAGS},
        "encryption": connection.encryption,
        "skew_seconds": connection.skew_seconds,
        "sha1_until": connection.sha1_until.astimezone(UTC).date() if connection.sha1_until else None,
        "name_id_format": connection.name_id_format,
        "authn_contexts": "\n".join(connection.authn_contexts),
    }


def values(given: Mapping[str, Any], stands: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return, as the verb takes it, what was sent and differs from what stands."""
    changed = {name: given[name] for name in fields() if name in sent and given[name] != stands[name]}
    # An empty list or number was not meant.
    changed = {
        name: value for name, value in changed.items() if value not in {"", None} or name in _MAY_BE_EMPTY
    }
    return {name: _READERS.get(name, _as_it_is)(value) for name, value in changed.items()}


def _flag(label: str, no: str, yes: str, help_text: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, required=False, choices=(("no", no), ("yes", yes)), help_text=help_text
    )


def _as_it_is(value: Any) -> Any:
    return value


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _moment(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)


_MAY_BE_EMPTY: Final = {"sha1_until", "name_id_format", "authn_contexts"}
_READERS: Final[dict[str, Any]] = {
    "sha1_until": _moment,
    "authn_contexts": _lines,
    **dict.fromkeys(_FLAGS, lambda value: value == "yes"),
}
