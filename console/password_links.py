"""A password link: made for a member by whoever may do as much, shown once, and the page on which its owner sets the password."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from console.access import Visit
from console.answers import page, refusals_in
from console.forms import Form
from console.members import find
from identity import operators, password_links
from identity.errors import Forbidden, Invalid, NotFound
from identity.handing_out import refuse_stronger_person
from identity.passwords import CHARACTERS_MIN

_LENGTH_MAX: Final = 1024
_STRONGER: Final = "This member may do more than you. Ask somebody with the same roles to make the link."


class NewPasswordForm(Form):
    """A password, typed twice: whoever sets it here has no other way in to correct it."""

    password = forms.CharField(
        label="New password", strip=False, max_length=_LENGTH_MAX,
        help_text=f"At least {CHARACTERS_MIN} characters: four unrelated words are easy to remember.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    again = forms.CharField(
        label="The same again", strip=False, max_length=_LENGTH_MAX,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def clean_again(self) -> str:
        """Refuse two different ones."""
        again: str = self.cleaned_data["again"]
        if "password" in self.cleaned_data and again != self.cleaned_data["password"]:
            raise forms.ValidationError("These are two different passwords.")
        return again


def make(visit: Visit, member: UUID) -> HttpResponse:
    """Show a new link, this once. Nobody opens the way to more than they may do themselves."""
    found = find(visit, member)
    if operators.is_operator(found) and not visit.operator:
        raise PermissionDenied(_STRONGER)
    try:
        refuse_stronger_person(visit, found)
        link = password_links.make(found, actor=visit.actor)
    except Forbidden as refusal:
        raise PermissionDenied(_STRONGER) from refusal
    except Invalid as refusal:
        raise PermissionDenied(refusal.message) from refusal
    url = f"{settings.ROLLCALL_PUBLIC_URL}{reverse('password_link', args=[link])}"
    return page(
        visit, "password_link_made.html", {"member": found, "url": url, "hours": password_links.HOURS}
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def follow(request: HttpRequest, link: str) -> HttpResponse:
    """Let whoever has the link set the password, once."""
    values: dict[str, Any] = {"plain_title": "Set your password"}
    try:
        member = password_links.follow(link)
    except NotFound as refusal:
        return render(
            request, "console/password_link_gone.html", {**values, "why": refusal.message}, status=404
        )
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    values |= {"member": member, "form": form}
    if form.is_valid():
        with refusals_in(form):
            password_links.use(link, form.cleaned_data["password"])
            return render(request, "console/password_link_done.html", values)
    return render(request, "console/password_link.html", values, status=400 if form.is_bound else 200)
