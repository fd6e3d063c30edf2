"""People and grants by CSV: chosen or pasted, previewed, and then done exactly as previewed."""

from typing import Final

from django import forms
from django.http import HttpResponse

from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import Form
from identity import csv_import, imports
from identity.errors import Forbidden
from identity.handing_out import refuse_stronger_roles
from identity.plans import Plan, Step

ROWS_SHOWN_MAX: Final = 500
_KINDS: Final = (("members", "People"), ("grants", "Grants"))


class ImportForm(Form):
    """A file, or its text; the text is what is kept between preview and act."""

    kind = forms.ChoiceField(
        label="What the file lists", choices=_KINDS, widget=forms.RadioSelect, initial="members"
    )
    file = forms.FileField(label="CSV file", required=False, max_length=200)
    csv = forms.CharField(
        label="… or its text", required=False, strip=False, max_length=csv_import.TEXT_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )  # fmt: skip
    digest = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean(self) -> dict[str, object]:
        """Read the file's text, UTF-8 with or without a byte order mark."""
        values = super().clean() or {}
        upload = values.get("file")
        if upload is not None:
            if upload.size > csv_import.TEXT_LENGTH_MAX:
                self.add_error("file", "The file is too large: send it in several.")
                return values
            try:
                values["csv"] = upload.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                self.add_error("file", "The file is not UTF-8. In a spreadsheet, save it as “CSV UTF-8”.")
        if not values.get("csv") and not self.errors:
            self.add_error("file", "Choose a file, or paste its text.")
        return values


def edit(visit: Visit) -> HttpResponse:
    """Show the form; a POST shows what each line would do, and one that comes from there with its digest does it."""
    form = ImportForm(visit.posted, visit.request.FILES if visit.posted is not None else None)
    if form.is_valid():
        kind, text, digest = (form.cleaned_data[name] for name in ("kind", "csv", "digest"))
        with refusals_in(form):
            plan = _allowed(visit, kind, text)
            if digest:
                plan = imports.apply(visit.organization, kind, text, digest, actor=visit.actor, holder=visit)
                return done(visit, _told(plan), "members")
            return page(visit, "import_preview.html", _shown(kind, text, plan))
    columns = {name: (*kind.needed, *kind.known) for name, kind in imports.KINDS.items()}
    values = {"form": form, "columns": columns, "none": imports.NONE}
    return page(visit, "import.html", values, status=400 if form.errors else 200)


def _allowed(visit: Visit, kind: str, text: str) -> Plan:
    plan = imports.preview(visit.organization, kind, text, holder=visit)
    touched = imports.roles_touched(plan)
    if (kind == "grants" or touched) and not visit.may("member_access"):
        raise Forbidden("Giving and taking access needs the capability access.write.")
    refuse_stronger_roles(visit, visit.organization, touched)
    return plan


def _shown(kind: str, text: str, plan: Plan) -> dict[str, object]:
    steps = [step for step in plan.steps if step.act != "nothing"]
    return {
        "kind": kind,
        "text": text,
        "plan": plan,
        "steps": [(step, _differences(step)) for step in steps[:ROWS_SHOWN_MAX]],
        "hidden": max(0, len(steps) - ROWS_SHOWN_MAX),
        "told": _told(plan),
        "nothing": not steps,
    }


def _differences(step: Step) -> list[tuple[str, str, str]]:
    """Return what differs as (attribute, before, after), for people."""
    return [(name, _plain(before), _plain(after)) for name, (before, after) in step.changes.items()]


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "—"
    if isinstance(value, dict):
        return str(value.get("value", value))
    return "—" if value is None else str(value)


def _told(plan: Plan) -> str:
    """Say in words what the plan comes to."""
    words = {
        "create": "brought in", "change": "changed", "give": "given", "end": "ended", "confirm": "confirmed",
        "nothing": "as they are",
    }  # fmt: skip
    return ", ".join(f"{number} {words[act]}" for act, number in sorted(plan.counts.items())) or "nothing"
