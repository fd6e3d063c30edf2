"""A connection whose identity provider goes on deciding: what it asserts at each sign-in replaces what it gave before."""

from collections.abc import Collection

from audit.record import Actor
from identity import followed_access, groups
from identity.errors import LastAdministrator
from identity.first_access import Wanted
from identity.followed_access import Followed
from identity.grants import GrantSpec
from identity.models import FirstAccess, Group, Member, Membership
from identity.profile import key_of
from identity.roles import ADMINISTRATOR
from saml.connections import actor_of
from saml.models import Connection

KEPT = f"access kept: role {ADMINISTRATOR} (last_administrator)"
_STAGES = {"roles": FirstAccess.Stage.ASSERTED_ROLES, "grants": FirstAccess.Stage.ASSERTED_GRANTS}


def follow(connection: Connection, member: Member, said: Wanted, just_applied: Collection[str]) -> list[str]:
    """Bring roles and grants to what was asserted, as far as the connection `follows`; returns what could not be, as steps of the log.

    `just_applied`: stages of the first permissions that this very sign-in brought. In the caller's transaction. An aspect that
    is followed and of which nothing is said ends what was asserted before: empty attributes are left out. The organization's
    last administrator keeps that role, so that no missing attribute locks an organization out of itself.
    """
    if not connection.follows:
        return []
    aspects = {
        aspect
        for aspect, stage in _STAGES.items()
        if aspect in connection.follows and stage not in just_applied
    }
    wanted = Wanted(said.grants if "grants" in aspects else None, said.roles if "roles" in aspects else None)
    told: list[str] = []
    actor = actor_of(connection)
    came = _follow(member, wanted, actor, told)
    grants_too = "grants" in aspects and wanted.grants is None
    roles_too = "roles" in aspects and wanted.roles is None
    try:
        followed_access.fall_silent(member, grants_too=grants_too, roles_too=roles_too, actor=actor)
    except LastAdministrator:
        told.append(KEPT)
        followed_access.fall_silent(
            member, grants_too=grants_too, roles_too=roles_too, actor=actor, sparing=ADMINISTRATOR
        )
    return [*(_refused(each) for each in came.unknown), *told]


def follow_groups(connection: Connection, member: Member, said: tuple[str, ...] | None) -> None:
    """Put the member into the organization's own groups that were asserted by name, and out of those that this connection brought.

    In the caller's transaction, and only if the connection follows groups. It leaves alone the groups of directories, and those that
    somebody else put the member into. A name that is no group here is ignored: identity providers send all that they have.
    """
    if "groups" not in connection.follows:
        return
    actor = actor_of(connection)
    own = Group.objects.filter(
        organization=connection.organization_id, directory__isnull=True, ended_at__isnull=True
    )
    seats = Membership.objects.filter(
        organization=connection.organization_id, member=member, ended_at__isnull=True
    )
    wanted = set(own.filter(display_name_key__in=[key_of(name) for name in said or ()]))
    brought = set(own.filter(pk__in=seats.filter(connection_id=connection.pk).values("group_id")))
    # In one order, so that two sign-ins at once wait for each other and do not lock each other out.
    present = set(seats.values_list("group_id", flat=True))
    for group in sorted(brought | wanted, key=lambda group: group.pk):
        if group not in wanted:
            groups.change(group, remove=[str(member.pk)], actor=actor)
        elif group.pk not in present:
            groups.change(group, add=[str(member.pk)], actor=actor)
            seats.filter(group=group).update(connection_id=connection.pk)


def _follow(member: Member, wanted: Wanted, actor: Actor, told: list[str]) -> Followed:
    if wanted.grants is None and wanted.roles is None:
        return Followed()
    try:
        return followed_access.follow(member, wanted, actor=actor)
    except LastAdministrator:
        told.append(KEPT)
        spared = Wanted(wanted.grants, (*(wanted.roles or ()), ADMINISTRATOR))
        return followed_access.follow(member, spared, actor=actor)


def _refused(each: GrantSpec | str) -> str:
    what = f"role {each}" if isinstance(each, str) else f"{each.kind} {each.key} {each.permission}"
    return f"access refused: {what} (unknown)"
