"""Groups, and what each brings to whoever is in it."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import mappings, tenancy
from identity.api.access_shapes import Grant
from identity.api.members import specs
from identity.api.organization import OrganizationView
from identity.api.shapes import Strict, Text, several
from identity.api.view import describe
from identity.errors import NotFound
from identity.handing_out import refuse_stronger_roles
from identity.mappings import Mapping
from identity.models import Group


class WantedMapping(Strict):
    """Exactly what the group brings."""

    grants = several(Grant, most=mappings.GRANTS_MAX)
    roles = serializers.ListField(child=Text(max_length=63), max_length=mappings.ROLES_MAX)


class ShownGroup(serializers.Serializer[Any]):
    """A group; `directory` is null for one of the organization's own."""

    id = serializers.UUIDField()
    display_name = serializers.CharField()
    directory = serializers.UUIDField(source="directory_id", allow_null=True)
    version = serializers.IntegerField()


class BroughtGrant(serializers.Serializer[Any]):
    """A permission on a resource."""

    kind = serializers.CharField()
    id = serializers.CharField(source="key")
    permission = serializers.CharField()


class ShownMapping(serializers.Serializer[Any]):
    """What the group brings."""

    group = serializers.UUIDField()
    grants = BroughtGrant(many=True)
    roles = serializers.ListField(child=serializers.CharField())


class ShownDifference(serializers.Serializer[Any]):
    """What one member gains or loses. What they have by another way is no gain, and what stays by another way no loss."""

    member = serializers.UUIDField(source="member_id")
    user_name = serializers.CharField()
    grants = BroughtGrant(many=True)
    roles = serializers.ListField(child=serializers.CharField())


class ShownChange(serializers.Serializer[Any]):
    """A part of what a group brings."""

    grants = BroughtGrant(many=True)
    roles = serializers.ListField(child=serializers.CharField())


class ShownPreview(serializers.Serializer[Any]):
    """Who would gain and who would lose, of the `people` in the group (their number, active or not).

    `added` and `gone` are what the group would bring from then on, and no more. Unless `named`, the people are too many to tell one by one:
    nobody stands in `gain` and `lose`.
    """

    people = serializers.IntegerField()
    added = ShownChange()
    gone = ShownChange()
    named = serializers.BooleanField()
    gain = ShownDifference(many=True)
    lose = ShownDifference(many=True)


class Groups(OrganizationView):
    """The groups of the organization."""

    needs = {"GET": ("members.read",)}

    @describe("groups", lists=ShownGroup)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the groups."""
        with tenancy.of(self.organization):
            rows = Group.objects.filter(organization=self.organization, ended_at__isnull=True)
            return self.paged(rows, ShownGroup)


class GroupAccess(OrganizationView):
    """What one group brings."""

    needs = {"GET": ("access.read",), "PUT": ("access.write",)}

    @describe("group_access", gives=ShownMapping)
    def get(self, _request: Request, group: UUID, **_: Any) -> Response:
        """Show which grants and roles the group brings to its members."""
        return self.shown(self.living(group))

    @describe("group_access_replace", takes=WantedMapping, gives=ShownMapping)
    def put(self, _request: Request, group: UUID, **_: Any) -> Response:
        """Have the group bring exactly this, to everybody in it, at once. What members were given themselves is untouched."""
        found = self.living(group)
        mappings.replace(found, self.wanted(found), actor=self.actor)
        return self.shown(found)

    def living(self, group: UUID) -> Group:
        """Return the group. Raises NotFound, also for a deleted one."""
        found = self.one(Group, group)
        if found.ended_at is not None:
            raise NotFound("There is no such group.")
        return found

    def wanted(self, group: Group) -> Mapping:
        """Return the mapping of the body. Raises Forbidden where a role changes that is stronger than the caller."""
        values = self.taken(WantedMapping)
        changed = set(values["roles"]) ^ set(mappings.of_group(group).roles)
        refuse_stronger_roles(self.caller, self.organization, changed)
        return Mapping(tuple(dict.fromkeys(specs(values["grants"]))), tuple(dict.fromkeys(values["roles"])))

    def shown(self, group: Group) -> Response:
        """Answer what the group brings."""
        mapping = mappings.of_group(group)
        value = {"group": group.pk, "grants": mapping.grants, "roles": mapping.roles}
        return Response(ShownMapping(value).data)


class GroupAccessPreview(GroupAccess):
    """What a mapping would change, before it is saved."""

    needs = {"POST": ("access.write",)}
    http_method_names = ["post"]
    only_asks = True

    @describe("group_access_preview", takes=WantedMapping, gives=ShownPreview)
    def post(self, _request: Request, group: UUID, **_: Any) -> Response:
        """Tell who would gain and who would lose what; nothing is changed."""
        found = self.living(group)
        return Response(ShownPreview(mappings.preview(found, self.wanted(found))).data)
