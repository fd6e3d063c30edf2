"""The sign-in log: what succeeded, what failed and what to do about it, what never came back."""

from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from console.access import Visit
from console.answers import page
from console.paging import PAGE_ROWS, cut, decode, is_uuid
from saml import attempts
from saml.models import Attempt
from saml.presets import preset
from saml.refusals import CATALOGUE

OUTCOMES: Final = ("succeeded", "failed", "incomplete")
_UNKNOWN_POSITION: Final = ["", ""]


def index(visit: Visit) -> HttpResponse:
    """List attempts, newest first; failed ones with the sentence that helps."""
    query = visit.request.GET
    outcome = query.get("outcome", "")
    everything = Attempt.objects.filter(organization=visit.organization)
    counts = dict(everything.values_list("outcome").annotate(Count("pk")))
    rows = everything.select_related("connection")
    if outcome in OUTCOMES:
        rows = rows.filter(outcome=outcome)
    moment, last = decode(query.get("after", ""), 2) or _UNKNOWN_POSITION
    started = parse_datetime(moment) if moment else None
    if started is not None and is_uuid(last):
        rows = rows.filter(Q(started_at__lt=started) | Q(started_at=started, pk__lt=last))
    found = list(rows.order_by("-started_at", "-id")[: PAGE_ROWS + 1])
    with_advice = [(row, CATALOGUE.get(row.code)) for row in found]
    values = {
        "page": cut(
            query,
            with_advice,
            lambda row: (row[0].started_at.isoformat(), row[0].pk),
            begun=started is not None,
        ),
        "outcome": outcome,
        "counts": [(name, counts.get(name, 0)) for name in OUTCOMES],
        "total": sum(counts.values()),
        "now": timezone.now(),
    }
    return page(visit, "sign_ins.html", values)


def one(visit: Visit, attempt: UUID) -> HttpResponse:
    """Show one attempt: its steps, what came, and where to click."""
    found = (
        Attempt.objects.filter(organization=visit.organization, pk=attempt)
        .select_related("connection", "member")
        .first()
    )
    if found is None:
        raise Http404
    product = preset(found.connection.idp_preset)
    values: dict[str, Any] = {
        "attempt": found,
        "advice": CATALOGUE.get(found.code),
        "where": product.where.get(found.code, ""),
        "product": product,
        "name_id": attempts.name_id_of(found),
        "attributes": sorted(attempts.attributes_of(found).items()),
    }
    return page(visit, "sign_in_attempt.html", values)
