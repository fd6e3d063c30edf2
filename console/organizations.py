"""The organizations of this server, for operators, and the settings of one."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from audit.record import Actor
from console import edits, words
from console.access import Visit
from console.answers import SeeOther, done, page, refusals_in
from console.forms import EditForm, Form
from console.members import in_state
from console.numbers import UpTo
from console.paging import PAGE_ROWS, cut, decode, is_uuid, searched
from identity import organizations, tenancy
from identity.handing_out import refuse_stronger_roles
from identity.models import Domain, Member, Organization, Resource, Role
from identity.profile import key_of
from saml.models import Attempt
from scim import bursts

_GRANTS_MAX: Final = 300
_COUNTED: Final = (Member.State.ACTIVE, Member.State.SUSPENDED)
_PLAIN: Final = (
    "name",
    "time_zone",
    "grace_days",
    "session_hours",
    "retention_days",
    "second_factor",
    "email_unique",
)


class NewForm(Form):
    """A new customer."""

    name = forms.CharField(label="Name", max_length=200)
    slug = forms.CharField(
        label="Short name",
        max_length=63,
        help_text="In addresses, as /o/acme: lowercase letters, digits, hyphens. It stays for good.",
    )
    access_model = forms.ChoiceField(
        label="Access model",
        choices=list(words.ACCESS_MODELS.items()),
        help_text="Kinds of resources to begin with.",
    )


class SettingsForm(EditForm):
    """What an organization decides for itself."""

    name = forms.CharField(label="Name", max_length=200)
    time_zone = forms.ChoiceField(
        label="Time zone",
        choices=lambda: [(name, name) for name in sorted(organizations.time_zones())],
        help_text="By its clocks people leave whose end is a date and hour.",
    )
    grace_days = forms.IntegerField(
        label="Grace period (days)",
        min_value=0,
        max_value=3650,
        help_text="A member suspended for this long is offboarded. 0 offboards at once.",
    )
    session_hours = forms.IntegerField(
        label="Session length (hours)",
        min_value=1,
        max_value=720,
        help_text="After this, people sign in again.",
    )
    retention_days = forms.IntegerField(
        label="Leavers are erased after (days)",
        required=False,
        min_value=0,
        max_value=3650,
        help_text="So long after somebody was offboarded, it is forgotten for good who they were. 0 keeps everybody.",
    )
    second_factor = forms.ChoiceField(
        label="Second factor at sign-in",
        required=False,
        choices=list(words.SECOND_FACTORS.items()),
        help_text="Who must and has none yet sets up an authenticator app at the next sign-in.",
    )
    email_unique = forms.BooleanField(
        label="One member for each e-mail address",
        required=False,
        help_text="Off by default: identity providers push second accounts with the same mailbox.",
    )
    roles = forms.MultipleChoiceField(label="Roles", required=False, widget=forms.CheckboxSelectMultiple)
    grants = forms.MultipleChoiceField(label="Grants", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self, *args: Any, roles: list[tuple[str, str]], grants: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = roles  # type: ignore[attr-defined]
        self.fields["grants"].choices = grants  # type: ignore[attr-defined]


def index(visit: Visit) -> HttpResponse:
    """List every organization with the numbers of its people."""
    query = visit.request.GET
    text = searched(query)
    key = decode(query.get("after", ""), 1)
    with tenancy.everywhere("an operator's list of organizations"):
        if is_uuid(text) and (attempt := _referred_to(UUID(text))) is not None:
            return HttpResponseRedirect(
                reverse("sign_in_attempt", args=[attempt.organization.slug, attempt.pk])
            )
        rows = Organization.objects.order_by("slug")
        if text:
            rows = rows.filter(Q(name__icontains=text) | Q(slug__icontains=text) | _reached_by(text))
        if key is not None:
            rows = rows.filter(slug__gt=key[0])
        # A range of one, as in the list of groups: an equal one is expected to be so large that everybody is read for it.
        here = Member.objects.filter(organization__gte=OuterRef("pk"), organization__lte=OuterRef("pk"))
        counted = {state: UpTo(in_state(here, state)) for state in _COUNTED}
        found = list(rows.annotate(**counted)[: PAGE_ROWS + 1])
        held = bursts.held_anywhere().filter(organization__in=[row.pk for row in found])
        with_people_held = set(held.values_list("organization_id", flat=True))
    listed = cut(query, found, lambda row: (row.slug,), begun=key is not None)
    return page(visit, "organizations.html", {"page": listed, "held": with_people_held, "q": text})


def _referred_to(reference: UUID) -> Attempt | None:
    """Return the sign-in whose reference somebody was shown when it was refused."""
    return Attempt.objects.select_related("organization").filter(pk=reference).first()


def _reached_by(text: str) -> Q:
    """Return which organizations an address, a domain or an SSO identifier leads to: all that somebody who cannot get in may know."""
    key = key_of(text)
    domain = key.rpartition("@")[2]
    found = Q(sso_identifier=domain) | Q(
        Exists(Domain.objects.filter(organization=OuterRef("pk"), name=domain))
    )
    if "@" not in key:
        return found
    here = Member.objects.filter(organization=OuterRef("pk"))
    return found | Q(Exists(here.filter(user_name_key=key))) | Q(Exists(here.filter(email_key=key)))


def create(visit: Visit) -> HttpResponse:
    """Add a customer."""
    form = NewForm(visit.posted)
    if form.is_valid():
        # The organization that acts is no longer the one that it acts in.
        actor = Actor("operator", str(visit.member.pk), visit.member.user_name)
        with refusals_in(form):
            made = organizations.create(**form.cleaned_data, actor=actor)
            messages.success(visit.request, f"{made.name} is there. Its first steps stand below.")
            return SeeOther(reverse("overview", args=[made.slug]))
    return page(visit, "organization_create.html", {"form": form}, status=400 if form.is_bound else 200)


def settings(visit: Visit) -> HttpResponse:
    """Change the organization's name, periods and defaults."""
    organization = edits.current(visit, visit.organization, organizations.lock)
    choices = default_choices(organization, organization.defaults)
    form = SettingsForm(
        visit.posted,
        initial={
            "name": organization.name,
            "time_zone": organization.time_zone,
            "grace_days": organization.grace_days,
            "session_hours": organization.session_hours,
            "retention_days": organization.retention_days,
            "second_factor": organization.second_factor,
            "email_unique": organization.email_unique,
            **chosen(organization.defaults),
        },
        **choices,
    )
    tell_left_out(form, organization)
    if form.is_valid():
        given = form.cleaned_data
        plain = {name: given[name] for name in _PLAIN if given[name] not in {"", None}}
        with refusals_in(form):
            refuse_stronger_roles(visit, visit.organization, given["roles"])
            organizations.change(
                organization, actor=visit.actor, **plain, defaults=defaults(given["roles"], given["grants"])
            )
            return done(visit, "The settings are saved.", "settings")
    values = {"form": form, "meanwhile": edits.meanwhile(visit, form, organization.pk)}
    return page(visit, "settings.html", values, status=400 if form.is_bound else 200)


def default_choices(organization: Organization, kept: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Return the roles and (resource, permission) pairs that first permissions can be chosen from, as form choices.

    What `kept` holds stays choosable, also beyond the first few hundred resources.
    """
    grants = [
        (
            f"{resource.kind.name}\x1f{resource.key}\x1f{permission}",
            f"{resource.name or resource.key} — {resource.kind.name}, {permission}",
        )
        for resource in Resource.objects.filter(organization=organization, retired_at__isnull=True)
        .select_related("kind")
        .order_by("kind_id", "name", "key")[:_GRANTS_MAX]
        for permission in resource.kind.permissions
    ]
    offered = {value for value, _ in grants}
    grants += [
        (value, value.replace("\x1f", " ")) for value in chosen(kept)["grants"] if value not in offered
    ]
    roles = [
        (role.name, role.label or role.name)
        for role in Role.objects.filter(organization=organization).order_by("-built_in", "name")
    ]
    return {"roles": roles, "grants": grants}


def tell_left_out(form: Form, organization: Organization) -> None:
    """Say below the form's grants if there are more resources than can be chosen from."""
    number = Resource.objects.filter(organization=organization, retired_at__isnull=True).count()
    if number > _GRANTS_MAX:
        form.fields[
            "grants"
        ].help_text = (
            f"The first {_GRANTS_MAX} of {number} resources can be chosen from here. Name others by API."
        )


def chosen(value: dict[str, Any] | None) -> dict[str, list[str]]:
    """Return first permissions as the values of the form's check boxes."""
    held = value or {}
    return {
        "roles": list(held.get("roles") or []),
        "grants": [
            f"{spec['kind']}\x1f{spec['id']}\x1f{spec['permission']}" for spec in held.get("grants") or []
        ],
    }


def defaults(roles: list[str], grants: list[str]) -> dict[str, Any]:
    """Return checked boxes as first permissions."""
    parts = [value.split("\x1f") for value in grants]
    return {
        "grants": [{"kind": kind, "id": key, "permission": permission} for kind, key, permission in parts],
        "roles": roles,
    }
