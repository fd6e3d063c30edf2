"""Suspending, offboarding and bringing back: each page says before what will happen, and after what did."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.utils import timezone

from audit.events import Event
from console import member_page, reading
from console.access import Visit
from console.answers import SeeOther, address, done, page, refuse, tell
from console.forms import Form
from console.members import find
from identity import exits, grants, members
from identity.errors import Refusal
from identity.handing_out import refuse_more_than_own, refuse_stronger_roles
from identity.models import Grant, Member

_REASON_LENGTH_MAX: Final = 500


class ReasonForm(Form):
    """Why: one line for the record."""

    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=_REASON_LENGTH_MAX,
        help_text="Kept in the record.",
        widget=forms.TextInput(attrs={"placeholder": "Left the company"}),
    )


class ReinstateForm(ReasonForm):
    """With what they had, or with nothing."""

    with_access = forms.ChoiceField(
        label="Access",
        choices=(("no", "Without their former access"), ("yes", "With their former access")),
        initial="no",
        widget=forms.RadioSelect,
    )


class EndForm(Form):
    """The moment at which the member is offboarded."""

    ends_at = forms.DateTimeField(
        label="Ends at (UTC)",
        required=False,
        help_text="Leave empty for no end. The member is offboarded within a minute of this time.",
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def clean_ends_at(self) -> datetime | None:
        """Read the time as UTC, and refuse a past one, which is more likely a slip than a wish."""
        value: datetime | None = self.cleaned_data["ends_at"]
        if value is None:
            return None
        value = value.replace(tzinfo=UTC)
        if value <= timezone.now():
            raise forms.ValidationError("Choose a time in the future, or offboard the member now.")
        return value


def suspend(visit: Visit, member: UUID) -> HttpResponse:
    """Shut a member out, for now."""
    found = find(visit, member)
    form = ReasonForm(visit.posted)
    if form.is_valid():
        try:
            members.suspend(found, actor=visit.actor, reason=form.cleaned_data["reason"])
        except Refusal as refusal:
            refuse(form, refusal)
        else:
            return done(
                visit,
                f"{found.display_name} is suspended: every session has ended, access is dormant.",
                "member",
                member=member,
            )
    return _confirm(visit, "member_suspend.html", found, form, {"ends": _what_ends(found)})


def reactivate(visit: Visit, member: UUID) -> HttpResponse:
    """Let a suspended member in again."""
    found = find(visit, member)
    form = ReasonForm(visit.posted)
    if form.is_valid():
        try:
            members.reactivate(found, actor=visit.actor, reason=form.cleaned_data["reason"])
        except Refusal as refusal:
            refuse(form, refusal)
        else:
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
        {"access": member_page.ordered(grants.reach(found))[:200]},
    )


def offboard(visit: Visit, member: UUID) -> HttpResponse:
    """End everything that a member holds."""
    found = find(visit, member)
    form = ReasonForm(visit.posted)
    if form.is_valid():
        try:
            members.offboard(found, actor=visit.actor, reason=form.cleaned_data["reason"])
        except Refusal as refusal:
            refuse(form, refusal)
        else:
            tell(visit, f"{found.display_name} is offboarded.")
            return SeeOther(address(visit, "member_receipt", member=member))
    return _confirm(visit, "member_offboard.html", found, form, {"ends": _what_ends(found)})


def receipt(visit: Visit, member: UUID) -> HttpResponse:
    """Show what the last offboarding ended, as the record tells it."""
    found = find(visit, member)
    entries = reading.of_subject(visit.organization.pk, str(found.pk), 1, Event.MEMBER_OFFBOARD)
    entry = entries[0] if entries else None
    data = (entry.detail.get("data") or {}) if entry else {}
    ended = Grant.objects.filter(
        organization=visit.organization,
        pk__in=[value for value in data.get("grants") or [] if isinstance(value, str)],
    ).select_related("resource__kind")
    values = {
        "member": found,
        "entry": entry,
        "data": data,
        "grants": list(ended),
        "ends": exits.preview(found),
    }
    return page(visit, "member_receipt.html", values)


def reinstate(visit: Visit, member: UUID) -> HttpResponse:
    """Bring an offboarded member back."""
    found = find(visit, member)
    former_grants, former_roles = exits.former_access(found)
    form = ReinstateForm(visit.posted)
    if form.is_valid():
        with_access = form.cleaned_data["with_access"] == "yes"
        try:
            if with_access:
                refuse_more_than_own(visit, ["access.write"], "with_access")
                refuse_stronger_roles(
                    visit, visit.organization, [held.role.name for held in former_roles], "with_access"
                )
            members.reinstate(
                found, actor=visit.actor, with_access=with_access, reason=form.cleaned_data["reason"]
            )
        except Refusal as refusal:
            refuse(form, refusal)
        else:
            said = "with their former access" if with_access else "with no access: give them some"
            return done(visit, f"{found.display_name} is back, {said}.", "member", member=member)
    return _confirm(
        visit, "member_reinstate.html", found, form, {"grants": former_grants, "roles": former_roles}
    )


def schedule_end(visit: Visit, member: UUID) -> HttpResponse:
    """Set or remove the date at which the member is offboarded."""
    found = find(visit, member)
    form = EndForm(visit.posted, initial={"ends_at": found.ends_at})
    if form.is_valid():
        ends_at = form.cleaned_data["ends_at"]
        try:
            members.schedule_end(found, ends_at, actor=visit.actor)
        except Refusal as refusal:
            refuse(form, refusal)
        else:
            said = f"ends on {ends_at:%-d %B %Y at %H:%M} UTC" if ends_at else "has no end date"
            return done(visit, f"{found.display_name} {said}.", "member", member=member)
    return _confirm(visit, "member_end.html", found, form, {})


def _confirm(visit: Visit, template: str, member: Member, form: Form, values: dict[str, Any]) -> HttpResponse:
    return page(
        visit, template, {"member": member, "form": form, **values}, status=400 if form.errors else 200
    )


def _what_ends(member: Member) -> dict[str, Any]:
    return {
        "count": exits.preview(member),
        "sessions": list(member_page.open_sessions(member)[:20]),
        "tokens": list(member_page.open_tokens(member)[:20]),
        "grants": list(grants.open_grants(member).order_by("resource__kind__name", "resource__key")[:50]),
        "roles": list(member_page.open_roles(member)),
        "groups": list(member_page.open_memberships(member)[:50]),
    }
