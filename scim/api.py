"""The request log over the REST API: look for requests, read one, run it again."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import tenancy
from identity.api.organization import DirectoryView
from identity.api.paging import Page
from identity.api.shapes import Flag, Moment, Strict
from identity.api.view import describe
from scim import logged, replay
from scim.models import LoggedRequest

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class WantedRequests(Page):
    """Which requests, the latest first; `after` is the `next` of the page before. `path` is looked for anywhere in the path."""

    status_class = serializers.IntegerField(min_value=2, max_value=5, required=False)
    method = serializers.ChoiceField(choices=METHODS, required=False)
    path = serializers.CharField(max_length=200, required=False)
    outcome = serializers.ChoiceField(choices=["success", "refused"], required=False)
    code = serializers.CharField(max_length=60, required=False)
    since = Moment(required=False, help_text="From this time on.")
    until = Moment(required=False, help_text="Before this time.")
    warnings = serializers.BooleanField(required=False, allow_null=True, default=None)
    resource_id = serializers.UUIDField(required=False)
    notice = serializers.CharField(
        max_length=60, required=False, help_text="The code of a warning that it must carry."
    )


class Warned(serializers.Serializer[Any]):
    """Something that was not taken as it was written."""

    code = serializers.CharField()
    path = serializers.CharField()
    note = serializers.CharField(allow_blank=True)


class ShownRequest(serializers.Serializer[Any]):
    """A request in short. `code` is empty unless it was refused; `client` is who the traffic looks like."""

    id = serializers.UUIDField()
    happened_at = serializers.DateTimeField()
    token_id = serializers.UUIDField()
    method = serializers.CharField()
    path = serializers.CharField()
    resource_id = serializers.UUIDField(allow_null=True)
    status = serializers.IntegerField()
    code = serializers.CharField(allow_blank=True)
    duration_ms = serializers.SerializerMethodField()
    warnings = Warned(many=True)
    client = serializers.CharField(allow_blank=True)
    user_agent = serializers.CharField(allow_blank=True)
    request_id = serializers.CharField()

    def get_duration_ms(self, row: LoggedRequest) -> float:
        """Return how long the answer took."""
        return round(row.duration_us / 1000, 1)


class RequestPage(serializers.Serializer[Any]):
    """One page, the latest first; `next` is null on the last. With a filter a page may be short, or empty, and have a `next`."""

    items = ShownRequest(many=True)
    next = serializers.UUIDField(allow_null=True)


class FullRequest(serializers.Serializer[Any]):
    """A request with what was sent, what was made of it, what was answered and the entries it led to. Secrets are masked."""

    request = ShownRequest()
    query = serializers.CharField(allow_blank=True)
    headers = serializers.DictField()
    raw = serializers.CharField(allow_null=True, allow_blank=True)
    raw_bytes = serializers.IntegerField()
    is_whole = serializers.BooleanField()
    normalised = serializers.ListField()
    answer = serializers.CharField(allow_blank=True)
    answer_bytes = serializers.IntegerField()
    entries = serializers.ListField(child=serializers.DictField())


class ShownReplay(serializers.Serializer[Any]):
    """What the request does today. `later` are the entries by which its resource was changed since it first came."""

    status = serializers.IntegerField()
    answer = serializers.CharField(allow_blank=True)
    warnings = Warned(many=True)
    changes = serializers.DictField()
    members = serializers.DictField()
    entries = serializers.ListField(child=serializers.DictField())
    later = serializers.ListField(child=serializers.DictField())
    is_applied = serializers.BooleanField()


class ApplyReplay(Strict):
    """`despite_later` says that later changes to the same resource may be undone by this."""

    despite_later = Flag(required=False, default=False)


class Requests(DirectoryView):
    """The requests that a directory sent."""

    needs = {"GET": ("directories.read",)}

    @describe("scim_requests", gives=RequestPage, asks=WantedRequests)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the directory's requests, the latest first."""
        directory = self.directory()
        asked = self.asked(WantedRequests)
        limit, after = asked.pop("limit"), asked.pop("after", None)
        with tenancy.of(self.organization):
            found, following = logged.page(directory, logged.Wanted(**asked), limit, after)
        return Response(RequestPage({"items": found, "next": following}).data)


class RequestView(DirectoryView):
    """An endpoint below one logged request."""

    def row(self) -> LoggedRequest:
        """Return the request that the address names. Raises NotFound."""
        return self.one(LoggedRequest, self.kwargs["logged"], directory=self.directory())


class OneRequest(RequestView):
    """One request."""

    needs = {"GET": ("directories.read",)}

    @describe("scim_request", gives=FullRequest)
    def get(self, _request: Request, **_: Any) -> Response:
        """Show a request in full."""
        row = self.row()
        kept = logged.opened(row)
        with tenancy.of(self.organization):
            entries = logged.entries_of(row)
        shown = {name: getattr(kept, name) for name in kept.__slots__}
        return Response(FullRequest({"request": row, "entries": entries, **shown}).data)


class Rehearsal(RequestView):
    """What a request would do today."""

    needs = {"POST": ("directories.write",)}

    @describe("scim_request_rehearse", gives=ShownReplay)
    def post(self, _request: Request, **_: Any) -> Response:
        """Run the request through today's rules and take everything back; show what it would change."""
        return Response(ShownReplay(replay.rehearse(self.row(), actor=self.actor)).data)


class Application(RequestView):
    """Doing again what a request asked."""

    needs = {"POST": ("directories.write", "members.write", "access.write")}

    @describe("scim_request_apply", takes=ApplyReplay, gives=ShownReplay)
    def post(self, _request: Request, **_: Any) -> Response:
        """Run the request through today's rules for good, as one recorded step."""
        wanted = self.taken(ApplyReplay)
        done = replay.apply(self.row(), actor=self.actor, despite_later=wanted["despite_later"])
        return Response(ShownReplay(done).data)
