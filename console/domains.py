"""E-mail domains: claimed, proved by DNS or confirmed by an operator."""

from typing import Final
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from console.access import Visit
from console.answers import done, page, refusals_in, refuse
from console.forms import Form
from identity import domain_proofs, domains
from identity.dns_lookup import Answer
from identity.errors import Refusal
from identity.models import Domain
from identity.outside import Outcome, Outside

PROBLEMS: Final = {
    "no_name": "DNS has nothing under this host yet.",
    "no_text": "The host has no TXT record.",
    "other_text": "The host has a TXT record, with another value.",
    "unreachable": "DNS gave no answer in time. This says nothing about your record: we ask again.",
    "proved_elsewhere": "The record is there, and another organization has proved this domain before.",
}


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
        with refusals_in(form):
            claimed = domains.claim(visit.organization, form.cleaned_data["name"], actor=visit.actor)
            return done(visit, f"{claimed.name} is claimed. Publish its TXT record to prove it.", "domains")
    return _shown(visit, form)


def check(visit: Visit, domain: UUID) -> HttpResponse | Outside[Answer]:
    """Ask DNS about a domain at once."""
    found = _one(visit, domain)
    try:
        domain_proofs.begin(found)
    except Refusal as refusal:
        form = DomainForm({"name": found.name})
        refuse(form, refusal)
        return _shown(visit, form)

    def conclude(outcome: Outcome[Answer]) -> HttpResponse:
        checked = domain_proofs.conclude(visit.organization.pk, found.pk, outcome(), actor=visit.actor)
        if checked.problem:
            return done(visit, f"{found.name}: {PROBLEMS[checked.problem]}", "domains")
        return done(visit, f"The record of {found.name} is found.", "domains")

    return Outside(lambda: domain_proofs.ask(found), conclude)


def confirm(visit: Visit, domain: UUID) -> HttpResponse:
    """Hold a domain for proved, on an operator's word."""
    found = _one(visit, domain)
    try:
        domains.confirm(found, actor=visit.actor)
    except Refusal as refusal:
        form = DomainForm({"name": found.name})
        refuse(form, refusal)
        return _shown(visit, form)
    return done(visit, f"{found.name} is confirmed.", "domains")


def _one(visit: Visit, domain: UUID) -> Domain:
    return get_object_or_404(Domain, organization=visit.organization, pk=domain)


def _shown(visit: Visit, form: DomainForm) -> HttpResponse:
    found = Domain.objects.filter(organization=visit.organization).order_by("name")
    rows = [
        (
            domain,
            PROBLEMS.get(domain.problem, ""),
            domain.missing_since and domain.missing_since + domain_proofs.GRACE,
        )
        for domain in found
    ]
    status = 400 if form.errors else 200
    return page(
        visit, "domains.html", {"form": form, "domains": rows, "host": domain_proofs.HOST}, status=status
    )
