"""The sign-in log: what succeeded, what failed and what to do about it, what never came back."""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from console.access import Visit
from console.answers import address, page
from console.forms import Form
from console.numbers import together, up_to
from console.paging import PAGE_ROWS, decode, is_uuid, part
from identity.downloads import CONTENT_TYPES, handed_out
from identity.models import Member
from identity.profile import key_of
from saml import attempt_details, sign_in_log
from saml.models import Attempt, Connection
from saml.presets import preset
from saml.refusals import CATALOGUE

OUTCOMES: Final = ("succeeded", "failed", "incomplete")


class FilterForm(Form):
    """Which attempts to show."""

    person = forms.CharField(
        label="Person",
        required=False,
        max_length=sign_in_log.PERSON_CHARACTERS_MAX,
        widget=forms.TextInput(attrs={"placeholder": "Part of the user name, or a reference"}),
    )
    connection = forms.ChoiceField(label="Through", required=False)
    since = forms.DateField(
        label="From (UTC)", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(label="To (UTC)", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    outcome = forms.ChoiceField(
        required=False, choices=[("", ""), *((name, name) for name in OUTCOMES)], widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, visit: Visit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connections = Connection.objects.filter(organization=visit.organization).order_by("name")
        named = [(str(pk), name) for pk, name in connections.values_list("pk", "name")]
        self.fields["connection"].choices = [("", "Every connection"), *named]  # type: ignore[attr-defined]

    def wanted(self) -> sign_in_log.Filter:
        """Return the filled filters; days become times (UTC). A filter that is no good narrows nothing."""
        given = self.cleaned_data if self.is_valid() else {}
        since, until = given.get("since"), given.get("until")
        return sign_in_log.Filter(
            outcome=given.get("outcome", ""),
            person=given.get("person", "").replace("\0", ""),
            connection=UUID(given["connection"]) if given.get("connection") else None,
            since=datetime.combine(since, time.min, UTC) if since else None,
            # Behind the last day of all there is no other, and no attempt.
            until=datetime.combine(until + timedelta(days=1), time.min, UTC)
            if until and until < date.max
            else None,
        )


def index(visit: Visit) -> HttpResponse:
    """List attempts, newest first; failed ones with the sentence that helps. The reference that somebody was shown leads to the one."""
    query = visit.request.GET
    form = FilterForm(query, visit=visit)
    wanted = form.wanted()
    everything = Attempt.objects.filter(organization=visit.organization)
    if is_uuid(wanted.person) and everything.filter(pk=UUID(wanted.person)).exists():
        return HttpResponseRedirect(address(visit, "sign_in_attempt", attempt=UUID(wanted.person)))
    counts = [(name, up_to(everything.filter(outcome=name))) for name in OUTCOMES]
    place = _place(query.get("after", ""))
    found, following = sign_in_log.latest(visit.organization, wanted, PAGE_ROWS, place)
    with_advice = [(row, CATALOGUE.get(row.code)) for row in found]
    filters = query.copy()
    filters.pop("after", None)
    values = {
        "page": part(query, with_advice, following, begun=place is not None),
        "form": form,
        "filtered": bool(wanted.described()),
        "filters": filters.urlencode(),
        "others": urlencode(
            [(name, value) for name, value in filters.items() if value and name != "outcome"]
        ),
        "outcome": wanted.outcome,
        "counts": counts,
        "total": together(number for _, number in counts),
        "now": timezone.now(),
    }
    return page(visit, "sign_ins.html", values, status=400 if form.errors else 200)


def _place(cursor: str) -> sign_in_log.Place | None:
    moment, last = decode(cursor, 2) or ("", "")
    try:
        started = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (started, UUID(last)) if started.tzinfo is not None and is_uuid(last) else None


def download_csv(visit: Visit) -> StreamingHttpResponse:
    """Hand out what the filters choose as CSV."""
    return _download(visit, "csv")


def download_jsonl(visit: Visit) -> StreamingHttpResponse:
    """Hand out what the filters choose as JSON Lines."""
    return _download(visit, "jsonl")


def _download(visit: Visit, form: str) -> StreamingHttpResponse:
    filled = FilterForm(visit.request.GET, visit=visit)
    if filled.errors:
        # A file of more than was asked for would be worse than none.
        raise Http404
    name = sign_in_log.file_name(visit.organization, form)
    return handed_out(
        str(visit.request.method),
        partial(
            sign_in_log.download, visit.organization, form, filled.wanted(), actor=visit.actor, marked=True
        ),
        CONTENT_TYPES[form],
        {"Content-Disposition": f'attachment; filename="{name}"'},
    )


def one(visit: Visit, attempt: UUID) -> HttpResponse:
    """Show one attempt: its steps, what came, and where to click."""
    found = get_object_or_404(
        Attempt.objects.select_related("connection", "member"), organization=visit.organization, pk=attempt
    )
    product = preset(found.connection.idp_preset)
    values: dict[str, Any] = {
        "attempt": found,
        "advice": CATALOGUE.get(found.code),
        "where": product.place(found.code),
        "product": product,
        "meant": _meant(visit, found),
        "name_id": attempt_details.name_id_of(found),
        "attributes": sorted(attempt_details.attributes_of(found).items()),
    }
    return page(visit, "sign_in_attempt.html", values)


def _meant(visit: Visit, attempt: Attempt) -> Member | None:
    """Return the one member whom a failed attempt names, by user name or else by address; None where that is nobody, or several."""
    if attempt.member_id is not None or not attempt.user_name:
        return attempt.member
    key = key_of(attempt.user_name)
    every = Member.objects.filter(organization=visit.organization)
    # Newest first: the name of somebody who has left may be somebody else's by now.
    named = every.filter(user_name_key=key).order_by("-pk").first()
    if named is not None:
        return named
    found = list(every.filter(email_key=key)[:2])
    return found[0] if len(found) == 1 else None
