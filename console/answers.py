"""What a view answers with: a page, or after a change the way to the next page with a message and its entries."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html

from audit import context
from console import navigation
from console.access import Visit
from identity.errors import Refusal


class SeeOther(HttpResponseRedirect):
    """The answer to a POST that did its work: the browser reads the next page with GET, and reloading repeats nothing."""

    status_code = 303


def page(
    visit: Visit, template: str, values: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render a page of the console with its navigation."""
    shared = {"visit": visit, "organization": visit.organization, "sections": navigation.sections(visit)}
    return render(visit.request, f"console/{template}", {**shared, **(values or {})}, status=status)


def address(visit: Visit, name: str, **ids: Any) -> str:
    """Return the path of a page in the visit's organization."""
    return reverse(name, kwargs={"slug": visit.organization.slug, **ids})


def done(visit: Visit, message: str, name: str, **ids: Any) -> HttpResponse:
    """Go on to the page with the message that says what happened, and a link to the entries that tell of it."""
    tell(visit, message)
    return SeeOther(address(visit, name, **ids))


def tell(visit: Visit, message: str) -> None:
    """Leave a message for the next page, with a link to the entries of this request for whoever may read them."""
    request_id = context.current().request_id
    if visit.may("record") and request_id:
        link = address(visit, "record") + "?" + urlencode({"request": request_id})
        message = format_html('{} <a class="alert-link" href="{}">See it in the record</a>', message, link)
    messages.success(visit.request, message)


class refusals_in:  # noqa: N801 - reads as what it does: with refusals_in(form)
    """A block whose verb may refuse: then the form says so, and the view goes on behind the block."""

    def __init__(self, form: Form) -> None:
        self.form = form

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Show a refusal; whatever else was raised goes on."""
        if isinstance(error, Refusal):
            refuse(self.form, error)
        return isinstance(error, Refusal)


def refuse(form: Form, refusal: Refusal) -> None:
    """Put a verb's refusal beside the field that it names, or above the form."""
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
