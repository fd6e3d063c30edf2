"""E-mail domains: claimed, proved by DNS or confirmed by an operator."""

from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse

from console.access import Visit
from console.answers import done, page, refuse
from console.forms import Form
from identity import domains
from identity.errors import Refusal
from identity.models import Domain


class DomainForm(Form):
    """The name of a domain."""

    name = forms.CharField(
        label="Domain",
        max_length=253,
        widget=forms.TextInput(
            attrs={"placeholder": "example.com", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


def index(visit: Visit) -> HttpResponse:
    """List the domains with what is missing to prove them; a POST claims one more."""
    form = DomainForm(visit.posted)
    if form.is_valid():
        try:
            claimed = domains.claim(visit.organization, form.cleaned_data["name"], actor=visit.actor)
        except Refusal as refusal:
            refuse(form, refusal)
        else:
            return done(visit, f"{claimed.name} is claimed. Publish its TXT record to prove it.", "domains")
    found = Domain.objects.filter(organization=visit.organization).order_by("name")
    return page(
        visit, "domains.html", {"form": form, "domains": list(found)}, status=400 if form.errors else 200
    )


def confirm(visit: Visit, domain: UUID) -> HttpResponse:
    """Hold a domain for proved, on an operator's word."""
    found = Domain.objects.filter(organization=visit.organization, pk=domain).first()
    if found is None:
        raise Http404
    form = DomainForm(initial={"name": ""})
    try:
        domains.confirm(found, actor=visit.actor)
    except Refusal as refusal:
        form = DomainForm({"name": found.name})
        refuse(form, refusal)
        rows = Domain.objects.filter(organization=visit.organization).order_by("name")
        return page(visit, "domains.html", {"form": form, "domains": list(rows)}, status=400)
    return done(visit, f"{found.name} is confirmed.", "domains")
