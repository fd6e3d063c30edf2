"""The tokens of a directory: issue, rotate without a gap, revoke."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from console import directories
from console.access import Visit
from console.answers import done, page, refuse
from console.directory_page import OVERLAP_DAYS, TokenForm, show
from identity import tokens
from identity.errors import Refusal
from identity.models import Directory, Token
from scim.address import base_url


def issue(visit: Visit, directory: UUID) -> HttpResponse:
    """Issue a token and show it, this once.

    With `rotate` one of the two POSTs without a redirect: the secret is kept nowhere, so no later page could show it.
    """
    found = directories.find(visit, directory)
    form = TokenForm(visit.request.POST, directory=found)
    if not form.is_valid():
        return show(visit, found, form, status=400)
    try:
        token, secret = tokens.issue(
            found,
            actor=visit.actor,
            name=form.cleaned_data["name"],
            expires_at=timezone.now() + timedelta(days=form.cleaned_data["days"]),
        )
    except Refusal as refusal:
        refuse(form, refusal)
        return show(visit, found, form, status=400)
    return _issued(visit, found, token, secret)


def rotate(visit: Visit, directory: UUID, token: UUID) -> HttpResponse:
    """Issue a token in the place of another one, and show it, this once; both work for a week."""
    found = directories.find(visit, directory)
    old = _find(visit, found, token)
    try:
        made, secret = tokens.rotate(old, actor=visit.actor, overlap=timedelta(days=OVERLAP_DAYS))
    except Refusal as refusal:
        form = TokenForm({"days": "365"}, directory=found)
        refuse(form, refusal)
        return show(visit, found, form, status=400)
    old.refresh_from_db(fields=["expires_at"])
    return _issued(visit, found, made, secret, old)


def revoke(visit: Visit, directory: UUID, token: UUID) -> HttpResponse:
    """Revoke a token of the directory."""
    found = _find(visit, directories.find(visit, directory), token)
    tokens.revoke(found, actor=visit.actor, reason="revoked_by_administrator")
    return done(
        visit,
        f"The token {found.prefix} is revoked: the next request with it is refused.",
        "directory",
        directory=directory,
    )


def _find(visit: Visit, directory: Directory, token: UUID) -> Token:
    return get_object_or_404(Token, organization=visit.organization, directory=directory, pk=token)


def _issued(
    visit: Visit, directory: Directory, token: Token, secret: str, old: Token | None = None
) -> HttpResponse:
    values = {
        "directory": directory,
        "token": token,
        "secret": secret,
        "base_url": base_url(),
        "old": old,
    }
    return page(visit, "token_issued.html", values)
