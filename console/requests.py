"""The request log of a directory: what its identity provider sent, what we made of it, and what came of that."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote_plus
from uuid import UUID

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from console import words
from console.access import Visit
from console.answers import page
from console.directories import find as directory_of
from console.forms import Form
from console.paging import PAGE_ROWS, decode, is_uuid, part
from identity.models import Group, Member, Token
from identity.profile import key_of
from identity.secrets import UnsealError
from scim import advice, logged
from scim.exchange import Exchange
from scim.models import LoggedRequest
from scim.profiles import NOTICES, QUIRKS

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Warnings whose note is what was sent, as it was sent.
_OF_A_VALUE: Final = frozenset({"unknown_access", "held_by_administrator", "member_pending"})
_FORMATS: Final = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


class FilterForm(Form):
    """Which requests to show."""

    outcome = forms.ChoiceField(
        label="Outcome",
        required=False,
        choices=[("", "Every outcome"), ("success", "Answered"), ("refused", "Refused")],
    )
    status_class = forms.TypedChoiceField(
        label="Status", required=False, coerce=int, empty_value=None,
        choices=[("", "Every status"), *((str(digit), f"{digit}xx") for digit in range(2, 6))],
    )  # fmt: skip
    method = forms.ChoiceField(
        label="Method", required=False, choices=[("", "Every method"), *((name, name) for name in METHODS)]
    )
    person = forms.CharField(
        label="Person or group", required=False, max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "User name, address, group or id"}),
    )  # fmt: skip
    since = forms.DateTimeField(
        label="From (UTC)", required=False, input_formats=_FORMATS,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_FORMATS[0]),
    )  # fmt: skip
    until = forms.DateTimeField(
        label="Until (UTC)", required=False, input_formats=_FORMATS,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_FORMATS[0]),
    )  # fmt: skip
    path = forms.CharField(
        label="Path",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "/Users"}),
    )
    warnings = forms.BooleanField(label="With warnings only", required=False)
    # Not drawn: the doctor's links carry them.
    code = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    notice = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)

    def wanted(self, visit: Visit) -> logged.Wanted:
        """Return the filters as the log takes them. A person whom nobody knows is an error of the field."""
        values: dict[str, Any] = dict(self.cleaned_data) if self.is_valid() else {}
        person = values.pop("person", "").replace("\0", "")
        values = {name: value for name, value in values.items() if value}
        for name in ("since", "until"):
            if name in values:
                values[name] = _utc(values[name])
        for name in ("path", "code", "notice"):
            values[name] = values.get(name, "").replace("\0", "")
        if person:
            values["resource_id"] = _resource(visit, person)
            if values["resource_id"] is None:
                self.add_error("person", "Nobody here, and no group, has this name.")
        return logged.Wanted(**values)


def index(visit: Visit, directory: UUID) -> HttpResponse:
    """List the requests of a directory, the latest first."""
    found = directory_of(visit, directory)
    query = visit.request.GET
    form = FilterForm(query if set(query) & set(FilterForm.base_fields) else {})
    wanted = form.wanted(visit)
    after = (decode(query.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    read, following = (
        ([], None) if form.errors else logged.page(found, wanted, PAGE_ROWS, UUID(after) if begun else None)
    )
    values = {
        "directory": found,
        "form": form,
        "filtered": wanted != logged.Wanted() or bool(form.errors),
        "page": part(query, read, following, begun=begun),
        "rows": _about(visit, read),
        "here": "refused" if wanted == logged.Wanted(outcome="refused") else "requests",
    }
    return page(visit, "requests.html", values, status=400 if form.errors else 200)


def one(visit: Visit, directory: UUID, logged_request: UUID) -> HttpResponse:
    """Show one request: as it came beside what we made of it, the answer, and the entries that it led to."""
    found = directory_of(visit, directory)
    row = find(visit, directory, logged_request)
    kept = opened(row)
    values = {
        "directory": found,
        "row": row,
        "kept": kept,
        # As a person writes it; one parameter a line, since a value may hold an ampersand.
        "query": "\n".join(map(unquote_plus, kept.query.split("&"))) if kept else "",
        "raw": indented(kept.raw) if kept and kept.raw else "",
        "normalised": [indented(json.dumps(each, ensure_ascii=False)) for each in kept.normalised]
        if kept
        else [],
        "answer": indented(kept.answer) if kept else "",
        "warnings": explained(row.warnings, row.client or found.idp),
        "said": _sentence(kept.answer, row.code) if kept and row.code else "",
        "advice": advice.of(row.code, row.client or found.idp) if row.code else "",
        "entries": entries(logged.entries_of(row)),
        "token": Token.objects.filter(organization=visit.organization, pk=row.token_id).first(),
        "person": _person(visit, row),
        "here": "requests",
    }
    return page(visit, "request.html", values)


def find(visit: Visit, directory: UUID, logged_request: UUID) -> LoggedRequest:
    """Return the directory's logged request, or answer 404."""
    return get_object_or_404(
        LoggedRequest, organization=visit.organization, directory=directory, pk=logged_request
    )


def opened(row: LoggedRequest) -> Exchange | None:
    """Return what was sent and answered; None once the key to it is destroyed."""
    try:
        return logged.opened(row)
    except UnsealError:
        return None


def indented(text: str) -> str:
    """Return JSON with line breaks, so that two bodies can be compared by eye; what is no JSON, as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def explained(warnings: list[dict[str, str]], client: str) -> list[dict[str, str]]:
    """Return warnings with what was made of them and what to click at the identity provider."""
    return [
        {
            "code": each["code"],
            "path": each["path"],
            "note": "" if each["code"] in _OF_A_VALUE else each["note"],
            "value": each["note"] if each["code"] in _OF_A_VALUE else "",
            "made": QUIRKS[each["code"]].made if each["code"] in QUIRKS else NOTICES.get(each["code"], ""),
            "advice": advice.of(each["code"], client),
        }
        for each in warnings
    ]


def entries(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of `scim.logged.shown` with what happened in words."""
    return [{**each, "title": words.of_event(each["event"])} for each in shown]


def _about(visit: Visit, rows: list[LoggedRequest]) -> list[tuple[LoggedRequest, str]]:
    """Return requests with the name of the person or group that each is about, "" where that is nobody here."""
    ids = {row.resource_id for row in rows if row.resource_id is not None}
    people = Member.objects.filter(organization=visit.organization, pk__in=ids)
    groups = Group.objects.filter(organization=visit.organization, pk__in=ids)
    named = {
        pk: display_name or user_name
        for pk, display_name, user_name in people.values_list("pk", "display_name", "user_name")
    }
    named |= dict(groups.values_list("pk", "display_name"))
    return [(row, named.get(row.resource_id, "") if row.resource_id else "") for row in rows]


def _sentence(answer: str, code: str) -> str:
    """Return what a refusal said, without its code; "" where the answer is none of SCIM's."""
    try:
        said = json.loads(answer)
    except ValueError:
        return ""
    detail = said.get("detail") if isinstance(said, dict) else None
    return detail.removesuffix(f"[{code}]").strip() if isinstance(detail, str) else ""


def _person(visit: Visit, row: LoggedRequest) -> dict[str, Any]:
    """Name whom the request was about, where that is somebody here."""
    if row.resource_id is None:
        return {}
    member = Member.objects.filter(organization=visit.organization, pk=row.resource_id).first()
    if member is not None:
        return {"member": member}
    group = Group.objects.filter(organization=visit.organization, pk=row.resource_id).first()
    return {"group": group} if group is not None else {}


def _resource(visit: Visit, text: str) -> UUID | None:
    """Return the id of the member or group that people mean; the newest where there were several."""
    if is_uuid(text):
        return UUID(text)
    key = key_of(text)
    named = Q(user_name_key=key) | Q(email_key=key)
    member = Member.objects.filter(named, organization=visit.organization).order_by("-pk").first()
    if member is not None:
        return member.pk
    group = (
        Group.objects.filter(organization=visit.organization, display_name_key=key).order_by("-pk").first()
    )
    return group.pk if group is not None else None


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)
