"""Suspending, offboarding and bringing back: each page says before what will happen, and after what did."""

import zoneinfo
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.utils import timezone

from console import edits, member_page
from console.access import Visit
from console.answers import SeeOther, address, done, page, refusals_in, tell
from console.forms import EditForm, Form
from console.members import find
from console.paging import shorten
from identity import alarms, deadlines, exits, grants, leaving, member_row, members, returns, roles, sessions
from identity.errors import Refusal
from identity.handing_out import refuse_more_than_own, refuse_stronger_roles
from identity.models import Member, Organization

_REASON_LENGTH_MAX: Final = 500
_LISTED_MAX: Final = 50


class ReasonForm(Form):
    """Why: one line for the record."""

    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=_REASON_LENGTH_MAX,
        help_text="Kept in the record.",
        widget=forms.TextInput(attrs={"placeholder": "Left the company"}),
    )


class LeaveForm(ReasonForm):
    """The same, and the word that an organization's last administrator wants; the page draws it for that one alone."""

    despite_last_administrator = forms.BooleanField(
        label="Leave the organization without an administrator", required=False
    )


class ReinstateForm(ReasonForm):
    """With what they had, or with nothing."""

    with_access = forms.ChoiceField(
        label="Access",
        choices=(("no", "Without their former access"), ("yes", "With their former access")),
        initial="no",
        widget=forms.RadioSelect,
    )


class EndForm(EditForm):
    """The moment at which the member is offboarded, by the clocks of the organization."""

    ends_at = forms.CharField(
        label="Ends at",
        required=False,
        max_length=40,
        help_text="Leave empty for no end. The member is offboarded within a minute of this time.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    despite_last_administrator = LeaveForm.base_fields["despite_last_administrator"]

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization = organization
        self.fields["ends_at"].label = f"Ends at ({organization.time_zone})"

    def clean_ends_at(self) -> datetime | None:
        """Read the time in the organization's zone, and refuse a past one, which is more likely a slip than a wish."""
        if not self.cleaned_data["ends_at"]:
            return None
        try:
            value = leaving.moment(self.organization, self.cleaned_data["ends_at"])
        except Refusal as refusal:
            raise forms.ValidationError(refusal.message) from refusal
        if value <= timezone.now():
            raise forms.ValidationError("Choose a time in the future, or offboard the member now.")
        return value


def suspend(visit: Visit, member: UUID) -> HttpResponse:
    """Shut a member out, for now."""
    found = find(visit, member)
    form = LeaveForm(visit.posted)
    if form.is_valid():
        with refusals_in(form):
            members.suspend(found, actor=visit.actor, **form.cleaned_data)
            return done(
                visit,
                f"{found.display_name} is suspended: every session has ended, access is dormant.",
                "member",
                member=member,
            )
    return _confirm(
        visit, "member_suspend.html", found, form, {"ends": _what_ends(found), "asks": _asks(found)}
    )


def reactivate(visit: Visit, member: UUID) -> HttpResponse:
    """Let a suspended member in again."""
    found = find(visit, member)
    form = ReasonForm(visit.posted)
    if form.is_valid():
        with refusals_in(form):
            members.reactivate(found, actor=visit.actor, reason=form.cleaned_data["reason"])
            return done(
                visit,
                f"{found.display_name} is active again, with the access they had.",
                "member",
                member=member,
            )
    return _confirm(
        visit,
        "member_reactivate.html",
        found,
        form,
        {"access": member_page.access_of(found)},
    )


def offboard(visit: Visit, member: UUID) -> HttpResponse:
    """End everything that a member holds."""
    found = find(visit, member)
    form = LeaveForm(visit.posted)
    if form.is_valid():
        with refusals_in(form):
            members.offboard(found, actor=visit.actor, **form.cleaned_data)
            tell(visit, f"{found.display_name} is offboarded.")
            return SeeOther(address(visit, "member_receipt", member=member))
    return _confirm(
        visit, "member_offboard.html", found, form, {"ends": _what_ends(found), "asks": _asks(found)}
    )


def reinstate(visit: Visit, member: UUID) -> HttpResponse:
    """Bring an offboarded member back."""
    found = find(visit, member)
    former_grants, former_roles = returns.former_access(found)
    form = ReinstateForm(visit.posted)
    if form.is_valid():
        with_access = form.cleaned_data["with_access"] == "yes"
        with refusals_in(form):
            if with_access:
                refuse_more_than_own(visit, ["access.write"], "with_access")
                refuse_stronger_roles(
                    visit, visit.organization, [held.role.name for held in former_roles], "with_access"
                )
            members.reinstate(
                found, actor=visit.actor, with_access=with_access, reason=form.cleaned_data["reason"]
            )
            said = "with their former access" if with_access else "with no access: give them some"
            return done(visit, f"{found.display_name} is back, {said}.", "member", member=member)
    return _confirm(
        visit, "member_reinstate.html", found, form, {"grants": former_grants, "roles": former_roles}
    )


def schedule_end(visit: Visit, member: UUID) -> HttpResponse:
    """Set or remove the date at which the member is offboarded."""
    found = edits.current(visit, find(visit, member), member_row.lock)
    zone = zoneinfo.ZoneInfo(visit.organization.time_zone)
    ends_at = found.ends_at.astimezone(zone) if found.ends_at else None
    form = EndForm(
        visit.posted,
        initial={"ends_at": f"{ends_at:%Y-%m-%dT%H:%M}" if ends_at else ""},
        organization=visit.organization,
    )
    if form.is_valid():
        with refusals_in(form):
            deadlines.schedule_end(found, actor=visit.actor, **form.cleaned_data)
            wanted = form.cleaned_data["ends_at"]
            said = f"ends on {wanted:%-d %B %Y at %H:%M} UTC" if wanted else "has no end date"
            return done(visit, f"{found.display_name} {said}.", "member", member=member)
    values = {"asks": _asks(found), "meanwhile": edits.meanwhile(visit, form, found.pk)}
    return _confirm(visit, "member_end.html", found, form, values)


def _confirm(visit: Visit, template: str, member: Member, form: Form, values: dict[str, Any]) -> HttpResponse:
    return page(
        visit, template, {"member": member, "form": form, **values}, status=400 if form.errors else 200
    )


def _what_ends(member: Member) -> dict[str, Any]:
    return {
        "count": exits.preview(member),
        "sessions": shorten(sessions.open_sessions(member).order_by("-seen_at"), _LISTED_MAX),
        "tokens": shorten(member_page.open_tokens(member), _LISTED_MAX),
        "grants": shorten(
            grants.open_grants(member).order_by("resource__kind__name", "resource__key"), _LISTED_MAX
        ),
        "roles": list(roles.open_roles(member).order_by("role__name")),
        "groups": shorten(member_page.open_memberships(member), _LISTED_MAX),
    }


def _asks(member: Member) -> bool:
    """Tell whether the page asks for the word that the last administrator wants."""
    return member.is_active and alarms.duties_of(member).last_administrator
