"""The settings of a directory: whose dialect it speaks, its limits, its guard, and what its people get at first."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpResponse

from console import directories, edits, pulls
from console.access import Visit
from console.answers import done, page, refusals_in
from console.directories import DirectoryForm
from console.forms import EditForm
from console.organizations import chosen, default_choices, defaults, tell_left_out
from identity import directories as verbs
from identity import looking
from identity.directory_settings import TOKEN_DAYS_MAX, effective
from identity.handing_out import refuse_stronger_roles
from identity.models import Directory
from scim.models import LoggedRequest

_MODES: Final = (
    ("organization", "What the organization gives to every new member"),
    ("none", "Nothing: an administrator gives access by hand"),
    ("chosen", "The roles and grants checked below"),
)

# Settings that stand in the form by their own names.
_PLAIN: Final = ("request_log_days", "empties_groups", "deletes_suspend", "access_follows", "token_days")


class SettingsForm(DirectoryForm, EditForm):
    """All of a directory's settings. A limit or guard that is not ticked is off; its numbers are then not looked at."""

    active = forms.BooleanField(
        label="Switched on",
        required=False,
        help_text="Switched off, every token of this directory is refused. Its people stay as they are, and can still sign in.",
    )
    rate_limit = forms.BooleanField(label="Limit how often a token may call", required=False)
    rate_requests = forms.IntegerField(label="Requests", required=False, min_value=1, max_value=1_000_000)
    rate_seconds = forms.IntegerField(label="In seconds", required=False, min_value=1, max_value=86_400)
    burst_guard = forms.BooleanField(label="Hold back when many people leave at once", required=False)
    burst_members = forms.IntegerField(
        label="More than this many people", required=False, min_value=0, max_value=10_000_000
    )
    burst_percent = forms.IntegerField(
        label="And more than this part (%)", required=False, min_value=0, max_value=100
    )
    burst_seconds = forms.IntegerField(
        label="Within seconds", required=False, min_value=60, max_value=7 * 86_400
    )
    empties_groups = forms.BooleanField(
        label="A request may empty a large group without naming anybody", required=False
    )
    deletes_suspend = forms.BooleanField(
        label="A deletion suspends", required=False,
        help_text="For identity providers that delete whoever loses the application for a while, as authentik does: they come back as "
        "who they were, with their access, or are offboarded when the organization’s grace period ends.",
    )  # fmt: skip
    request_log_days = forms.IntegerField(
        label="Keep requests for (days)", min_value=0, max_value=365,
        help_text="Bodies and answers of each call, encrypted. 0 keeps none, and what is kept is removed.",
    )  # fmt: skip
    token_days = forms.IntegerField(
        label="A new token lives for (days)", min_value=1, max_value=TOKEN_DAYS_MAX,
        help_text="Unless its own end is chosen.",
    )  # fmt: skip
    access_follows = forms.BooleanField(
        label="It goes on assigning roles and access after the first time",
        required=False,
        help_text="For identity providers that govern access. Administrators’ edits stay untouched.",
    )
    defaults = forms.ChoiceField(
        label="First permissions of new people", choices=_MODES, widget=forms.RadioSelect
    )
    roles = forms.MultipleChoiceField(label="Roles", required=False, widget=forms.CheckboxSelectMultiple)
    grants = forms.MultipleChoiceField(label="Grants", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, directory: Directory, **kwargs: Any) -> None:
        super().__init__(*args, initial=_initial(directory), **kwargs)
        choices = default_choices(directory.organization, directory.defaults)
        self.fields["roles"].choices = choices["roles"]  # type: ignore[attr-defined]
        self.fields["grants"].choices = choices["grants"]  # type: ignore[attr-defined]
        tell_left_out(self, directory.organization)

    def clean(self) -> dict[str, Any]:
        """Ask for the numbers of what is switched on."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        for switch, names in (
            ("rate_limit", ("rate_requests", "rate_seconds")),
            ("burst_guard", ("burst_members", "burst_percent", "burst_seconds")),
        ):
            for name in names:
                if values.get(switch) and values.get(name) is None and name not in self.errors:
                    self.add_error(name, "Give a number, or switch it off.")
        return values

    def settings(self) -> dict[str, Any]:
        """Return the settings in the shape of identity.directory_settings."""
        given = self.cleaned_data
        limit = {"requests": given["rate_requests"], "seconds": given["rate_seconds"]}
        guard = {name: given[f"burst_{name}"] for name in ("members", "percent", "seconds")}
        return {
            "rate_limit": limit if given["rate_limit"] else None,
            "burst_guard": guard if given["burst_guard"] else None,
            **{name: given[name] for name in _PLAIN},
        }


def change(visit: Visit, directory: UUID) -> HttpResponse:
    """Change what the form says; settings that are as they were are not written down as chosen."""
    found = directories.find(visit, directory)
    if visit.posted is not None:
        verbs.lock(found)
        found = directories.find(visit, directory)
    found.organization = visit.organization
    if found.kind not in verbs.KINDS:
        return pulls.change(visit, found)
    form = SettingsForm(visit.posted, directory=found)
    if form.is_valid():
        before, given = effective(found.settings), form.cleaned_data
        settings = {name: value for name, value in form.settings().items() if value != before[name]}
        first = {
            "organization": {},
            "none": {"grants": [], "roles": []},
            "chosen": defaults(given["roles"], given["grants"]),
        }[given["defaults"]]
        with refusals_in(form):
            refuse_stronger_roles(visit, visit.organization, first.get("roles", ()))
            verbs.change(
                found, actor=visit.actor, name=given["name"], idp=given["idp"], active=given["active"],
                settings={**found.settings, **settings}, defaults=first,
            )  # fmt: skip
            return done(visit, "The directory is saved.", "directory", directory=directory)
    values = {
        "form": form,
        "meanwhile": edits.meanwhile(visit, form, found.pk),
        "directory": found,
        "detected": _detected(found),
        "here": "directory_change",
    }
    return page(visit, "directory_change.html", values, status=400 if form.is_bound else 200)


def _detected(directory: Directory) -> str:
    """Return the product that the latest telling request gives away; empty where none does."""
    latest = LoggedRequest.objects.filter(
        organization=directory.organization_id, directory=directory
    ).order_by("-pk")
    end = looking.edge(latest)
    telling = (latest if end is None else latest.filter(pk__gte=end)).exclude(client="")
    return telling.values_list("client", flat=True).first() or ""


def _mode(value: dict[str, Any]) -> str:
    if not value:
        return "organization"
    return "chosen" if value.get("grants") or value.get("roles") else "none"


def _initial(directory: Directory) -> dict[str, Any]:
    held = effective(directory.settings)
    # What is off offers the defaults' numbers to whoever switches it on.
    fallback = effective({})
    limit, guard = (
        held["rate_limit"] or fallback["rate_limit"],
        held["burst_guard"] or fallback["burst_guard"],
    )
    return {
        "name": directory.name,
        "idp": directory.idp,
        "active": directory.active,
        "rate_limit": held["rate_limit"] is not None,
        **{f"rate_{name}": value for name, value in limit.items()},
        "burst_guard": held["burst_guard"] is not None,
        **{f"burst_{name}": value for name, value in guard.items()},
        **{name: held[name] for name in _PLAIN},
        "defaults": _mode(directory.defaults),
        **chosen(directory.defaults),
    }
