"""The form of a directory that is pulled, made of what its kind declares: settings, credentials, and how often it is read."""

from typing import Any, Final

from django import forms

from console.forms.edited import EditForm
from identity import pulls
from identity.directory_kinds import Field, Kind
from identity.errors import Refusal
from identity.pull_settings import RULES

SETTING, CREDENTIAL = "setting_", "credential_"
_LONG: Final = ("key", "certificate", "account")
_TEXT_LENGTH_MAX: Final = 65_536
_LENGTH_MAX: Final = 4096


class Lines(forms.CharField):
    """Several texts, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
            max_length=_TEXT_LENGTH_MAX,
            **kwargs,
        )

    def prepare_value(self, value: Any) -> Any:
        """Write a list as lines."""
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> Any:
        """Read the lines that say something."""
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


class Pairs(Lines):
    """An object of texts, a line each: `target = source`."""

    def prepare_value(self, value: Any) -> Any:
        """Write an object as lines."""
        return (
            "\n".join(f"{name} = {text}" for name, text in value.items())
            if isinstance(value, dict)
            else value
        )

    def clean(self, value: Any) -> Any:
        """Read the pairs."""
        found: dict[str, str] = {}
        for line in super().clean(value):
            name, sign, text = line.partition("=")
            if not sign or not name.strip() or not text.strip():
                raise forms.ValidationError(
                    f"Each line is like user_name = login; this one is not: {line[:80]}"
                )
            found[name.strip()] = text.strip()
        return found


class PulledForm(EditForm):
    """Name, settings, rules, credentials and schedule. Credentials are written and never shown; left empty they stay as they are."""

    name = forms.CharField(label="Name", max_length=200, help_text="As your people call it, as Head office.")
    every_minutes = forms.IntegerField(
        label="Read every (minutes)", min_value=pulls.EVERY_MINUTES[0], max_value=pulls.EVERY_MINUTES[1],
        initial=pulls.EVERY_MINUTES_DEFAULT,
    )  # fmt: skip

    def __init__(self, *args: Any, kind: Kind, settings: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Make the fields of the kind; `settings` are those of a directory that is there already."""
        self.kind = kind
        self.is_new = settings is None
        self.declared: dict[str, forms.Field] = {}
        for field in (*kind.settings, *RULES):
            now = (settings or {}).get(field.name, field.default)
            self.declared[SETTING + field.name] = _form_field(field, now)
        for field in kind.credentials:
            self.declared[CREDENTIAL + field.name] = _credential(
                field, required=field.required and self.is_new
            )
        super().__init__(*args, **kwargs)
        self.fields.update(self.declared)
        self.dress(self.declared)

    @property
    def setting_fields(self) -> list[Any]:
        """Return the bound fields of the kind's settings."""
        return [self[SETTING + field.name] for field in self.kind.settings]

    @property
    def rule_fields(self) -> list[Any]:
        """Return the bound fields of the rules of reconciliation."""
        return [self[SETTING + field.name] for field in RULES]

    @property
    def credential_fields(self) -> list[Any]:
        """Return the bound fields of the credentials."""
        return [self[CREDENTIAL + field.name] for field in self.kind.credentials]

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that are written; what is empty has its default."""
        written = {
            field.name: self.cleaned_data[SETTING + field.name] for field in (*self.kind.settings, *RULES)
        }
        return {name: value for name, value in written.items() if value not in (None, "", [], {})}

    @property
    def credentials(self) -> dict[str, Any]:
        """Return the credentials that are written."""
        written = {field.name: self.cleaned_data[CREDENTIAL + field.name] for field in self.kind.credentials}
        return {name: value for name, value in written.items() if value}

    def refuse(self, refusal: Refusal) -> None:
        """Put a verb's refusal beside the field that it names, or above the form."""
        place, _, name = refusal.field.partition(".")
        own = {"settings": SETTING, "credentials": CREDENTIAL, "schedule": ""}.get(place, "") + (
            name or place
        )
        self.add_error(own if own in self.fields else None, refusal.message)


def _form_field(field: Field, now: Any) -> forms.Field:
    shared: dict[str, Any] = {
        "label": field.label, "required": field.required, "initial": now, "help_text": field.help,
    }  # fmt: skip
    made: forms.Field
    if field.kind == "flag":
        made = forms.BooleanField(**shared | {"required": False})
    elif field.kind == "number":
        made = forms.IntegerField(min_value=field.least, max_value=field.most, **shared)
    elif field.kind == "choice":
        made = forms.ChoiceField(
            choices=[(choice, choice.replace("_", " ")) for choice in field.choices], **shared
        )
    elif field.kind == "mapping":
        made = Pairs(**shared | {"help_text": f"{field.help} One a line, as user_name = login."})
    elif field.kind == "list":
        made = Lines(**shared)
    elif any(word in field.name for word in _LONG):
        area = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
        made = forms.CharField(widget=area, max_length=_TEXT_LENGTH_MAX, **shared)
    else:
        made = forms.CharField(max_length=_LENGTH_MAX, **shared)
    return made


def _credential(field: Field, *, required: bool) -> forms.Field:
    if any(word in field.name for word in _LONG):
        widget: forms.Widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"})
    else:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(
        label=field.label, required=required, help_text=field.help, widget=widget, strip=False, max_length=_TEXT_LENGTH_MAX
    )  # fmt: skip
