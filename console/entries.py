"""The record: filters, pages by `seq`, one entry, and the downloads."""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse, StreamingHttpResponse

from audit import export
from audit.events import Event
from console import reading, words
from console.access import Visit
from console.answers import page
from console.forms import Form
from console.paging import PAGE_ROWS, Page
from identity import downloads
from identity.models import Member
from identity.profile import key_of
from saml import connections
from saml.presets import preset
from saml.presets.preset import Preset
from saml.refusals import CATALOGUE

_SEQ_MAX: Final = 2**63 - 1
_BY_SAML: Final = {Event.SIGN_IN_REFUSE, Event.SIGN_OUT_REFUSE, Event.CONNECTION_METADATA}


class FilterForm(Form):
    """Which entries to show."""

    since = forms.DateField(
        label="From (UTC)", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(label="To (UTC)", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    event = forms.ChoiceField(
        label="Event",
        required=False,
        choices=[("", "Every event"), *sorted(words.EVENT_CHOICES, key=lambda choice: choice[1])],
    )
    outcome = forms.ChoiceField(
        label="Outcome",
        required=False,
        choices=[("", "Every outcome"), ("success", "Success"), ("refused", "Refused")],
    )
    actor = forms.CharField(
        label="Actor",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Name or id"}),
    )
    subject = forms.CharField(
        label="Subject",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Name or id"}),
    )
    request = forms.CharField(label="Request", required=False, max_length=64)

    def wanted(self, visit: Visit) -> dict[str, Any]:
        """Return the filled filters in the shape of `reading.latest`; days become times (UTC), user names become ids."""
        values = self.cleaned_data if self.is_valid() else {}
        found = {name: value for name, value in values.items() if value and name not in {"since", "until"}}
        if values.get("since"):
            found["since"] = datetime.combine(values["since"], time.min, UTC)
        # Behind the last day of all there is no other, and no entry.
        if values.get("until") and values["until"] < date.max:
            found["until"] = datetime.combine(values["until"] + timedelta(days=1), time.min, UTC)
        for name in ("actor", "subject"):
            if name in found:
                found[name] = _id_of(visit, found[name].replace("\0", ""))
        return found


def index(visit: Visit) -> HttpResponse:
    """List entries, newest first."""
    query = visit.request.GET
    form = FilterForm(query if set(query) & set(FilterForm.base_fields) else {})
    wanted = form.wanted(visit)
    after = query.get("after", "")
    begun = after.isascii() and after.isdecimal() and int(after) <= _SEQ_MAX
    found = reading.latest(
        visit.organization.pk, wanted | ({"after": int(after)} if begun else {}), PAGE_ROWS
    )
    filters = query.copy()
    filters.pop("after", None)
    following = ""
    if found.following is not None:
        later = filters.copy()
        later["after"] = str(found.following)
        following = later.urlencode()
    values = {
        "form": form,
        "page": Page(found.lines, following, filters.urlencode(), begun),
        "filtered": sorted(wanted),
        "filters": filters.urlencode(),
        "downloadable": _by_id(wanted) is not None,
    }
    return page(visit, "record.html", values, status=400 if form.errors else 200)


def one(visit: Visit, entry: UUID) -> HttpResponse:
    """Show one entry with everything that it holds."""
    found = reading.one(visit.organization.pk, entry)
    if found is None:
        raise Http404
    data = found.detail.get("data") or {}
    values = {"entry": found, "data": sorted(data.items())}
    if found.event in _BY_SAML and found.reason in CATALOGUE:
        # What SAML refused without a line in the sign-in log, as a logout message, is explained here or nowhere.
        product = _product(visit, found)
        where = product.place(found.reason) if product else ""
        values |= {"advice": CATALOGUE[found.reason], "product": product, "where": where}
    return page(visit, "entry.html", values)


def _product(visit: Visit, entry: reading.Line) -> Preset | None:
    """Return the product of the connection that an entry is about, if it is about one; connections are never deleted."""
    if entry.subject_kind != "connection":
        return None
    return preset(connections.get(visit.organization, UUID(entry.subject_id)).idp_preset)


def download_csv(visit: Visit) -> StreamingHttpResponse:
    """Hand out what the filters choose as CSV."""
    return _download(visit, "csv")


def download_jsonl(visit: Visit) -> StreamingHttpResponse:
    """Hand out what the filters choose as JSON Lines."""
    return _download(visit, "jsonl")


def _download(visit: Visit, form: str) -> StreamingHttpResponse:
    wanted = _by_id(FilterForm(visit.request.GET).wanted(visit))
    if wanted is None:
        raise Http404
    name = downloads.file_name(visit.organization, form)
    return downloads.handed_out(
        str(visit.request.method),
        partial(downloads.start, visit.organization, form, wanted, actor=visit.actor, marked=True),
        downloads.CONTENT_TYPES[form],
        {"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _by_id(wanted: dict[str, Any]) -> export.Filter | None:
    """Return the filters as a download takes them; None if one of them is a part of a name or a request, which it does not take."""
    values = dict(wanted)
    event = values.pop("event", "")
    parties = [values[name] for name in ("actor", "subject") if name in values]
    if "request" in values or not all(reading.ID.fullmatch(party) for party in parties):
        return None
    return export.Filter(events=(event,) if event else (), **values)


def _id_of(visit: Visit, text: str) -> str:
    """Return the id of the member with this user name, the newest where there were several, else the text as it is."""
    found = (
        Member.objects.filter(organization=visit.organization, user_name_key=key_of(text))
        .order_by("-pk")
        .first()
    )
    return str(found.pk) if found is not None else text
