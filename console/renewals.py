"""Letting people come under another name than before, where the identity provider has changed how it calls them."""

from typing import Final
from uuid import UUID

from django import forms
from django.http import HttpResponse

from console.access import Visit
from console.answers import done, page, refuse
from console.connections import find
from console.forms import Form
from console.paging import shorten
from identity.errors import Refusal
from saml import renewal

_WAITING_SHOWN_MAX: Final = 100


class RenewalForm(Form):
    """For how long."""

    days = forms.IntegerField(
        label="Days",
        min_value=1,
        max_value=renewal.DAYS_MAX,
        initial=renewal.DAYS_DEFAULT,
        help_text=f"1 to {renewal.DAYS_MAX}. Whoever has not signed in by then keeps the former name, and is refused under the new one.",
    )


def edit(visit: Visit, connection: UUID) -> HttpResponse:
    """Show how far it is; begin, prolong or end it."""
    found = find(visit, connection)
    ending = visit.posted is not None and visit.posted.get("act") == "end"
    form = RenewalForm(None if ending else visit.posted)
    problem = ""
    try:
        if ending:
            renewal.end(found, actor=visit.actor)
            return done(
                visit, "People keep the names they have now.", "connection_renewal", connection=connection
            )
        if form.is_valid():
            made = renewal.begin(found, actor=visit.actor, days=form.cleaned_data["days"])
            said = f"Until {made.renewal_ends_at:%-d %b %Y, %H:%M} UTC people may come under another name, each once."
            return done(visit, said, "connection_renewal", connection=connection)
    except Refusal as refusal:
        if ending:
            problem = refusal.message
        else:
            refuse(form, refusal)
    values = {
        "connection": found,
        "form": form,
        "problem": problem,
        "progress": renewal.progress(found),
        "waiting": shorten(renewal.waiting(found), _WAITING_SHOWN_MAX),
    }
    return page(visit, "connection_renewal.html", values, status=400 if problem or form.is_bound else 200)
