"""The organization's roles, what each allows, and roles of its own."""

from typing import Any

from django import forms
from django.db.models import OuterRef
from django.http import HttpResponse

from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import Form
from console.numbers import UpTo
from identity import roles
from identity.handing_out import refuse_more_than_own
from identity.models import Role, RoleAssignment


class RoleForm(Form):
    """Name, label and capabilities of a new role."""

    name = forms.CharField(
        label="Name",
        max_length=63,
        help_text="What identity providers assert: lowercase letters, digits and underscores.",
    )
    label = forms.CharField(label="Label", max_length=200, required=False, help_text="What people read.")
    capabilities = forms.MultipleChoiceField(
        label="Capabilities",
        required=False,
        choices=[(name, name) for name in roles.CAPABILITIES],
        widget=forms.CheckboxSelectMultiple,
    )


def index(visit: Visit) -> HttpResponse:
    """List the roles with their capabilities and how many hold them."""
    return page(visit, "roles.html", {"roles": _roles(visit), "capabilities": roles.CAPABILITIES})


def define(visit: Visit) -> HttpResponse:
    """Add a role."""
    form = RoleForm(visit.posted)
    if form.is_valid():
        values: dict[str, Any] = form.cleaned_data
        with refusals_in(form):
            refuse_more_than_own(visit, values["capabilities"], "capabilities")
            roles.define(
                visit.organization,
                values["name"],
                label=values["label"],
                capabilities=values["capabilities"],
                actor=visit.actor,
            )
            return done(visit, f"The role {values['name']} is there.", "roles")
    return page(visit, "role_define.html", {"form": form}, status=400 if form.is_bound else 200)


def _roles(visit: Visit) -> list[Role]:
    held = RoleAssignment.objects.filter(
        organization=visit.organization, role=OuterRef("pk"), ended_at__isnull=True
    ).exclude(member__state="offboarded")
    return list(
        Role.objects.filter(organization=visit.organization)
        .annotate(holders=UpTo(held))
        .order_by("-built_in", "name")
    )
