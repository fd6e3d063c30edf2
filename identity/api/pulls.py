"""Directories that are pulled: how they are set up, their connection tested, their file given, their clock stopped."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from identity import drift, pulls, tenancy
from identity.api.access_shapes import FirstPermissions
from identity.api.body import StrictJson, TooLarge
from identity.api.organization import DirectoryView
from identity.api.shapes import Flag, Query, Strict, Text, Whole
from identity.api.view import describe
from identity.models import Directory, Pull


class Schedule(Strict):
    """How often a directory is read, in minutes."""

    every_minutes = Whole(min_value=pulls.EVERY_MINUTES[0], max_value=pulls.EVERY_MINUTES[1])


class NewPulledDirectory(Strict):
    """A directory that we read ourselves. Settings and credentials are those of its kind; credentials are sealed and never shown."""

    kind = Text(max_length=40)
    name = Text(max_length=200)
    defaults = FirstPermissions(required=False)
    settings = serializers.DictField(required=False)
    credentials = serializers.DictField(required=False)
    schedule = Schedule(required=False)


class ChangedPulledDirectory(Strict):
    """What can be changed; what is left out stays, each setting by itself. Credentials are replaced as a whole."""

    name = Text(max_length=200, required=False)
    active = Flag(required=False)
    defaults = FirstPermissions(required=False)
    settings = serializers.DictField(required=False)
    credentials = serializers.DictField(required=False)
    schedule = Schedule(required=False)


class ShownPull(serializers.Serializer[Any]):
    """How a directory is read. `due_at` is null while it is paused; `failures` counts the runs in a row that could not read it."""

    every_minutes = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    succeeded_at = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField()
    file_name = serializers.CharField(allow_blank=True)
    file_at = serializers.DateTimeField(allow_null=True)


class MissingRight(serializers.Serializer[Any]):
    """A right that the directory has not given us, and where it is given."""

    right = serializers.CharField()
    where = serializers.CharField()


class ShownVerdict(serializers.Serializer[Any]):
    """What a test of the connection found; `sentence` says what to do next."""

    ok = serializers.BooleanField()
    code = serializers.CharField(allow_blank=True)
    sentence = serializers.CharField()
    missing = MissingRight(many=True)
    people = serializers.IntegerField(allow_null=True)
    groups = serializers.IntegerField(allow_null=True)
    sample = serializers.ListField(child=serializers.CharField())


class DriftPage(Query):
    """`after` is the `next` of the page before."""

    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    after = serializers.CharField(max_length=1024, required=False, default="", allow_blank=True)


class ShownDrift(serializers.Serializer[Any]):
    """Somebody about whom the directory and we differ.

    `what` is missing, suspended_here, offboarded_here, active_here, changed_here, held, or why they were skipped.
    """

    external_id = serializers.CharField()
    member = serializers.UUIDField(source="member_id", allow_null=True)
    user_name = serializers.CharField(allow_blank=True)
    what = serializers.CharField()
    since = serializers.DateTimeField()


class Drift(serializers.Serializer[Any]):
    """One page of differences; `next` is null on the last. A page may be short, or empty, and have a next one."""

    items = ShownDrift(many=True)
    next = serializers.CharField(allow_null=True)


class AnyFile(BaseParser):
    """A file as it is, sent as text/csv whatever its encoding; `request.data` is its bytes."""

    media_type = "text/csv"

    def parse(  # type: ignore[override]  # DRF takes whatever its parsers give
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 - DRF hands it over
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002 - the same
    ) -> bytes:
        """Return the bytes. Raises TooLarge."""
        content: bytes = stream.read(pulls.FILE_BYTES_MAX + 1)
        if len(content) > pulls.FILE_BYTES_MAX:
            raise TooLarge
        return content


class FileName(Query):
    """What the file is called, for people to know it by."""

    name = serializers.CharField(max_length=200, required=False, default="upload.csv")


class PullView(DirectoryView):
    """An endpoint below a directory that is pulled."""

    needs = {"POST": ("directories.write",)}

    def pull(self) -> Pull:
        """Return how the directory of the address is pulled. Raises NotFound."""
        return pulls.of(self.directory())


class Test(PullView):
    """The connection to the directory."""

    only_asks = True

    @describe("directory_test", gives=ShownVerdict)
    def post(self, _request: Request, **_: Any) -> Response:
        """Try the connection, and say which right is missing and where to give it. Nothing is changed."""
        return Response(ShownVerdict(pulls.test(self.pull())).data)


class Pause(PullView):
    """The clock of the directory."""

    @describe("directory_pause", gives=ShownPull)
    def post(self, _request: Request, **_: Any) -> Response:
        """Read the directory no more until it is resumed; a run on its way goes on."""
        return Response(ShownPull(pulls.pause(self.pull(), actor=self.actor)).data)


class Resume(PullView):
    """The clock of the directory."""

    @describe("directory_resume", gives=ShownPull)
    def post(self, _request: Request, **_: Any) -> Response:
        """Read the directory again, first at once."""
        return Response(ShownPull(pulls.resume(self.pull(), actor=self.actor)).data)


class File(PullView):
    """The file that the directory is read from."""

    needs = {"PUT": ("directories.write",)}
    parser_classes = [AnyFile, StrictJson]

    @describe("directory_file", takes={"text/csv": bytes}, gives=ShownPull, asks=FileName)
    def put(self, request: Request, **_: Any) -> Response:
        """Keep the file and have it read at once; at most 64 MiB."""
        pull = self.pull()
        name = self.asked(FileName)["name"]
        content = request.data if isinstance(request.data, bytes) else b""
        return Response(ShownPull(pulls.put_file(pull, content, name, actor=self.actor)).data)


class Differences(PullView):
    """Where the directory and we differ."""

    needs = {"GET": ("directories.read", "members.read")}

    @describe("directory_drift", gives=Drift, asks=DriftPage)
    def get(self, _request: Request, **_: Any) -> Response:
        """List who differs, and since when, by the directory's ids."""
        query = self.asked(DriftPage)
        found = drift.of(self.pull().directory, after=query["after"], limit=query["limit"])
        return Response(Drift({"items": found.differences, "next": found.following}).data)


def shown_pull(directory: Directory) -> dict[str, Any] | None:
    """Return how the directory is read, None for one that pushes."""
    with tenancy.of(directory.organization_id):
        found = next(iter(directory.pulls.all()), None)
    return None if found is None else dict(ShownPull(found).data)
