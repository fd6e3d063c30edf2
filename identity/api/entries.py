"""The record: entries by page, and as files."""

from functools import partial
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import export
from identity import downloads, tenancy
from identity.api.organization import OrganizationView
from identity.api.paging import LIMIT_DEFAULT, LIMIT_MAX
from identity.api.shapes import Moment, Query
from identity.api.view import describe
from identity.errors import RecordWentBack
from identity.models import Organization

_SEQ_MAX = 2**63 - 1


class Wanted(Query):
    """Which entries. `event` may be repeated and may end in `.*`, as `member.*`; `actor` and `subject` are ids."""

    after = serializers.IntegerField(min_value=0, max_value=_SEQ_MAX, default=0, required=False)
    seen = serializers.UUIDField(
        required=False,
        help_text="The id of the entry at `after`, as you have read it: another one there is refused.",
    )
    since = Moment(required=False, help_text="From this time on.")
    until = Moment(required=False, help_text="Before this time.")
    event = serializers.ListField(child=serializers.CharField(max_length=50), required=False, max_length=50)
    actor = serializers.CharField(required=False, max_length=200)
    subject = serializers.CharField(required=False, max_length=200)
    outcome = serializers.ChoiceField(required=False, choices=export.OUTCOMES)

    def validate_event(self, patterns: list[str]) -> list[str]:
        """Return the events that the patterns stand for."""
        events: list[str] = []
        for pattern in patterns:
            found = export.events_matching(pattern)
            if not found:
                raise serializers.ValidationError(f"There is no event {pattern}.")
            events.extend(found)
        return events


class WantedPage(Wanted):
    """Which entries, and how many at most."""

    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT, required=False)


class Party(serializers.Serializer[Any]):
    """Who did it, or to whom or what it was done. `label` is empty once the person is erased."""

    kind = serializers.CharField()
    id = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # DRF takes fields away from the class


class Entry(serializers.Serializer[Any]):
    """One line of the record. `changes` maps what changed to [before, after]."""

    seq = serializers.IntegerField()
    id = serializers.UUIDField()
    event = serializers.CharField()
    outcome = serializers.ChoiceField(choices=export.OUTCOMES)
    reason = serializers.CharField(allow_blank=True)
    source = serializers.CharField()  # type: ignore[assignment]  # the same
    actor = Party()
    subject = Party()
    changes = serializers.DictField()
    data = serializers.DictField()  # type: ignore[assignment]  # the same
    request_id = serializers.CharField(allow_blank=True)
    happened_at = serializers.DateTimeField()
    ip = serializers.CharField(allow_blank=True)
    user_agent = serializers.CharField(allow_blank=True)


class EntryPage(serializers.Serializer[Any]):
    """Entries in the order of `seq`. `next` is the `after` of the following page, null when there is no more for now.

    With a filter a page may hold fewer items than asked for, or none, and still have a `next`.
    """

    items = Entry(many=True)
    next = serializers.IntegerField(allow_null=True)


class Entries(OrganizationView):
    """The record, for reading along: remember the last `seq`, ask for what comes after it, and nothing is missed."""

    needs = {"GET": ("record.read",)}

    @describe("entries", gives=EntryPage, asks=WantedPage)
    def get(self, _request: Request, **_: Any) -> Response:
        """Read a page of the record."""
        query = self.asked(WantedPage)
        limit = query.pop("limit")
        after = _place(self.organization, query)
        with tenancy.of(self.organization):
            page = export.page(self.organization.pk, _filter(query), after=after, limit=limit)
        return Response({"items": [export.shown(line) for line in page.lines], "next": page.following})


class EntriesFile(OrganizationView):
    """The record as a file, streamed."""

    needs = {"GET": ("record.read",)}
    form = ""

    def file(self) -> StreamingHttpResponse:
        """Answer with the file, of which nothing is read before it is sent."""
        query = self.asked(Wanted)
        after = _place(self.organization, query)
        name = downloads.file_name(self.organization, self.form)
        return downloads.handed_out(
            str(self.request.method),
            partial(
                downloads.start, self.organization, self.form, _filter(query), actor=self.actor, after=after
            ),
            downloads.CONTENT_TYPES[self.form],
            {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )


class EntriesCsv(EntriesFile):
    """The record as CSV (RFC 4180)."""

    form = "csv"

    @describe("entries_csv", gives=OpenApiTypes.STR, asks=Wanted, media="text/csv")
    def get(self, _request: Request, **_: Any) -> StreamingHttpResponse:
        """Download the record as CSV, or the part that the filters choose. The download becomes an entry itself."""
        return self.file()


class EntriesJsonl(EntriesFile):
    """The record as JSON Lines."""

    form = "jsonl"

    @describe("entries_jsonl", gives=OpenApiTypes.STR, asks=Wanted, media="application/jsonl")
    def get(self, _request: Request, **_: Any) -> StreamingHttpResponse:
        """Download the record as JSON Lines, or the part that the filters choose. The download becomes an entry itself."""
        return self.file()


def _place(organization: Organization, query: dict[str, Any]) -> int:
    """Take the place out of a query. Raises RecordWentBack where the record that was read up to there is not this one."""
    after: int = query.pop("after")
    seen: UUID | None = query.pop("seen", None)
    with tenancy.of(organization):
        if export.holds(organization.pk, after, seen):
            return after
        end = export.head(organization.pk)
    message = (
        f"The record ends at {end}, and up to {after} it is not the one that you have read: the server was restored from a backup."
        " Begin again behind the last entry that both have by the same id."
    )
    raise RecordWentBack(message, field="after")


def _filter(query: dict[str, Any]) -> export.Filter:
    events = tuple(query.pop("event", ()))
    return export.Filter(events=events, **query)
