"""A password link: made for a member by whoever may do as much, shown once, and the page on which its owner sets the password."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from console import passwords
from console.access import Visit
from console.answers import page, refuse
from console.forms import Form
from console.members import find
from identity import password_links, sign_on
from identity.errors import Forbidden, Invalid, NotFound
from identity.models import Member
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
    try:
        link = password_links.make(found, actor=visit.actor, holder=visit)
    except Forbidden as refusal:
        raise PermissionDenied(_STRONGER) from refusal
    except Invalid as refusal:
        raise PermissionDenied(refusal.message) from refusal
    closed = bool(sign_on.password_refusal(found))
    values = {"member": found, "url": link.url, "hours": password_links.HOURS, "closed": closed}
    return page(visit, "password_link_made.html", values)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def follow(request: HttpRequest, link: str) -> HttpResponse:
    """Let whoever has the link set the password, once."""
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    values: dict[str, Any] = {"plain_title": "Set your password", "form": form}
    try:
        values["member"] = password_links.follow(link)
        if form.is_valid():
            password_links.use(link, form.cleaned_data["password"])
            return render(request, "console/password_link_done.html", values)
    except Invalid as refusal:
        refuse(form, refusal)
    except password_links.Used as refusal:
        values |= {"member": refusal.member, "why": refusal.message}
        is_same = form.is_valid() and _is_set(refusal.member, form.cleaned_data["password"])
        name, status = ("done", 200) if is_same else ("gone", 404)
        return render(request, f"console/password_link_{name}.html", values, status=status)
    except NotFound as refusal:
        values["why"] = refusal.message
        return render(request, "console/password_link_gone.html", values, status=404)
    return render(request, "console/password_link.html", values, status=400 if form.is_bound else 200)


def _is_set(member: Member, password: str) -> bool:
    """Tell whether this is the member's password by now: a form that was sent twice did what it says. A try at the door like any other."""
    try:
        return passwords.confirm(member, password, at="password_link")
    except passwords.SignInRefused:
        return False
