"""What was given at a time that has passed: the field that asks for it, and what one person could touch then."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django import forms
from django.http import HttpResponse, QueryDict
from django.utils import timezone

from console.access import Visit
from console.answers import page
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

    def clean_at(self) -> datetime | None:
        """Refuse a time to come, in the page's own words."""
        at: datetime | None = self.cleaned_data["at"]
        at = at and at.replace(tzinfo=UTC)
        if at is not None and at > timezone.now():
            raise forms.ValidationError("This time has not come yet: choose one that has passed, in UTC.")
        return at

    def asked(self) -> datetime | None:
        """Return the time, None for now."""
        return self.cleaned_data.get("at") if self.is_valid() else None


def time_form(query: QueryDict) -> TimeForm:
    """Return the form as the address fills it; without a time in the address it is empty and asks about now."""
    return TimeForm(query if "at" in query else {})


def show(visit: Visit, member: UUID) -> HttpResponse:
    """Show what the person could touch at a time: nothing before one is chosen, since their own page tells about now."""
    found = find(visit, member)
    form = time_form(visit.request.GET)
    at = form.asked()
    had = access.what_had(found, at) if at is not None else None
    values = {
        "member": found,
        "form": form,
        "at": at,
        "had": had,
        "access": shorten(ordered(list(had.access)), ROWS_MAX) if had else [],
    }
    return page(visit, "member_then.html", values, status=400 if form.errors else 200)
