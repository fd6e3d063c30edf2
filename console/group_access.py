"""What a group brings to whoever is in it: chosen, previewed, saved."""

from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404

from console import choosing
from console.access import Visit
from console.answers import done, page
from identity import mappings
from identity.errors import Refusal
from identity.handing_out import refuse_stronger_roles
from identity.mappings import Mapping
from identity.models import Group, Role
from identity.seen import stamp


def edit(visit: Visit, group: UUID) -> HttpResponse:
    """Show resources and roles to check; a POST shows who would gain and lose, and one that comes from there saves."""
    found = get_object_or_404(Group, organization=visit.organization, pk=group, ended_at__isnull=True)
    before = mappings.of_group(found)
    refusal = None
    if visit.posted is not None:
        try:
            wanted = _wanted(visit, visit.posted, before)
            if visit.posted.get("step") == "save":
                mappings.replace(found, wanted, actor=visit.actor, seen=visit.posted.get("seen", ""))
                return done(visit, f"What {found.display_name} brings is saved.", "group", group=group)
            return page(visit, "group_access_preview.html", _preview(found, wanted, visit.posted))
        except Refusal as error:
            refusal = error
    offer = choosing.offer(visit, choosing.checked_by(visit, before.grants))
    every = Role.objects.filter(organization=visit.organization).order_by("-built_in", "name")
    values = {
        "group": found,
        "offer": offer,
        "q": choosing.searched(visit),
        "shown_max": choosing.ROWS_MAX,
        "roles": [(role, role.name in before.roles) for role in every],
        "refusal": refusal,
        "seen": stamp(mappings.parts(before)),
    }
    return page(visit, "group_access.html", values, status=400 if refusal else 200)


def _wanted(visit: Visit, posted: QueryDict, before: Mapping) -> Mapping:
    names = tuple(dict.fromkeys(posted.getlist("role")))
    refuse_stronger_roles(visit, visit.organization, set(names) ^ set(before.roles))
    return Mapping(tuple(choosing.specs(visit, posted.getlist("grant"))), names)


def _preview(group: Group, wanted: Mapping, posted: QueryDict) -> dict[str, object]:
    return {
        "group": group,
        "preview": mappings.preview(group, wanted),
        "boxes": [("grant", value) for value in posted.getlist("grant")]
        + [("role", name) for name in wanted.roles]
        + [("seen", posted.get("seen", ""))],
        "wanted": wanted,
    }
