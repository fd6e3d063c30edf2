"""Held bursts over the REST API: see who left at once, confirm it or take it back."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import tenancy
from identity.api.organization import DirectoryView
from identity.api.paging import Page, page
from identity.api.view import describe
from scim import bursts
from scim.models import Burst, Departure


class ShownBurst(serializers.Serializer[Any]):
    """People who left through a directory at once. `kind`: people or groups; `decision` is empty while the burst is held."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=["people", "groups"])
    budget = serializers.DictField()
    opened_at = serializers.DateTimeField()
    decision = serializers.CharField(allow_blank=True)
    decided_by = serializers.DictField()
    decided_at = serializers.DateTimeField(allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)
    departures = serializers.SerializerMethodField()

    def get_departures(self, burst: Burst) -> dict[str, int]:
        """Return how many there are of each kind: suspend, delete, delete_held, leave_group, leave_nested_group."""
        return bursts.summary(burst)


class ShownDeparture(serializers.Serializer[Any]):
    """One person of a burst. `outcome` is empty until the decision is carried out."""

    id = serializers.UUIDField()
    member_id = serializers.UUIDField()
    user_name = serializers.CharField(source="member.user_name")
    state = serializers.CharField(source="member.state")
    group_id = serializers.UUIDField(allow_null=True)
    kind = serializers.CharField()
    happened_at = serializers.DateTimeField()
    outcome = serializers.CharField(allow_blank=True)


class FullBurst(serializers.Serializer[Any]):
    """A burst, and one page of its people."""

    burst = ShownBurst()
    items = ShownDeparture(many=True)
    next = serializers.CharField(allow_null=True)


class Bursts(DirectoryView):
    """The bursts of a directory."""

    needs = {"GET": ("directories.read",)}

    @describe("bursts", lists=ShownBurst)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the bursts of the directory, held and decided."""
        directory = self.directory()
        with tenancy.of(self.organization):
            rows = Burst.objects.filter(organization=self.organization, directory=directory)
            return self.paged(rows, ShownBurst)


class BurstView(DirectoryView):
    """An endpoint below one burst."""

    def burst(self) -> Burst:
        """Return the burst that the address names. Raises NotFound."""
        return self.one(Burst, self.kwargs["burst"], directory=self.directory())


class OneBurst(BurstView):
    """One burst."""

    needs = {"GET": ("directories.read", "members.read")}

    @describe("burst", gives=FullBurst, asks=Page)
    def get(self, _request: Request, **_: Any) -> Response:
        """Show a burst and who is of it."""
        burst = self.burst()
        asked = self.asked(Page)
        with tenancy.of(self.organization):
            rows = Departure.objects.filter(organization=self.organization, burst=burst)
            found, following = page(rows.select_related("member"), asked["limit"], asked.get("after"))
            return Response(FullBurst({"burst": burst, "items": found, "next": following}).data)


class Decision(BurstView):
    """What an administrator says about a burst."""

    needs = {"POST": ("directories.write", "members.write")}
    decision: Burst.Decision

    def decided(self) -> Response:
        """Decide, and show the burst as it then is."""
        decided = bursts.decide(self.burst(), self.decision, actor=self.actor)
        with tenancy.of(self.organization):
            return Response(ShownBurst(decided).data)


class Confirmation(Decision):
    """It was meant."""

    decision = Burst.Decision.CONFIRM

    @describe("burst_confirm", gives=ShownBurst)
    def post(self, _request: Request, **_: Any) -> Response:
        """Confirm: who left stays out, and deletions that were put off happen."""
        return self.decided()


class RollBack(Decision):
    """It was not meant."""

    decision = Burst.Decision.ROLL_BACK

    @describe("burst_roll_back", gives=ShownBurst)
    def post(self, _request: Request, **_: Any) -> Response:
        """Roll back: whoever is of the burst, and is still as the burst left them, comes back."""
        return self.decided()
