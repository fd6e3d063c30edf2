"""How an organization's people sign in: with or without passwords, and how they find the door."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from console import edits
from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import EditForm
from identity import organizations
from identity import sign_on as identity_sign_on
from identity.models import Member, Organization
from saml import sign_on


class SignOnForm(EditForm):
    """What an organization decides about signing in."""

    sign_on = forms.ChoiceField(
        label="Ways in",
        choices=(
            (Organization.SignOn.ALSO_PASSWORD, "Single sign-on, and a password for whoever has one"),
            (Organization.SignOn.SINGLE_SIGN_ON, "Single sign-on alone"),
        ),
        widget=forms.RadioSelect,
        help_text="API tokens go on working either way. Open sessions go on until they end.",
    )
    break_glass = forms.ChoiceField(
        label="Break-glass administrator",
        required=False,
        help_text="Their password still works when single sign-on is the only way. Each use is recorded, and all "
        "administrators are written to. To choose from: active administrators with a password who come from no directory.",
    )
    sso_identifier = forms.CharField(
        label="SSO identifier",
        required=False,
        max_length=300,
        help_text="A name as acme.com by which people find this organization on the sign-in page. It need not exist; "
        "no other organization can have it.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    start_here = forms.BooleanField(
        label="Sign-in may start here",
        required=False,
        help_text="Off: people come in from the identity provider's own page alone, and nobody links themselves to it.",
    )

    def __init__(self, *args: Any, people: list[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(str(member.pk), f"{member.display_name} ({member.user_name})") for member in people]
        self.fields["break_glass"].choices = [("", "Nobody"), *named]  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """Return the fields for the verb."""
        given = self.cleaned_data
        return {
            "sign_on": given["sign_on"],
            "break_glass_id": UUID(given["break_glass"]) if given["break_glass"] else None,
            "sso_identifier": given["sso_identifier"] or None,
            "start_here": given["start_here"],
        }


def show(visit: Visit) -> HttpResponse:
    """Show and change how people sign in."""
    organization = edits.current(visit, visit.organization, organizations.lock)
    initial = {
        "sign_on": organization.sign_on,
        "break_glass": str(organization.break_glass_id or ""),
        "sso_identifier": organization.sso_identifier or "",
        "start_here": organization.start_here,
    }
    form = SignOnForm(visit.posted, initial=initial, people=_people(organization))
    if form.is_valid():
        with refusals_in(form):
            sign_on.change(organization, actor=visit.actor, **form.values())
            return done(visit, "How people sign in is saved.", "sign_on")
    values = {
        "form": form,
        "meanwhile": edits.meanwhile(visit, form, organization.pk),
        "warnings": sign_on.warnings(organization),
        "link": _link(organization),
    }
    return page(visit, "sign_on.html", values, status=400 if form.is_bound else 200)


def _people(organization: Organization) -> list[Member]:
    """Return who can be chosen; who was chosen before stays choosable, so that saving the page changes nothing by itself."""
    people = identity_sign_on.candidates(organization)
    named = organization.break_glass_id
    if named is not None and named not in {member.pk for member in people}:
        people.append(Member.objects.get(organization=organization, pk=named))
    return people


def _link(organization: Organization) -> str:
    """Return the link to the sign-in page that is filled in already."""
    query = urlencode({"sso": organization.sso_identifier or organization.slug})
    return f"{settings.ROLLCALL_PUBLIC_URL}{reverse('sign_in')}?{query}"
