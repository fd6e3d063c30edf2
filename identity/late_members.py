"""Lets those in who arrived in the very moment in which a group was told to await them.

A request that creates somebody looks whether a group waits for them; one that names them for a group looks whether they are there. Side by
side, each commits without having seen the other, and nobody looks again. A lock between the two would make whoever creates people wait for
whoever writes groups, so a job looks once more.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from audit.record import Actor
from identity import groups, tenancy
from identity.models import Directory, Group, Member

# A request that began before it takes no longer than that.
_LOOKED_BACK_HOURS: Final = 24
_LATE: Final = f"""
SELECT pending.organization_id, pending.directory_id, pending.value, arrived.id, arrived.is_group
  FROM identity_pendingmembership AS pending CROSS JOIN LATERAL ((
    SELECT link.member_id AS id, FALSE AS is_group FROM identity_link AS link JOIN identity_member AS member ON member.id = link.member_id
     WHERE link.organization_id = pending.organization_id AND link.directory_id = pending.directory_id AND link.external_id = pending.value
       AND link.tombstoned_at IS NULL AND member.state <> 'offboarded' LIMIT 1
  ) UNION ALL (
    SELECT inner_group.id, TRUE FROM identity_group AS inner_group
     WHERE inner_group.organization_id = pending.organization_id AND inner_group.directory_id = pending.directory_id
       AND inner_group.external_id = pending.value AND inner_group.ended_at IS NULL LIMIT 1
  )) AS arrived
 WHERE pending.named_at > now() - make_interval(hours => {_LOOKED_BACK_HOURS})
 ORDER BY pending.id LIMIT %s"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class Late:
    """A member, or a group, that is here, and the name under which a group of the directory still waits for it."""

    organization_id: UUID
    directory_id: UUID
    value: str
    id: UUID
    is_group: bool


def due(limit: int) -> list[Late]:
    """Return some of those who are waited for and here."""
    found = tenancy.read_everywhere("groups that wait for somebody who is here", _LATE, [limit])
    return [Late(*row) for row in found]


def let_in(late: Late, *, actor: Actor) -> bool:
    """Let them into the groups that wait for them; False where they have gone, or are in, meanwhile."""
    with tenancy.change(late.organization_id):
        newcomer: Member | Group | None = (
            Group.objects.filter(pk=late.id, ended_at__isnull=True).first()
            if late.is_group
            else Member.objects.filter(pk=late.id).first()
        )
        directory = Directory.objects.filter(pk=late.directory_id).first()
        if newcomer is None or directory is None:
            return False
        return groups.join_pending(newcomer, directory, [late.value], actor=actor)
