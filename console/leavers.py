"""Many people leaving at once: paste a list, see who is meant and what would end, then now or at an hour."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse, QueryDict

from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import Form
from console.forms.listed import ListForm
from console.paging import is_uuid
from identity import leaving
from identity.errors import Invalid
from identity.leaving import LEAVERS_MAX, Leaver, Left

_NAME_LENGTH_MAX = 1024


class LeaversForm(ListForm):
    """Who leaves, by user name, address or id."""

    most = LEAVERS_MAX


class DetailsForm(Form):
    """When, why, and who takes over what programs work with."""

    when = forms.ChoiceField(
        label="When",
        choices=(("now", "Now"), ("at", "At a date and hour")),
        initial="now",
        widget=forms.RadioSelect,
    )
    at = forms.CharField(
        label="Date and hour",
        required=False,
        max_length=40,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    reason = forms.CharField(
        label="Reason", required=False, max_length=500, help_text="Kept in the record and on each receipt.",
        widget=forms.TextInput(attrs={"placeholder": "Left the company"}),
    )  # fmt: skip
    hand_over_to = forms.CharField(
        label="Hand their service tokens over to", required=False, max_length=_NAME_LENGTH_MAX,
        help_text="User name or address. Left empty, programs that work with these tokens stop.",
    )  # fmt: skip
    despite_last_administrator = forms.BooleanField(
        label="Leave the organization without an administrator", required=False
    )


def choose(visit: Visit) -> HttpResponse:
    """Take a list and show who is meant and what would end; with `step` done, offboard those that stay checked."""
    posted = visit.posted
    if posted is not None and posted.get("step") == "offboard":
        return _offboard(visit, posted)
    form = LeaversForm(posted, visit.request.FILES or None)
    if form.is_valid():
        names = form.cleaned_data["names"]
        return _preview(visit, leaving.preview(visit.organization, names), DetailsForm())
    return page(
        visit,
        "leavers.html",
        {"form": form, "most": LEAVERS_MAX, "multipart": True},
        status=400 if form.is_bound else 200,
    )


def _offboard(visit: Visit, posted: QueryDict) -> HttpResponse:
    names = [name for name in posted.getlist("name")[: LEAVERS_MAX + 1] if len(name) <= _NAME_LENGTH_MAX]
    chosen = [value for value in posted.getlist("member")[: LEAVERS_MAX + 1] if is_uuid(value)]
    form = DetailsForm(posted)
    if form.is_valid():
        values = form.cleaned_data
        with refusals_in(form):
            if not chosen:
                raise Invalid("Nobody is checked.")
            left = leaving.offboard(
                visit.organization,
                [UUID(value) for value in chosen],
                actor=visit.actor,
                reason=values["reason"],
                at=leaving.moment(visit.organization, values["at"]) if values["when"] == "at" else None,
                hand_over_to=_heir(visit, values["hand_over_to"]),
                despite_last_administrator=values["despite_last_administrator"],
            )
            return done(visit, _said(left), "receipts")
    return _preview(visit, leaving.preview(visit.organization, names[:LEAVERS_MAX]), form, set(chosen))


def _said(left: list[Left]) -> str:
    people, verb = ("1 person", "is") if len(left) == 1 else (f"{len(left)} people", "are")
    handed = sum(len(each.handed_over) for each in left)
    tokens = f" {handed} service token{'' if handed == 1 else 's'} handed over." if handed else ""
    if left[0].ends_at:
        return f"{people} will be offboarded at {left[0].ends_at:%-d %B %Y, %H:%M} UTC.{tokens}"
    return f"{people} {verb} offboarded. Each receipt is below.{tokens}"


def _preview(
    visit: Visit, leavers: list[Leaver], form: DetailsForm, chosen: set[str] | None = None
) -> HttpResponse:
    # Whoever is named twice, by address and by user name, has one box: unchecked here, they must not stay checked below.
    by_member: dict[UUID, Leaver] = {}
    for row in leavers:
        if not row.problem and row.member is not None:
            by_member.setdefault(row.member.pk, row)
    found = list(by_member.values())
    asks = any(row.last_administrator for row in found) or "despite_last_administrator" in form.errors
    values: dict[str, Any] = {
        "form": form,
        "found": [
            (row, chosen is None or str(row.member.pk) in chosen) for row in found if row.member is not None
        ],
        "problems": [row for row in leavers if row.problem],
        "total": sum(sum(row.ends.values()) for row in found),
        "service_tokens": sum(len(row.service_tokens) for row in found),
        "asks": asks,
    }
    return page(visit, "leavers_preview.html", values, status=400 if form.errors else 200)


def _heir(visit: Visit, name: str) -> UUID | None:
    if not name.strip():
        return None
    (found,) = leaving.preview(visit.organization, [name.strip().replace("\0", "")])
    if found.member is None or found.problem:
        raise Invalid("Nobody active, or more than one, has this name.", field="hand_over_to")
    return found.member.pk
