"""The form of a SAML connection: the identity provider by its metadata or by hand, and who gets what at first."""

import re
from typing import Any, Final

from django import forms

from console.forms import exchange
from console.forms.edited import EditForm
from console.organizations import chosen, default_choices, defaults, tell_left_out
from identity.models import Organization
from saml.metadata import BYTES_MAX
from saml.models import Connection
from saml.presets import PRESETS
from saml.trust import current

LATER: Final = "later"
MODES: Final = (
    (LATER, "Decide later (the connection stays switched off)"),
    ("none", "Nothing: an administrator gives access by hand"),
    ("organization", "What the organization gives to every new member"),
    ("chosen", "The roles and grants checked below"),
)
SIGNED: Final = (
    ("either", "Assertion or response"),
    ("assertion", "Assertion"),
    ("response", "Response"),
    ("both", "Both"),
)
AS_IT_COMES: Final = ""


class ConnectionForm(EditForm):
    """What `saml.connections.create` and `change` take, as people write it."""

    name = forms.CharField(
        label="Name", max_length=200, help_text="People see it when they choose how to sign in."
    )
    idp_preset = forms.ChoiceField(
        label="Identity provider",
        choices=[
            (name, PRESETS[name].label)
            for name in sorted(PRESETS, key=lambda name: (name == "generic", PRESETS[name].label))
        ],
        help_text="Decides whose words you read here, and how its answers are understood.",
    )
    idp_metadata_xml = forms.CharField(
        label="Metadata (XML)", required=False, max_length=BYTES_MAX, help_text="Paste the whole document.",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "class": "font-monospace"}),
    )  # fmt: skip
    idp_metadata_file = forms.FileField(
        label="Metadata file", required=False, help_text="The file that the identity provider offers to download.",
        widget=forms.FileInput(attrs={"accept": ".xml,text/xml,application/xml,application/samlmetadata+xml"}),
    )  # fmt: skip
    idp_metadata_url = forms.CharField(
        label="Metadata address", required=False, max_length=1024, help_text="Loaded now, within a few seconds.",
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )  # fmt: skip
    idp_entity_id = forms.CharField(
        label="Entity ID of the identity provider", required=False, max_length=1024
    )
    sso_url = forms.CharField(label="Sign-on address", required=False, max_length=1024, widget=forms.URLInput)
    slo_url = forms.CharField(
        label="Sign-out address", required=False, max_length=1024, widget=forms.URLInput
    )
    certificates = forms.CharField(
        label="Signing certificate", required=False, max_length=100_000,
        help_text="PEM or bare base64; several below each other, with an empty line between bare ones.",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "font-monospace"}),
    )  # fmt: skip
    signed = forms.ChoiceField(label="What must be signed", choices=SIGNED)
    join = forms.ChoiceField(
        label="Who may come in",
        choices=(
            ("anyone", "Anyone whom the identity provider signs in"),
            ("invited", "Only people who are members already"),
        ),
    )
    allow_idp_initiated = forms.BooleanField(
        label="Sign-in may begin at the identity provider",
        required=False,
        help_text="For tiles in a portal. Less safe: no request of ours binds the answer to a browser.",
    )
    defaults = forms.ChoiceField(
        label="First permissions of new people", choices=MODES, widget=forms.RadioSelect
    )
    follows = forms.MultipleChoiceField(
        label="At each sign-in, the identity provider goes on deciding",
        required=False,
        choices=(("roles", "Roles"), ("grants", "Grants"), ("groups", "Groups of your own, by their names")),
        widget=forms.CheckboxSelectMultiple,
        help_text="What it asserts at each sign-in then replaces what it gave before. What an administrator gave or took away stays.",
    )
    roles = forms.MultipleChoiceField(label="Roles", required=False, widget=forms.CheckboxSelectMultiple)
    grants = forms.MultipleChoiceField(label="Grants", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self, *args: Any, organization: Organization, connection: Connection | None = None, **kwargs: Any
    ) -> None:
        self.connection = connection
        kwargs["initial"] = _initial(connection)
        super().__init__(*args, **kwargs)
        if connection is None:
            signed = self.fields["signed"]
            signed.choices = ((AS_IT_COMES, "What this product signs as it comes"), *SIGNED)  # type: ignore[attr-defined]
            signed.required = False
        else:
            # Not for a new one: its preset chooses.
            added = exchange.fields()
            self.fields.update(added)
            self.dress(added)
        choices = default_choices(organization, (connection.defaults if connection else None) or {})
        self.fields["roles"].choices = choices["roles"]  # type: ignore[attr-defined]
        self.fields["grants"].choices = choices["grants"]  # type: ignore[attr-defined]
        tell_left_out(self, organization)

    @property
    def exchange(self) -> list[forms.BoundField]:
        """Return the fields that stand apart on the page; none for a new connection. Who may come in stands above them."""
        return [
            self[name] for name in exchange.fields() if name in self.fields and name != "allow_other_domains"
        ]

    def clean_idp_metadata_file(self) -> str:
        """Read the file as the text that it is."""
        file = self.cleaned_data["idp_metadata_file"]
        if not file:
            return ""
        if file.size > BYTES_MAX:
            raise forms.ValidationError("Metadata has at most 2 MB.")
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise forms.ValidationError(
                "This is not a text in UTF-8: choose the metadata file itself."
            ) from None

    def examined(self) -> dict[str, Any]:
        """Return what is to be verified: what was typed, also beside fields that are wrong."""
        given = self.cleaned_data
        names = ("idp_preset", "idp_metadata_url", "idp_entity_id", "sso_url", "slo_url")
        values: dict[str, Any] = {name: given.get(name, "") for name in names}
        values["idp_metadata_xml"] = given.get("idp_metadata_file") or given.get("idp_metadata_xml", "")
        pasted = given.get("certificates", "").strip()
        return values | ({"certificates": split_certificates(pasted)} if pasted else {})

    def values(self) -> dict[str, Any]:
        """Return the fields for the verb. Empty ones of the identity provider are left out: they say nothing."""
        given = self.cleaned_data
        values = {
            name: given[name]
            for name in ("name", "idp_preset", "signed", "join", "allow_idp_initiated", "follows")
        }
        if values["signed"] == AS_IT_COMES:
            del values["signed"]
        values |= {name: given[name] for name in ("idp_metadata_xml", "idp_metadata_url") if given[name]}
        if given["idp_metadata_file"]:
            values["idp_metadata_xml"] = given["idp_metadata_file"]
        for name in ("idp_entity_id", "sso_url", "slo_url"):
            if given[name] and given[name] != self.initial.get(name):
                values[name] = given[name]
        if (
            given["certificates"]
            and given["certificates"].strip() != self.initial.get("certificates", "").strip()
        ):
            values["certificates"] = split_certificates(given["certificates"])
        mode = given["defaults"]
        values["defaults"] = {
            LATER: None,
            "none": {"grants": [], "roles": []},
            "organization": {},
            "chosen": defaults(given["roles"], given["grants"]),
        }[mode]
        if self.connection is not None:
            values |= exchange.values(given, self.initial, self.data)
        return values


def split_certificates(text: str) -> list[str]:
    """Return the certificates of a text: one PEM block each, or in bare base64 with an empty line between them."""
    end = "-----END CERTIFICATE-----"
    blocks = [part.strip() + "\n" + end for part in text.split(end)[:-1]]
    return blocks or [part.strip() for part in re.split(r"\n\s*\n", text.replace("\r", "")) if part.strip()]


def mode_of(value: dict[str, Any] | None) -> str:
    """Return which of the modes the kept defaults stand for."""
    if value is None:
        return LATER
    if not value:
        return "organization"
    return "chosen" if value.get("grants") or value.get("roles") else "none"


def _initial(connection: Connection | None) -> dict[str, Any]:
    if connection is None:
        return {"idp_preset": "okta", "signed": AS_IT_COMES, "join": "anyone", "defaults": LATER}
    names = (
        "name",
        "idp_preset",
        "idp_entity_id",
        "sso_url",
        "slo_url",
        "signed",
        "join",
        "allow_idp_initiated",
        "follows",
    )
    return {
        **{name: getattr(connection, name) for name in names},
        "certificates": "\n".join(row.pem.strip() for row in current(connection)),
        "defaults": mode_of(connection.defaults),
        **chosen(connection.defaults),
        **exchange.initial(connection),
    }
