"""Invitations: a list of addresses with what they get, and what became of each."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.db.models import F, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms.listed import ListForm
from console.numbers import together, up_to
from console.organizations import default_choices, defaults, tell_left_out
from console.paging import PAGE_ROWS, cut, decode, is_uuid
from identity import csv_import, invitations
from identity.errors import Refusal
from identity.handing_out import refuse_more_than_own, refuse_stronger_roles
from identity.models import Invitation, OutgoingMail
from saml.models import Connection

ADDRESSES_MAX: Final = 500
_DAYS_DEFAULT: Final = 14
# Why an address of a list was not invited, in a sentence.
_REFUSALS: Final = {
    "invalid": "is no e-mail address",
    "already_invited": "has an open invitation",
    "already_member": "is a member already",
}


class InvitationsForm(ListForm):
    """Whom to invite, until when, and what comes with joining."""

    days = forms.IntegerField(
        label="Good for (days)", min_value=1, max_value=365, initial=_DAYS_DEFAULT,
        help_text="Afterwards the invitation is closed by itself.",
    )  # fmt: skip
    roles = forms.MultipleChoiceField(label="Roles", required=False, widget=forms.CheckboxSelectMultiple)
    grants = forms.MultipleChoiceField(label="Grants", required=False, widget=forms.CheckboxSelectMultiple)
    most = ADDRESSES_MAX
    read = staticmethod(csv_import.addresses)

    def __init__(self, *args: Any, choices: dict[str, list[tuple[str, str]]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, options in choices.items():
            self.fields[name].choices = options  # type: ignore[attr-defined]


def _states() -> dict[str, Q]:
    """Return each state of an invitation, as the row tells it now."""
    closed = Q(accepted_at__isnull=False) | Q(withdrawn_at__isnull=False)
    late = Q(expires_at__lte=timezone.now())
    return {
        "open": ~closed & ~late,
        "accepted": Q(accepted_at__isnull=False),
        # The clock closes an expired one as withdrawn: what was past its end when it was closed has expired.
        "expired": (~closed & late) | Q(accepted_at__isnull=True, withdrawn_at__gte=F("expires_at")),
        "withdrawn": Q(accepted_at__isnull=True, withdrawn_at__lt=F("expires_at")),
    }


def state_of(invitation: Invitation) -> str:
    """Return open, accepted, expired or withdrawn."""
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.withdrawn_at is not None:
        return "expired" if invitation.withdrawn_at >= invitation.expires_at else "withdrawn"
    return "expired" if invitation.expires_at <= timezone.now() else "open"


def index(visit: Visit) -> HttpResponse:
    """List invitations by state, the latest first."""
    query, states = visit.request.GET, _states()
    state = query.get("state", "")
    everything = Invitation.objects.filter(organization=visit.organization)
    after = (decode(query.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    rows: QuerySet[Invitation] = everything.filter(states[state]) if state in states else everything
    rows = rows.filter(pk__lt=after) if begun else rows
    found = list(rows.select_related("member").order_by("-pk")[: PAGE_ROWS + 1])
    letters = _letters(visit, found)
    shown = [(row, state_of(row), letters.get(row.pk)) for row in found]
    counts = [(name, up_to(everything.filter(condition))) for name, condition in states.items()]
    values = {
        "page": cut(query, shown, lambda row: (row[0].pk,), begun=begun),
        "counts": counts,
        "total": together(number for _, number in counts),
        "state": state,
    }
    return page(visit, "invitations.html", values)


def create(visit: Visit) -> HttpResponse:
    """Invite a list of addresses, each for itself; those that cannot be invited stay on the page with the reason."""
    may_give = visit.may("member_roles")
    none: dict[str, list[tuple[str, str]]] = {"roles": [], "grants": []}
    form = InvitationsForm(
        visit.posted,
        visit.request.FILES or None,
        choices=default_choices(visit.organization, {}) if may_give else none,
    )
    tell_left_out(form, visit.organization)
    refused: list[tuple[str, str]] = []
    invited = 0
    if form.is_valid():
        with refusals_in(form):
            outcome = _invite(visit, form.cleaned_data)
            refused = [
                (each.email, _REFUSALS.get(each.refusal, each.refusal)) for each in outcome if each.refusal
            ]
            invited = len(outcome) - len(refused)
            # The refused stay in the field, to be corrected; a second try must not invite the others again.
            again = visit.request.POST.copy()
            again["text"] = "\n".join(email for email, _ in refused)
            form.data = again
            if not refused:
                people = "1 person is" if invited == 1 else f"{invited} people are"
                return done(visit, f"{people} invited. Each gets a mail.", "invitations")
    shown = {
        "form": form,
        "most": ADDRESSES_MAX,
        "refused": refused,
        "invited": invited,
        "may_give": may_give,
        "connected": Connection.objects.filter(organization=visit.organization, active=True).exists(),
    }
    bad = form.is_bound and not invited
    return page(visit, "invitation_create.html", {**shown, "multipart": True}, status=400 if bad else 200)


def _invite(visit: Visit, wanted: dict[str, Any]) -> list[invitations.Invited]:
    """Invite the addresses of the form, with what they get. Raises the refusals of the verb, and Forbidden for more than one holds."""
    if wanted["roles"] or wanted["grants"]:
        refuse_more_than_own(visit, ["access.write"], "roles")
        refuse_stronger_roles(visit, visit.organization, wanted["roles"])
    return invitations.create_many(
        visit.organization,
        wanted["names"],
        actor=visit.actor,
        access=defaults(wanted["roles"], wanted["grants"]),
        expires_at=timezone.now() + timedelta(days=wanted["days"]),
    )


def resend(visit: Visit, invitation: UUID) -> HttpResponse:
    """Send the mail again, with a fortnight to go from now."""
    found = _find(visit, invitation)
    try:
        invitations.resend(
            found, actor=visit.actor, expires_at=timezone.now() + timedelta(days=_DAYS_DEFAULT)
        )
    except Refusal as refusal:
        return page(visit, "invitation_refused.html", {"refusal": refusal, "invitation": found}, status=400)
    return done(
        visit, f"{found.email} gets the mail again; the invitation is good for 14 days.", "invitations"
    )


def withdraw(visit: Visit, invitation: UUID) -> HttpResponse:
    """Take the invitation back."""
    found = _find(visit, invitation)
    if invitations.withdraw(found, actor=visit.actor):
        return done(visit, f"The invitation of {found.email} is withdrawn.", "invitations")
    return done(visit, f"The invitation of {found.email} was closed already; nothing changed.", "invitations")


def _find(visit: Visit, invitation: UUID) -> Invitation:
    return get_object_or_404(Invitation, organization=visit.organization, pk=invitation)


def _letters(visit: Visit, shown: list[Invitation]) -> dict[UUID, OutgoingMail]:
    """Return the latest letter of each invitation."""
    mails = OutgoingMail.objects.filter(
        organization=visit.organization, about__in=[row.pk for row in shown], kind=invitations.MAIL_KIND
    )
    return {mail.about: mail for mail in mails.order_by("pk")}
