"""Groups that go with the people of a directory to another one, where they wait to be told of by their names."""

from collections.abc import Sequence

from django.db.models import F
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record_all
from identity.memberships import subject_of
from identity.models import Directory, Group, PendingMembership


def movable(source: Directory, target: Directory, *, lock: bool) -> tuple[list[Group], list[Group]]:
    """Return the groups of `source` that can go to `target`, and those whose names it has already; the tenancy must be set."""
    live = Group.objects.filter(organization=source.organization_id, ended_at__isnull=True)
    mine = live.filter(directory=source).order_by("pk")
    found = list(mine.select_for_update(no_key=True) if lock else mine)
    names = set(live.filter(directory=target).values_list("display_name_key", flat=True))
    return (
        [group for group in found if group.display_name_key not in names],
        [group for group in found if group.display_name_key in names],
    )


def carry(source: Directory, target: Directory, groups: Sequence[Group], *, actor: Actor) -> None:
    """Move the groups, which the caller has locked. Who is in them stays in; names that waited for `source` to bring them wait no more.

    Raises NameTaken by constraint, where such a group came at this moment.
    """
    rows = Group.objects.filter(organization=source.organization_id, pk__in=[group.pk for group in groups])
    now = timezone.now()
    rows.update(directory=target, external_id=None, moved_at=now, version=F("version") + 1, changed_at=now)
    PendingMembership.objects.filter(organization=source.organization_id, group__in=groups).delete()
    record_all(
        Line(
            Event.GROUP_MOVE, source.organization_id, actor, subject_of(group),
            changes={"directory": [source.name, target.name], "external_id": [group.external_id, None]},
            data={"from": str(source.pk), "to": str(target.pk)},
        )
        for group in groups
    )  # fmt: skip
