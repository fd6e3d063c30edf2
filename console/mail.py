"""Outgoing mail: an organization's letters (kept ones are read here, in development), and for operators the queue of them all."""

from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Min
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from console.access import Visit
from console.answers import done, page
from console.numbers import together, up_to
from console.paging import PAGE_ROWS, cut, decode, is_uuid
from identity import mail as mail_verbs
from identity import tenancy
from identity.errors import Refusal
from identity.mail import ATTEMPTS_MAX
from identity.models import OutgoingMail

State = OutgoingMail.State
_TROUBLED_MAX: Final = 100


def index(visit: Visit) -> HttpResponse:
    """List the organization's letters, the latest first."""
    query = visit.request.GET
    state = query.get("state", "")
    everything = OutgoingMail.objects.filter(organization=visit.organization)
    counts = [(name, up_to(everything.filter(state=name))) for name in State.values]
    after = (decode(query.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    rows = everything.filter(state=state) if state in State.values else everything
    found = list(
        (rows.filter(pk__lt=after) if begun else rows).defer("body").order_by("-pk")[: PAGE_ROWS + 1]
    )
    values = {
        "page": cut(query, found, lambda row: (row.pk,), begun=begun),
        "counts": counts,
        "total": together(number for _, number in counts),
        "state": state,
    }
    return page(visit, "mails.html", values)


def one(visit: Visit, mail: UUID) -> HttpResponse:
    """Show one letter."""
    return _shown(visit, _one(visit, mail))


def send_again(visit: Visit, mail: UUID) -> HttpResponse:
    """Have a letter tried at once."""
    found = _one(visit, mail)
    try:
        mail_verbs.send_again(found, actor=visit.actor)
    except Refusal as refusal:
        return _shown(visit, found, refusal.message, status=409)
    return done(visit, "The letter is tried again at once.", "mail", mail=mail)


def _one(visit: Visit, mail: UUID) -> OutgoingMail:
    return get_object_or_404(OutgoingMail, organization=visit.organization, pk=mail)


def _shown(visit: Visit, mail: OutgoingMail, refused: str = "", status: int = 200) -> HttpResponse:
    can_go_again = mail.state == State.FAILED or (
        mail.state == State.WAITING and mail.due_at > timezone.now()
    )
    values = {"mail": mail, "attempts_max": ATTEMPTS_MAX, "refused": refused, "can_go_again": can_go_again}
    return page(visit, "mail.html", values, status=status)


def queue(visit: Visit) -> HttpResponse:
    """Show operators how many letters of all organizations wait, failed or went out, and those in trouble, without their text."""
    with tenancy.everywhere("an operator's view of the mail queue"):
        counted: dict[str, Any] = {
            row["state"]: row
            for row in OutgoingMail.objects.values("state").annotate(
                number=Count("pk"), oldest=Min("created_at")
            )
        }
        troubled = list(
            OutgoingMail.objects.filter(state__in=[State.WAITING, State.FAILED])
            .exclude(problem="")
            .select_related("organization")
            .defer("body", "subject")
            .order_by("-pk")[:_TROUBLED_MAX]
        )
    values = {
        "counts": [(name, counted.get(name, {}).get("number", 0)) for name in State.values],
        "oldest": counted.get(State.WAITING, {}).get("oldest"),
        "troubled": troubled,
        "most": _TROUBLED_MAX,
        "attempts_max": ATTEMPTS_MAX,
    }
    return page(visit, "mail_queue.html", values)
