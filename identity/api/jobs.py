"""The periodic jobs of the server, for operators."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import jobs
from identity.api.view import ApiView, describe
from identity.handing_out import OPERATOR


class ShownRun(serializers.Serializer[Any]):
    """The last run of a job. `result` is how much it found to do; `done_at` when one last ended well."""

    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField()
    outcome = serializers.CharField()
    result = serializers.IntegerField(allow_null=True)
    problem = serializers.CharField(allow_blank=True)
    done_at = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField()


class ShownJob(serializers.Serializer[Any]):
    """A periodic job. `state`: waiting, done, late or failed; `lag_seconds` is how long ago its next run should have begun."""

    name = serializers.CharField()
    every_seconds = serializers.FloatField()
    state = serializers.CharField()
    last_run = ShownRun(source="run", allow_null=True)
    next_at = serializers.DateTimeField(allow_null=True)
    lag_seconds = serializers.FloatField()


class ShownJobs(serializers.Serializer[Any]):
    """All of them; there are few."""

    items = ShownJob(many=True)


class Jobs(ApiView):
    """The periodic jobs."""

    needs = {"GET": (OPERATOR,)}

    @describe("jobs", gives=ShownJobs)
    def get(self, _request: Request) -> Response:
        """List the jobs with their last run, next run, lag and outcome."""
        return Response(ShownJobs({"items": jobs.overview()}).data)
