"""Receipts of offboardings: who left, how long it took until nothing was open any more, and each thing that ended with its time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from audit.events import Event
from console import reading
from console.access import Visit
from console.answers import page
from console.members import find as member_of
from console.paging import PAGE_ROWS, cut, decode, is_uuid, shorten
from identity import exits, receipts
from identity.models import Grant, Invitation, Member, Membership, Receipt, RoleAssignment, Session, Token

_RECENT: Final = timedelta(days=90)
_ENTRIES_READ_MAX: Final = 50
_LEAVING_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Ended:
    """One thing that ended: what it is called, and when, if it is still here to say so."""

    label: str
    note: str
    at: datetime | None


def index(visit: Visit) -> HttpResponse:
    """List who has left, the latest first, who is about to, and the time to no access."""
    after = (decode(visit.request.GET.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    rows = Receipt.objects.filter(organization=visit.organization).select_related("member").order_by("-pk")
    found = list((rows.filter(pk__lt=after) if begun else rows)[: PAGE_ROWS + 1])
    for row in found:
        row.seconds = (row.done_at - row.signalled_at).total_seconds()  # type: ignore[attr-defined]  # for the page
    leaving = Member.objects.filter(organization=visit.organization, ends_at__isnull=False)
    values = {
        "page": cut(visit.request.GET, found, lambda row: (row.pk,), begun=begun),
        "recent": receipts.times(visit.organization, timezone.now() - _RECENT),
        "ever": receipts.times(visit.organization),
        "leaving": shorten(leaving.order_by("ends_at", "pk"), _LEAVING_MAX),
    }
    return page(visit, "receipts.html", values)


def one(visit: Visit, receipt: UUID) -> HttpResponse:
    """Show one receipt, fit for printing."""
    return _page(visit, _find(visit, receipt))


def download(visit: Visit, receipt: UUID) -> HttpResponse:
    """Hand out the receipt as it was kept, to be held against its digest in the record."""
    found = _find(visit, receipt)
    body = {
        "id": str(found.pk),
        "signalled_at": found.signalled_at,
        "done_at": found.done_at,
        "digest": found.digest,
        "body": found.body,
    }
    name = f"receipt-{found.pk}.json"
    return JsonResponse(body, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def latest(visit: Visit, member: UUID) -> HttpResponse:
    """Show the receipt of the member's last offboarding."""
    found = member_of(visit, member)
    kept = receipts.of_member(found)
    if not kept:
        return page(visit, "receipt.html", {"member": found})
    return _page(visit, kept[0])


def _find(visit: Visit, receipt: UUID) -> Receipt:
    return get_object_or_404(
        Receipt.objects.select_related("member"), organization=visit.organization, pk=receipt
    )


def _page(visit: Visit, receipt: Receipt) -> HttpResponse:
    body: dict[str, Any] = receipt.body or {}
    member = receipt.member
    entries = reading.of_subject(
        visit.organization.pk, str(member.pk), _ENTRIES_READ_MAX, Event.MEMBER_OFFBOARD
    )
    values = {
        "member": member,
        "receipt": receipt,
        "body": body,
        "ended": _ended(receipt, body.get("ended") or {}),
        "seconds": (receipt.done_at - receipt.signalled_at).total_seconds(),
        # The same document gives the same digest; the record has it since that day.
        "genuine": bool(body) and receipts.digest(body) == receipt.digest,
        "entry": next(
            (line for line in entries if (line.detail.get("data") or {}).get("receipt") == receipt.digest),
            None,
        ),
        "others": [row for row in receipts.of_member(member) if row.pk != receipt.pk],
        "ends": exits.preview(member),
    }
    return page(visit, "receipt.html", values)


def _ended(receipt: Receipt, ended: dict[str, list[str]]) -> list[tuple[str, str, list[Ended]]]:
    """Return (what, what happened to it, the things) in the order of the receipt; ids become names where the thing is still known."""

    def rows(found: QuerySet[Any], name: str) -> QuerySet[Any]:
        return found.filter(organization=receipt.organization_id, pk__among=ended.get(name) or []).order_by(
            "pk"
        )

    sessions = [Ended("", row.user_agent, row.ended_at) for row in rows(Session.objects.all(), "sessions")]
    tokens = [
        Ended(row.name or "Token", f"{row.prefix}…", row.revoked_at)
        for row in rows(Token.objects.all(), "tokens")
    ]
    grants = [
        Ended(
            f"{row.resource.name or row.resource.key}",
            f"{row.permission} · {row.resource.kind.name}",
            row.ended_at,
        )
        for row in rows(Grant.objects.select_related("resource__kind"), "grants")
    ]
    invitations = [
        Ended(row.email, "", row.withdrawn_at) for row in rows(Invitation.objects.all(), "invitations")
    ]
    # Roles and groups stand in the receipt by name: their time is the last one up to the receipt's.
    before = {
        "organization": receipt.organization_id, "member": receipt.member_id, "ended_at__lte": receipt.done_at,
    }  # fmt: skip
    roles = RoleAssignment.objects.filter(**before).order_by("ended_at").values_list("role__name", "ended_at")
    groups = (
        Membership.objects.filter(**before)
        .order_by("ended_at")
        .values_list("group__display_name", "ended_at")
    )
    return [
        ("sessions", "ended", sessions),
        ("tokens", "revoked", tokens),
        ("grants", "ended", grants),
        ("roles", "ended", _by_name(ended, "roles", dict(roles))),
        ("groups", "left", _by_name(ended, "groups", dict(groups))),
        ("invitations", "withdrawn", invitations),
    ]


def _by_name(ended: dict[str, list[str]], name: str, times: dict[str, datetime | None]) -> list[Ended]:
    return [Ended(each, "", times.get(each)) for each in ended.get(name) or []]
