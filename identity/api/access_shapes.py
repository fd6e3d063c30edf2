"""Access as the API takes and shows it: grants, roles, defaults."""

from datetime import UTC
from typing import Any

from rest_framework import serializers

from audit.json_text import instant
from identity.api.shapes import Strict, Text, several

GRANTS_MAX = 2000
ROLES_MAX = 100


class Grant(Strict):
    """What somebody may do with one resource: its kind, the product's own id of it, a permission of that kind."""

    kind = Text(max_length=63)
    id = Text(max_length=200)
    permission = Text(max_length=63)


class FirstPermissions(Strict):
    """First permissions of a newcomer. An aspect left out is left to the next source; an empty list means none."""

    grants = several(Grant, most=GRANTS_MAX, required=False)
    roles = serializers.ListField(child=Text(max_length=63), required=False, max_length=ROLES_MAX)


class WantedGrants(Strict):
    """Exactly these grants, and exactly these roles where they are given too. A bare list is a list of grants."""

    grants = several(Grant, most=GRANTS_MAX)
    roles = serializers.ListField(child=Text(max_length=63), required=False, max_length=ROLES_MAX)

    def to_internal_value(self, data: Any) -> Any:
        """Read both forms."""
        return super().to_internal_value({"grants": data} if isinstance(data, list) else data)


class WantedRoles(Strict):
    """Exactly these roles, by name."""

    roles = serializers.ListField(child=Text(max_length=63), max_length=ROLES_MAX)


class EditedGrants(Strict):
    """Grants to give and grants to end; whatever is named in neither stays as it is."""

    give = several(Grant, most=GRANTS_MAX, required=False)
    end = several(Grant, most=GRANTS_MAX, required=False)


class EditedRoles(Strict):
    """Roles to give and roles to end, by name; whatever is named in neither stays as it is."""

    give = serializers.ListField(child=Text(max_length=63), required=False, max_length=ROLES_MAX)
    end = serializers.ListField(child=Text(max_length=63), required=False, max_length=ROLES_MAX)


class Above(serializers.Serializer[Any]):
    """The resource that was granted, from which this one inherits."""

    kind = serializers.CharField()
    id = serializers.CharField()


class EffectiveGrant(serializers.Serializer[Any]):
    """One thing that the member can do. `inherited_from` is null for a grant on the resource itself.

    `group` names the group that brings it, empty for a grant of the member's own.
    """

    kind = serializers.CharField()
    id = serializers.CharField(source="key")
    name = serializers.CharField(allow_blank=True)
    permission = serializers.CharField()
    origin = serializers.CharField()
    since = serializers.DateTimeField()
    inherited_from = serializers.SerializerMethodField()
    group = serializers.CharField(allow_blank=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Write a line by itself: somebody may have 50,000, and field by field they took twice as long as PostgreSQL did to find them."""
        return {
            "kind": instance.kind,
            "id": instance.key,
            "name": instance.name,
            "permission": instance.permission,
            "origin": instance.origin,
            "since": instant(instance.since.astimezone(UTC)),
            "inherited_from": self.get_inherited_from(instance),
            "group": instance.group,
        }

    def get_inherited_from(self, line: Any) -> dict[str, str] | None:
        """Return {kind, id} of the resource above."""
        kind, _, key = line.inherited_from.partition(" ")
        return {"kind": kind, "id": key} if kind else None


class HeldRole(serializers.Serializer[Any]):
    """A role that the member has; `group` as above."""

    name = serializers.CharField()
    origin = serializers.CharField()
    since = serializers.DateTimeField()
    group = serializers.CharField(allow_blank=True)
