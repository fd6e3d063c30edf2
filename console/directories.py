"""Directories, and the tokens with which they call us."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone

from console import reading, words
from console.access import Visit
from console.answers import done, page, refuse
from console.forms import Form
from identity import directories, tokens
from identity.errors import Refusal
from identity.models import Directory, Token

_LIFETIMES: Final = (("90", "90 days"), ("180", "180 days"), ("365", "1 year"), ("730", "2 years"))
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
        help_text="Decides which of its dialects is understood.",
    )


class ChangeForm(DirectoryForm):
    """The same, and whether it may call at all."""

    active = forms.BooleanField(
        label="Switched on",
        required=False,
        help_text="Switched off, every token of this directory is refused.",
    )


class TokenForm(Form):
    """A token's name and how long it lives."""

    name = forms.CharField(
        label="Name", max_length=200, required=False, help_text="To tell several tokens apart."
    )
    days = forms.ChoiceField(label="Lives for", choices=_LIFETIMES, initial="365")


def index(visit: Visit) -> HttpResponse:
    """List the directories: what product, how many people, when last heard."""
    return page(visit, "directories.html", {"directories": list(counted(visit)), "base_url": base_url()})


def one(visit: Visit, directory: UUID) -> HttpResponse:
    """Show one directory with its base URL and tokens."""
    return _page(visit, _find(visit, directory), TokenForm())


def create(visit: Visit) -> HttpResponse:
    """Add a directory."""
    form = DirectoryForm(visit.posted)
    if form.is_valid():
        try:
            made = directories.create(
                visit.organization,
                actor=visit.actor,
                name=form.cleaned_data["name"],
                idp=form.cleaned_data["idp"],
            )
        except Refusal as refusal:
            refuse(form, refusal)
        else:
            return done(
                visit, f"{made.name} is there. Issue a token for it next.", "directory", directory=made.pk
            )
    return page(visit, "directory_create.html", {"form": form}, status=400 if form.is_bound else 200)


def change(visit: Visit, directory: UUID) -> HttpResponse:
    """Rename a directory, name its product, switch it on or off."""
    found = _find(visit, directory)
    form = ChangeForm(visit.posted, initial={"name": found.name, "idp": found.idp, "active": found.active})
    if form.is_valid():
        try:
            directories.change(found, actor=visit.actor, **form.cleaned_data)
        except Refusal as refusal:
            refuse(form, refusal)
        else:
            return done(visit, "The directory is saved.", "directory", directory=directory)
    return page(
        visit,
        "directory_change.html",
        {"form": form, "directory": found},
        status=400 if form.is_bound else 200,
    )


def issue_token(visit: Visit, directory: UUID) -> HttpResponse:
    """Issue a token and show it, this once.

    The one POST without a redirect: the secret is kept nowhere, so no later page could show it.
    """
    found = _find(visit, directory)
    form = TokenForm(visit.request.POST)
    if not form.is_valid():
        return _page(visit, found, form, status=400)
    try:
        token, secret = tokens.issue(
            found,
            actor=visit.actor,
            name=form.cleaned_data["name"],
            expires_at=timezone.now() + timedelta(days=int(form.cleaned_data["days"])),
        )
    except Refusal as refusal:
        refuse(form, refusal)
        return _page(visit, found, form, status=400)
    values = {"directory": found, "token": token, "secret": secret, "base_url": base_url()}
    return page(visit, "token_issued.html", values)


def revoke_token(visit: Visit, directory: UUID, token: UUID) -> HttpResponse:
    """Revoke a token of the directory."""
    found = Token.objects.filter(
        organization=visit.organization, directory=_find(visit, directory), pk=token
    ).first()
    if found is None:
        raise Http404
    tokens.revoke(found, actor=visit.actor, reason="revoked_by_administrator")
    return done(
        visit,
        f"The token {found.prefix} is revoked: the next request with it is refused.",
        "directory",
        directory=directory,
    )


def counted(visit: Visit) -> "QuerySet[Directory]":
    """Return the directories with the numbers of linked people and usable tokens."""
    now = timezone.now()
    return (
        Directory.objects.filter(organization=visit.organization)
        .annotate(
            people=Count("links", filter=Q(links__tombstoned_at__isnull=True), distinct=True),
            usable=Count(
                "tokens", filter=Q(tokens__revoked_at__isnull=True, tokens__expires_at__gt=now), distinct=True
            ),
        )
        .order_by("name")
    )


def base_url() -> str:
    """Return where every directory calls; the token tells which one it is."""
    return f"{settings.ROLLCALL_PUBLIC_URL}/scim/v2"


def _page(visit: Visit, directory: Directory, form: TokenForm, *, status: int = 200) -> HttpResponse:
    values: dict[str, Any] = {
        "directory": directory,
        "form": form,
        "base_url": base_url(),
        "now": timezone.now(),
        "hints": HINTS.get(directory.idp, HINTS_OTHERS),
        "tokens": list(
            Token.objects.filter(organization=visit.organization, directory=directory).order_by(
                F("revoked_at").asc(nulls_first=True), "-created_at"
            )[:50]
        ),
        "history": reading.of_subject(visit.organization.pk, str(directory.pk), 5)
        if visit.may("record")
        else [],
    }
    return page(visit, "directory.html", values, status=status)


def _find(visit: Visit, directory: UUID) -> Directory:
    found = counted(visit).filter(pk=directory).first()
    if found is None:
        raise Http404
    return found
