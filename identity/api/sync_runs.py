"""The runs of a pulled directory: ask for one, follow it, read its plan, approve it."""

from collections.abc import Iterator
from typing import Any, Final

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.files import csv_file
from identity import sync_runs, tenancy
from identity.api.organization import DirectoryView
from identity.api.paging import Page
from identity.api.shapes import Flag, Query, Strict, Text
from identity.api.view import describe
from identity.errors import Forbidden
from identity.models import Run, Step

COLUMNS: Final = (
    "number", "action", "external_id", "name", "member", "group", "changes", "reason", "state",
)  # fmt: skip
_CSV_ROWS: Final = 2000


class NewRun(Strict):
    """A run to be; a dry run only plans."""

    dry_run = Flag(required=False, default=False)


class Approval(Strict):
    """Which plan is approved: exactly this one."""

    plan_hash = Text(max_length=64)


class Told(serializers.Serializer[Any]):
    """A stable code and a sentence for people."""

    code = serializers.CharField()
    sentence = serializers.CharField()


class Place(serializers.Serializer[Any]):
    """A record that could not be read."""

    place = serializers.CharField()
    reason = serializers.CharField()


class Progress(serializers.Serializer[Any]):
    """How far a run is in its phase: `done` of how many (null while unknown), how many a second, and how many seconds are left."""

    done = serializers.IntegerField()
    of = serializers.IntegerField(allow_null=True)
    per_second = serializers.FloatField(allow_null=True)
    seconds_left = serializers.IntegerField(allow_null=True)


class ShownSyncRun(serializers.Serializer[Any]):
    """A run and its report. `counts` is what the plan holds by action; `lacks` says why nobody counted as absent.

    `worked_seconds` is how long workers were at it; `day_minutes` and `run_minutes` of the directory's settings bound that.
    """

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Run.State.values)
    dry_run = serializers.BooleanField()
    asked_by = serializers.DictField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField()
    progress = serializers.SerializerMethodField()
    staged = serializers.IntegerField()
    planned = serializers.IntegerField()
    applied = serializers.IntegerField()
    skipped = serializers.IntegerField()
    counts = serializers.DictField()
    whole = serializers.BooleanField()
    lacks = Told(many=True)
    unreadable = Place(many=True)
    plan_hash = serializers.CharField(allow_blank=True)
    held_for = Told(many=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    approved_by = serializers.DictField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    told = serializers.ListField(child=serializers.CharField())
    worked_seconds = serializers.FloatField()
    fault = serializers.CharField(allow_blank=True)
    fault_sentence = serializers.CharField(allow_blank=True)

    @extend_schema_field(Progress)
    def get_progress(self, run: Run) -> dict[str, Any]:
        """Return how far it is."""
        return sync_runs.progress(run)


class RunPage(serializers.Serializer[Any]):
    """One page, the latest first; `next` is null on the last."""

    items = ShownSyncRun(many=True)
    next = serializers.UUIDField(allow_null=True)


class PlanPage(Query):
    """Which steps: of a state, behind the number `after`."""

    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    after = serializers.IntegerField(min_value=0, required=False, default=0)
    state = serializers.ChoiceField(choices=Step.State.values, required=False)


class ShownRunStep(serializers.Serializer[Any]):
    """What is to happen to one person or group, and what became of it."""

    number = serializers.IntegerField()
    action = serializers.CharField()
    external_id = serializers.CharField()
    name = serializers.CharField(source="label", allow_blank=True)
    member = serializers.UUIDField(source="member_id", allow_null=True)
    group = serializers.UUIDField(source="group_id", allow_null=True)
    changes = serializers.JSONField(source="fields")
    reason = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=Step.State.values)


class Plan(serializers.Serializer[Any]):
    """One page of a plan, in the order in which it is carried out; `next` is null on the last."""

    plan_hash = serializers.CharField(allow_blank=True)
    items = ShownRunStep(many=True)
    next = serializers.IntegerField(allow_null=True)


class RunsView(DirectoryView):
    """An endpoint below a directory, or one of its runs."""

    def run(self) -> Run:
        """Return the run of the address. Raises NotFound."""
        directory = self.directory()
        run = self.one(Run, self.kwargs["run"], directory=directory)
        run.directory = directory
        return run


class Runs(RunsView):
    """The runs of a directory."""

    needs = {"GET": ("directories.read",), "POST": ("directories.write",)}

    @describe("runs", gives=RunPage, asks=Page)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the runs, the latest first."""
        query = self.asked(Page)
        rows = Run.objects.filter(organization=self.organization, directory=self.directory()).order_by("-pk")
        if query.get("after"):
            rows = rows.filter(pk__lt=query["after"])
        with tenancy.of(self.organization):
            found = list(rows[: query["limit"] + 1])
        items = found[: query["limit"]]
        following = items[-1].pk if len(found) > query["limit"] else None
        return Response(RunPage({"items": items, "next": following}).data)

    @describe("run_ask", takes=NewRun, gives=ShownSyncRun, status=201)
    def post(self, _request: Request, **_: Any) -> Response:
        """Have the directory read now. Workers do it: follow the run by its address."""
        directory = self.directory()
        wanted = self.taken(NewRun)
        made = sync_runs.ask(directory, actor=self.actor, dry_run=wanted["dry_run"])
        return Response(ShownSyncRun(made).data, status=201)


class OneRun(RunsView):
    """One run."""

    needs = {"GET": ("directories.read",)}

    @describe("run", gives=ShownSyncRun)
    def get(self, _request: Request, **_: Any) -> Response:
        """Show the run: how far it is, and its report once it is over."""
        return Response(ShownSyncRun(self.run()).data)


class PlanView(RunsView):
    """The plan of a run."""

    needs = {"GET": ("directories.read", "members.read")}

    @describe("run_plan", gives=Plan, asks=PlanPage)
    def get(self, request: Request, **_: Any) -> Response | StreamingHttpResponse:
        """List what is to happen, and what became of it. Whoever accepts text/csv alone gets the whole plan as a file."""
        run, query = self.run(), self.asked(PlanPage)
        if request.headers.get("Accept", "").partition(";")[0].strip().lower() == "text/csv":
            return _as_csv(run)
        rows = Step.objects.filter(organization=self.organization, run=run, number__gt=query["after"])
        if "state" in query:
            rows = rows.filter(state=query["state"])
        with tenancy.of(self.organization):
            found = list(rows.order_by("number")[: query["limit"] + 1])
        items = found[: query["limit"]]
        following = items[-1].number if len(found) > query["limit"] else None
        return Response(Plan({"plan_hash": run.plan_hash, "items": items, "next": following}).data)


class PlanCsv(RunsView):
    """The plan of a run as a file."""

    needs = {"GET": ("directories.read", "members.read")}

    @describe("run_plan_csv", gives=OpenApiTypes.STR, media="text/csv")
    def get(self, _request: Request, **_: Any) -> StreamingHttpResponse:
        """Download the whole plan as CSV (RFC 4180)."""
        return _as_csv(self.run())


class Approve(RunsView):
    """The approval of a held run."""

    needs = {"POST": ("directories.write", "members.write")}

    @describe("run_approve", takes=Approval, gives=ShownSyncRun)
    def post(self, _request: Request, **_: Any) -> Response:
        """Let the held plan with this hash happen, once. A person does it: by their session or a token of their own."""
        run = self.run()
        token = self.caller.token
        if self.caller.member is None or (token is not None and token.service):
            raise Forbidden("A plan is approved by a person: sign in, or use a token of your own.")
        wanted = self.taken(Approval)
        return Response(ShownSyncRun(sync_runs.approve(run, wanted["plan_hash"], actor=self.actor)).data)


class Cancel(RunsView):
    """The end of a run before its time."""

    needs = {"POST": ("directories.write",)}

    @describe("run_cancel", gives=ShownSyncRun)
    def post(self, _request: Request, **_: Any) -> Response:
        """End the run: what it has applied stays, the rest does not happen."""
        return Response(ShownSyncRun(sync_runs.cancel(self.run(), actor=self.actor)).data)


def _as_csv(run: Run) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        csv_file(COLUMNS, _rows(run)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="plan-{run.pk}.csv"',
            "Cache-Control": "no-store",
        },
    )


def _rows(run: Run) -> Iterator[list[str]]:
    """Give each step as one row; each page is read when the rows before it have been taken."""
    after = 0
    while True:
        with tenancy.of(run.organization_id):
            rows = Step.objects.filter(organization=run.organization_id, run=run, number__gt=after)
            steps = list(rows.order_by("number")[:_CSV_ROWS])
        for shown in ShownRunStep(steps, many=True).data:
            yield ["" if shown[name] is None else str(shown[name]) for name in COLUMNS]
        if len(steps) < _CSV_ROWS:
            return
        after = steps[-1].number
