"""The end of an organization, for operators: suspended, scheduled for deletion, cancelled in time, and what is left of it."""

from datetime import UTC, datetime, time
from typing import Any, Final
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import Http404, HttpResponse

from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import Form
from console.paging import PAGE_ROWS, cut, decode, is_uuid
from identity import bundles, deletions, organizations, tenancy
from identity.errors import NotFound, Refusal
from identity.models import Deletion

_REASON_LENGTH_MAX: Final = 500


class DeletionForm(Form):
    """A deletion to be scheduled."""

    confirm = forms.CharField(
        label="Name of the organization",
        max_length=200,
        strip=False,
        help_text="Type it exactly as it is written above.",
    )
    delete_after = forms.DateField(
        label="Not before (optional)",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The end of this day, UTC. Empty for the earliest possible.",
    )
    reason = forms.CharField(
        label="Reason (optional)",
        required=False,
        max_length=deletions.REASON_CHARACTERS_MAX,
        help_text="Goes into the customer's record, and with it.",
    )


class WhyForm(Form):
    """Why everybody is kept out, or let in again: one line for the record."""

    reason = forms.CharField(
        label="Reason", required=False, max_length=_REASON_LENGTH_MAX, help_text="Kept in the record."
    )


def show(visit: Visit) -> HttpResponse:
    """Show how the organization stands, and schedule its deletion."""
    form = DeletionForm(visit.posted)
    if form.is_valid():
        values = dict(form.cleaned_data)
        day = values.pop("delete_after")
        values["delete_after"] = datetime.combine(day, time.max, UTC) if day else None
        with refusals_in(form):
            made = deletions.schedule(visit.organization, actor=visit.actor, **values)
            return done(
                visit, f"The deletion is scheduled, not before {made.delete_after:%d %B %Y, %H:%M} UTC.", "organization_deletion"
            )  # fmt: skip
    return _page(visit, form, status=400 if form.is_bound else 200)


def suspend(visit: Visit) -> HttpResponse:
    """Keep everybody of the organization out."""
    return _set(visit, organizations.suspend, "is suspended: everybody is out.")


def resume(visit: Visit) -> HttpResponse:
    """Let them in again."""
    return _set(visit, organizations.resume, "is open again.")


def cancel(visit: Visit) -> HttpResponse:
    """Take the deletion back."""
    try:
        deletions.cancel(visit.organization, actor=visit.actor)
    except Refusal as refusal:
        return _page(visit, DeletionForm(None), refusal.message, status=409)
    return done(visit, "The deletion is cancelled. The organization stays as it is.", "organization_deletion")


def index(visit: Visit) -> HttpResponse:
    """List every deletion of this server, the latest first."""
    after = (decode(visit.request.GET.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    with tenancy.everywhere("an operator's list of deletions"):
        rows = Deletion.objects.order_by("-pk")
        found = list((rows.filter(pk__lt=after) if begun else rows)[: PAGE_ROWS + 1])
    return page(
        visit,
        "deletions.html",
        {"page": cut(visit.request.GET, found, lambda row: (row.pk,), begun=begun)},
    )


def one(visit: Visit, deletion: UUID) -> HttpResponse:
    """Show a deletion: how far it is, and what proves it."""
    try:
        found = deletions.find(deletion)
    except NotFound as refusal:
        raise Http404 from refusal
    values = {"deletion": found, "rows": sorted(found.rows.items()), "total": sum(found.rows.values())}
    return page(visit, "deletion.html", values)


def _set(visit: Visit, verb: Any, what: str) -> HttpResponse:
    form = WhyForm(visit.posted)
    if not form.is_valid():
        return _page(visit, DeletionForm(None), str(form.errors["reason"][0]), status=400)
    try:
        changed = verb(visit.organization, actor=visit.actor, reason=form.cleaned_data["reason"])
    except Refusal as refusal:
        return _page(visit, DeletionForm(None), refusal.message, status=409)
    return done(visit, f"{changed.name} {what}", "organization_deletion")


def _page(visit: Visit, form: DeletionForm, problem: str = "", *, status: int = 200) -> HttpResponse:
    organization = visit.organization
    pending = Deletion.objects.filter(organization_id=organization.pk, state__in=Deletion.OPEN).first()
    values = {
        "form": form,
        "problem": problem,
        "why": WhyForm(auto_id="why_%s"),
        "pending": pending,
        "days": settings.ROLLCALL_DELETION_DAYS,
        "bundle": bundles.latest(organization),
    }
    return page(visit, "organization_deletion.html", values, status=status)
