"""Where people arrive, and their own page."""

from uuid import UUID

from django import forms
from django.contrib.auth.hashers import is_password_usable
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from console import links, member_page, passwords
from console.access import Visit
from console.answers import SeeOther, page, tell
from console.forms import Form
from console.sign_in import LOCKED
from identity import members, reviews, second_factors, sessions, tenancy
from identity.browser import forget
from identity.errors import Refusal
from identity.models import Member, Review, Session
from identity.roles import administrators


class PasswordForm(Form):
    """The old password and a new one."""

    old = forms.CharField(
        label="Present password", strip=False, max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip
    new = forms.CharField(
        label="New password", strip=False, max_length=1024,
        help_text="At least 15 characters; four unrelated words will do. All your sessions end.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip


def home(visit: Visit) -> HttpResponse:
    """Lead on: operators to the organizations, people with capabilities to their organization, the others to their own page."""
    if visit.operator:
        return SeeOther(reverse("organizations"))
    if visit.may("overview"):
        return SeeOther(reverse("overview", args=[visit.organization.slug]))
    return SeeOther(reverse("me"))


def me(visit: Visit) -> HttpResponse:
    """Show people what is kept about them: profile, access, groups, sessions."""
    values = member_page.read(visit.member)
    nothing = not values["access"] and not values["roles"] and not visit.capabilities
    values |= {
        "has_password": is_password_usable(visit.member.password),
        "second_factor": second_factors.of(visit.member),
        "nothing": nothing,
        "reviews": _reviews(visit),
        "links": links.rows(visit),
        "administrators": _administrators(visit) if nothing else [],
    }
    return page(visit, "me.html", values)


def end_session(visit: Visit, session: UUID) -> HttpResponse:
    """End one of one's own sessions."""
    found = get_object_or_404(
        Session, organization=visit.organization, member=visit.member, pk=session, ended_at__isnull=True
    )
    sessions.end(found, actor=visit.actor, reason="ended_by_member")
    tell(visit, "The session has ended.")
    return SeeOther(reverse("me"))


def password(visit: Visit) -> HttpResponse:
    """Change one's own password; every session ends, this one too."""
    if not is_password_usable(visit.member.password):
        raise Http404
    form = PasswordForm(visit.posted)
    if form.is_valid():
        try:
            if passwords.confirm(visit.member, form.cleaned_data["old"]):
                members.set_password(visit.member, form.cleaned_data["new"], actor=visit.actor)
                response = SeeOther(reverse("sign_in"))
                forget(response)
                return response
            form.add_error("old", "This is not your present password.")
        except passwords.SignInRefused:
            form.add_error("old", LOCKED)
        except Refusal as refusal:
            form.add_error("new", refusal.message)
    return page(visit, "password.html", {"form": form}, status=400 if form.is_bound else 200)


def _reviews(visit: Visit) -> list[Review]:
    """Return the access reviews that wait for the visitor: who has no role finds them nowhere else, should the letter be lost."""
    with tenancy.of(visit.member.organization_id):
        return list(reviews.waiting_for(visit.member))


def _administrators(visit: Visit) -> list[Member]:
    """Return whom somebody with access to nothing can ask, at most five."""
    with tenancy.of(visit.member.organization_id):
        found = administrators(visit.member.organization_id).select_related("member").order_by("pk")
        return [held.member for held in found[:5]]
