"""Directories: the places people come from."""

from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import directories, directory_settings, tenancy
from identity.api.access_shapes import FirstPermissions
from identity.api.organization import OrganizationView
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
    access_follows = Flag(required=False)
    token_days = Whole(required=False)


class ShownDirectory(serializers.Serializer[Any]):
    """A directory. `scim_url` and a token are what its identity provider asks for."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=directories.KINDS)
    name = serializers.CharField()
    idp = serializers.ChoiceField(choices=directories.IDPS)
    active = serializers.BooleanField()
    defaults = serializers.DictField()
    settings = serializers.SerializerMethodField()
    scim_url = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    last_heard_at = serializers.DateTimeField(allow_null=True)

    def get_settings(self, directory: Any) -> dict[str, Any]:
        """Return every setting as it holds: the directory's own, else the default."""
        return directory_settings.effective(directory.settings)

    def get_scim_url(self, _directory: Any) -> str:
        """Return the base address for the identity provider."""
        return f"{settings.ROLLCALL_PUBLIC_URL}/scim/v2"


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


class Directories(OrganizationView):
    """The directories of the organization."""

    needs = {"GET": ("directories.read",), "POST": ("directories.write",)}

    @describe("directories", lists=ShownDirectory)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the directories."""
        with tenancy.of(self.organization):
            return self.paged(Directory.objects.filter(organization=self.organization), ShownDirectory)

    @describe("directory_create", takes=NewDirectory, gives=ShownDirectory, status=201)
    def post(self, _request: Request, **_: Any) -> Response:
        """Create a directory; its tokens are issued apart."""
        values = self.taken(NewDirectory)
        _check_defaults(self, values)
        made = directories.create(self.organization, actor=self.actor, **values)
        return Response(ShownDirectory(made).data, status=201)


class OneDirectory(OrganizationView):
    """One directory."""

    needs = {"GET": ("directories.read",), "PATCH": ("directories.write",)}

    @describe("directory", gives=ShownDirectory)
    def get(self, _request: Request, directory: UUID, **_: Any) -> Response:
        """Show the directory."""
        return Response(ShownDirectory(self.one(Directory, directory)).data)

    @describe("directory_change", takes=ChangedDirectory, gives=ShownDirectory)
    def patch(self, _request: Request, directory: UUID, **_: Any) -> Response:
        """Change what is given, and show the directory as it then is."""
        found = self.one(Directory, directory)
        values = self.taken(ChangedDirectory)
        _check_defaults(self, values)
        if "settings" in values:
            values["settings"] = {**found.settings, **values["settings"]}
        return Response(ShownDirectory(directories.change(found, actor=self.actor, **values)).data)


def _check_defaults(view: OrganizationView, values: dict[str, Any]) -> None:
    names = values.get("defaults", {}).get("roles", ())
    refuse_stronger_roles(view.caller, view.organization, names, "defaults.roles")
