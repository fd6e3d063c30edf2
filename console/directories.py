"""Directories: the places that people come from."""

from typing import Final
from uuid import UUID

from django import forms
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from console import words
from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import Form
from console.paging import PAGE_ROWS, cut, decode
from identity import directories
from identity.models import Directory, DirectorySize, Pull, Run, Token
from scim import logged

# What each product asks for on its own screen.
HINTS: Final[dict[str, tuple[str, ...]]] = {
    "okta": (
        "Applications › this app › Provisioning › Integration: choose HTTP Header as authentication, paste base URL and token.",
        "Provisioning › To App: tick Create Users, Update User Attributes and Deactivate Users.",
    ),
    "okta_wizard": (
        "Applications › this app › General › App Settings: provisioning SCIM; then the Provisioning tab.",
        "Unique identifier field: userName. Authentication mode: HTTP Header.",
    ),
    "entra": (
        "Enterprise applications › this app › Provisioning › Connectivity: paste base URL as Tenant URL, token as Secret Token.",
        "Test Connection asks for a person who does not exist; the empty answer is the right one.",
    ),
    "entra_scim2": (
        "Enterprise applications › this app › Provisioning › Connectivity: paste base URL as Tenant URL, token as Secret Token.",
        "Behind the Tenant URL write ?aadOptscim062020, so that Entra speaks the standard's PATCH.",
        "Test Connection asks for a person who does not exist; the empty answer is the right one.",
    ),
    "google": (
        "Google Workspace pushes to few applications only; where it cannot, Rollcall reads its directory instead.",
    ),
}
HINTS_OTHERS: Final = (
    "Paste the base URL and the token where your identity provider asks for SCIM 2.0 with a bearer token.",
)


class DirectoryForm(Form):
    """Name of the directory and the product that speaks to us."""

    name = forms.CharField(
        label="Name", max_length=200, help_text="As your people call it, as Okta production."
    )
    idp = forms.ChoiceField(
        label="Identity provider",
        choices=[
            (name, words.of_idp(name))
            for name in sorted(directories.IDPS, key=lambda name: (name == "generic", words.of_idp(name)))
        ],
        help_text="Says what to click there, and decides where two products mean different things by one request.",
    )


def index(visit: Visit) -> HttpResponse:
    """List the directories by name: what product, how many people, when last heard."""
    key = decode(visit.request.GET.get("after", ""), 1)
    rows = counted(visit) if key is None else counted(visit).filter(name__gt=key[0])
    found = observed(visit, rows[: PAGE_ROWS + 1])
    listed = cut(visit.request.GET, found, lambda row: (row.name,), begun=key is not None)
    return page(visit, "directories.html", {"page": listed})


def create(visit: Visit) -> HttpResponse:
    """Add a directory."""
    form = DirectoryForm(visit.posted)
    if form.is_valid():
        with refusals_in(form):
            made = directories.create(
                visit.organization,
                actor=visit.actor,
                name=form.cleaned_data["name"],
                idp=form.cleaned_data["idp"],
            )
            return done(
                visit, f"{made.name} is there. Issue a token for it next.", "directory", directory=made.pk
            )
    return page(visit, "directory_create.html", {"form": form}, status=400 if form.is_bound else 200)


def counted(visit: Visit) -> "QuerySet[Directory]":
    """Return the directories with the numbers of linked people and usable tokens."""
    now = timezone.now()
    # PostgreSQL keeps them, whoever comes and goes.
    people = DirectorySize.objects.filter(organization=visit.organization, directory=OuterRef("pk"))
    # Counted for those on the page alone: joined, they would be for all.
    tokens = Token.objects.filter(
        organization=visit.organization, directory=OuterRef("pk"), revoked_at__isnull=True, expires_at__gt=now
    )
    return (
        Directory.objects.filter(organization=visit.organization)
        .annotate(
            people=Coalesce(
                Subquery(people.values("directory").annotate(sum=Sum("people")).values("sum")), 0
            ),
            usable=Coalesce(
                Subquery(tokens.values("directory").annotate(number=Count("pk")).values("number")), 0
            ),
        )
        .order_by("name")
    )


def observed(visit: Visit, rows: "QuerySet[Directory]") -> list[Directory]:
    """Return them with how they get on.

    `refused`: (refused, of how many) of the latest requests, where any was; `pull`: how it is read, `held`: the run whose plan waits for
    somebody, or None.
    """
    found = list(rows)
    refused = logged.refused_lately(visit.organization.pk, found)
    mine = {"organization": visit.organization, "directory__in": found}
    pulls = {
        each.directory_id: each for each in Pull.objects.filter(**mine).defer("credentials", "file", "cookie")
    }
    held = {each.directory_id: each for each in held_plans(visit).filter(directory__in=found)}
    for each in found:
        state = {"refused": refused.get(each.pk), "pull": pulls.get(each.pk), "held": held.get(each.pk)}
        vars(each).update(state)
    return found


def held_plans(visit: Visit) -> "QuerySet[Run]":
    """Return the runs whose plan waits for somebody's approval, the oldest first."""
    return (
        Run.objects.filter(organization=visit.organization, state=Run.State.HELD)
        .select_related("directory")
        .order_by("pk")
    )


def find(visit: Visit, directory: UUID) -> Directory:
    """Return the directory of the visit's organization with its numbers, or answer 404."""
    return get_object_or_404(counted(visit), pk=directory)
