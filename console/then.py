"""What was given at a time that has passed: the field that asks for it, and what one person could touch then."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django import forms
from django.http import HttpResponse, QueryDict

from console.access import Visit
from console.answers import page, refusals_in
from console.forms import Form
from console.member_page import ROWS_MAX, ordered
from console.members import find
from console.paging import shorten
from identity import access

_FORMATS: Final = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


class TimeForm(Form):
    """Now, or a time that has passed."""

    at = forms.DateTimeField(
        label="As it was at (UTC)", required=False, input_formats=_FORMATS,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_FORMATS[0]),
    )  # fmt: skip

    def asked(self) -> datetime | None:
        """Return the time, None for now."""
        at: datetime | None = self.cleaned_data.get("at") if self.is_valid() else None
        return at and at.replace(tzinfo=UTC)


def time_form(query: QueryDict) -> TimeForm:
    """Return the form as the address fills it; without a time in the address it is empty and asks about now."""
    return TimeForm(query if "at" in query else {})


def show(visit: Visit, member: UUID) -> HttpResponse:
    """Show what the person could touch at a time: nothing before one is chosen, since their own page tells about now."""
    found = find(visit, member)
    form = time_form(visit.request.GET)
    at, had = form.asked(), None
    if at is not None:
        with refusals_in(form):
            had = access.what_had(found, at)
    values = {
        "member": found,
        "form": form,
        "at": at,
        "had": had,
        "access": shorten(ordered(list(had.access)), ROWS_MAX) if had else [],
    }
    return page(visit, "member_then.html", values, status=400 if form.errors else 200)
