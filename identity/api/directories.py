"""Directories: the places people come from."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import directories, directory_kinds, directory_settings, pull_settings, pulls, tenancy
from identity.api.access_shapes import FirstPermissions
from identity.api.organization import OrganizationView
from identity.api.pulls import ChangedPulledDirectory, NewPulledDirectory, ShownPull, shown_pull
from identity.api.shapes import Flag, Strict, Text, Whole
from identity.api.view import describe
from identity.handing_out import refuse_stronger_roles
from identity.models import Directory


class RateLimit(Strict):
    """So many requests of one token at once, and as many again, evenly, in so many seconds."""

    requests = Whole()
    seconds = Whole()


class BurstGuard(Strict):
    """More people than `members`, and more than `percent` of them all, who leave within so many seconds are held."""

    members = Whole()
    percent = Whole()
    seconds = Whole()


class DirectorySettings(Strict):
    """The settings of a directory. null switches a limit or the guard off; 0 days keep no requests."""

    rate_limit = RateLimit(required=False, allow_null=True)
    burst_guard = BurstGuard(required=False, allow_null=True)
    request_log_days = Whole(required=False)
    empties_groups = Flag(required=False)
    deletes_suspend = Flag(required=False)
    access_follows = Flag(required=False)
    token_days = Whole(required=False)


class ShownDirectory(serializers.Serializer[Any]):
    """A directory. `scim_url` and a token are what its identity provider asks for."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    name = serializers.CharField()
    idp = serializers.ChoiceField(choices=directories.IDPS)
    active = serializers.BooleanField()
    defaults = serializers.DictField()
    settings = serializers.SerializerMethodField()
    scim_url = serializers.SerializerMethodField()
    pull = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    last_heard_at = serializers.DateTimeField(allow_null=True)

    def get_settings(self, directory: Any) -> dict[str, Any]:
        """Return every setting as it holds: the directory's own, else the default."""
        if directory.kind in directories.KINDS:
            return directory_settings.effective(directory.settings)
        return pull_settings.effective(directory)

    def get_scim_url(self, directory: Any) -> str | None:
        """Return the base address for the identity provider; null for a directory that we read."""
        return f"{settings.ROLLCALL_PUBLIC_URL}/scim/v2" if directory.kind in directories.KINDS else None

    @extend_schema_field(ShownPull(allow_null=True))
    def get_pull(self, directory: Any) -> dict[str, Any] | None:
        """Return how the directory is read; null for one that pushes."""
        return None if directory.kind in directories.KINDS else shown_pull(directory)


class NewDirectory(Strict):
    """A new directory; `idp` names whose dialect it speaks."""

    kind = serializers.ChoiceField(choices=directories.KINDS, default="scim")
    name = Text(max_length=200)
    idp = serializers.ChoiceField(choices=directories.IDPS, default="generic")
    defaults = FirstPermissions(required=False)
    settings = DirectorySettings(required=False)


class ChangedDirectory(Strict):
    """What can be changed; what is left out stays, each setting by itself. The tokens of an inactive directory are refused."""

    name = Text(max_length=200, required=False)
    idp = serializers.ChoiceField(choices=directories.IDPS, required=False)
    active = Flag(required=False)
    defaults = FirstPermissions(required=False)
    settings = DirectorySettings(required=False)


_NEW = PolymorphicProxySerializer(
    "AnyNewDirectory", [NewDirectory, NewPulledDirectory], resource_type_field_name=None
)
_CHANGED = PolymorphicProxySerializer(
    "AnyChangedDirectory", [ChangedDirectory, ChangedPulledDirectory], resource_type_field_name=None
)


class Directories(OrganizationView):
    """The directories of the organization."""

    needs = {"GET": ("directories.read",), "POST": ("directories.write",)}

    @describe("directories", lists=ShownDirectory)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the directories."""
        with tenancy.of(self.organization):
            rows = Directory.objects.filter(organization=self.organization).prefetch_related("pulls")
            return self.paged(rows, ShownDirectory)

    @describe("directory_create", takes=_NEW, gives=ShownDirectory, status=201)
    def post(self, request: Request, **_: Any) -> Response:
        """Create a directory: one that pushes by SCIM (its tokens are issued apart), or one that we read."""
        kind = request.data.get("kind") if isinstance(request.data, dict) else None
        if isinstance(kind, str) and kind not in directories.KINDS:
            directory_kinds.kind_of(kind)
            return self._pulled()
        values = self.taken(NewDirectory)
        _check_defaults(self, values)
        made = directories.create(self.organization, actor=self.actor, **values)
        return Response(ShownDirectory(made).data, status=201)

    def _pulled(self) -> Response:
        values = self.taken(NewPulledDirectory)
        _check_defaults(self, values)
        every = values.pop("schedule", {}).get("every_minutes", pulls.EVERY_MINUTES_DEFAULT)
        made = pulls.create(self.organization, actor=self.actor, every_minutes=every, **values)
        return Response(ShownDirectory(made.directory).data, status=201)


class OneDirectory(OrganizationView):
    """One directory."""

    needs = {"GET": ("directories.read",), "PATCH": ("directories.write",)}

    @describe("directory", gives=ShownDirectory)
    def get(self, _request: Request, directory: UUID, **_: Any) -> Response:
        """Show the directory."""
        return Response(ShownDirectory(self.one(Directory, directory)).data)

    @describe("directory_change", takes=_CHANGED, gives=ShownDirectory)
    def patch(self, _request: Request, directory: UUID, **_: Any) -> Response:
        """Change what is given, and show the directory as it then is."""
        found = self.one(Directory, directory)
        pushes = found.kind in directories.KINDS
        values = self.taken(ChangedDirectory if pushes else ChangedPulledDirectory)
        _check_defaults(self, values)
        # Both or neither: a refused setting leaves no other credentials behind. The directory before how it is pulled, as whoever asks for
        # a run takes them: none waits for the other for ever.
        every = values.pop("schedule", {}).get("every_minutes")
        credentials = values.pop("credentials", None)
        with tenancy.change(self.organization):
            if "settings" in values:
                # Onto those that stand now: of two who change a setting each at once, neither undoes the other's.
                values["settings"] = {**directories.lock(found).settings, **values["settings"]}
            changed = directories.change(found, actor=self.actor, **values)
            if not pushes:
                pulls.change(pulls.of(found), actor=self.actor, credentials=credentials, every_minutes=every)
        return Response(ShownDirectory(changed).data)


def _check_defaults(view: OrganizationView, values: dict[str, Any]) -> None:
    names = values.get("defaults", {}).get("roles", ())
    refuse_stronger_roles(view.caller, view.organization, names, "defaults.roles")
