"""What a change of a group comes to: name, external id, profile and members, in one step and few statements, under the group's lock."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Line, record_all, record_with, with_entries
from identity import memberships, nesting
from identity.errors import Invalid
from identity.memberships import Added, subject_of
from identity.models import Group
from identity.profile import check_length, differences, key_of

Unset = Literal["unset"]
UNSET: Unset = "unset"
_SAVED: Final = (
    "id", "organization_id", "display_name", "display_name_key", "external_id", "version", "changed_at",
)  # fmt: skip
_CHANGE: Final = with_entries("""
changed AS (
  UPDATE identity_group SET display_name = %(display_name)s, display_name_key = %(display_name_key)s, external_id = %(external_id)s,
         profile = %(profile)s::jsonb, version = %(version)s, changed_at = %(changed_at)s
   WHERE organization_id = %(organization_id)s AND id = %(id)s
)""")


@dataclass(frozen=True, slots=True)
class Delta:
    """What a membership change came to: member ids added and removed, and values named that we don't know (now pending).

    `nested` and `unnested` are the groups that were put in and taken out.
    """

    added: list[UUID]
    removed: list[UUID]
    pending: list[str]
    nested: list[UUID]
    unnested: list[UUID]

    @property
    def is_change(self) -> bool:
        """Whether anybody came or went."""
        return bool(self.added or self.removed or self.nested or self.unnested)


def apply(
    locked: Group,
    *,
    actor: Actor,
    display_name: str | None = None,
    external_id: str | Unset | None = UNSET,
    profile: Mapping[str, Any] | None = None,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    replace: Iterable[str] | None = None,
) -> tuple[Group, Delta]:
    """Do what `groups.change` does to a group whose row the caller has locked and just read, in the caller's transaction.

    That is one of `tenancy.change` or `tenancy.whole`, which turn what a constraint refuses into its refusal.
    """
    changes = _assign(locked, display_name, external_id, profile)
    delta = Delta([], [], [], [], [])
    lines: list[Line] = []
    if replace is not None:
        wanted = list(replace)
        keep, _ = memberships.ids(wanted)
        delta.unnested.extend(nesting.remove_others(locked, list(keep), wanted, actor=actor))
        memberships.keep_pending(locked, wanted)
        # First: whom it is that is named by an external id, is known only then.
        added = memberships.add(locked, wanted, actor)
        _take(delta, lines, *memberships.remove_others(locked, [*keep, *added.called], actor))
        _bring(delta, lines, added)
    gone = list(remove)
    if gone:
        leaving, strange = memberships.ids(gone)
        out, told = memberships.remove(locked, list(leaving), actor)
        _take(delta, lines, out, told)
        # Whoever left as a person is no group: mostly nothing is left to be looked for.
        others = set(leaving).difference(out)
        named = memberships.by_external_id(locked, [*strange, *(leaving[each] for each in others)])
        if named:
            _take(delta, lines, *memberships.remove(locked, list(named.values()), actor))
        others.update(named.values())
        delta.unnested.extend(nesting.remove(locked, others, actor=actor) if others else [])
        memberships.forget_pending(locked, gone)
    _bring(delta, lines, memberships.add(locked, list(add), actor))
    if changes or delta.is_change:
        _save(locked, actor, changes, delta, lines)
    else:
        record_all(lines)
    return locked, delta


def _take(delta: Delta, lines: list[Line], removed: list[UUID], told: list[Line]) -> None:
    delta.removed.extend(removed)
    lines.extend(told)


def _bring(delta: Delta, lines: list[Line], added: Added) -> None:
    delta.added.extend(added.members)
    delta.pending.extend(added.unknown)
    delta.nested.extend(added.groups)
    lines.extend(added.lines)


def _save(
    group: Group, actor: Actor, changes: Mapping[str, Any], delta: Delta, lines: Sequence[Line]
) -> None:
    group.version += 1
    group.changed_at = timezone.now()
    nested = {"nested": len(delta.nested), "unnested": len(delta.unnested)}
    line = Line(
        Event.GROUP_CHANGE,
        group.organization_id,
        actor,
        subject_of(group),
        changes=changes,
        data={
            "added": len(delta.added),
            "removed": len(delta.removed),
            **(nested if delta.nested or delta.unnested else {}),
        },
    )
    values = {name: getattr(group, name) for name in _SAVED}
    values["profile"] = json.dumps(group.profile, ensure_ascii=False)
    record_with(_CHANGE, values, [*lines, line])


def _assign(
    group: Group, display_name: str | None, external_id: str | None, profile: Mapping[str, Any] | None
) -> dict[str, list[Any]]:
    changes: dict[str, list[Any]] = {}
    if display_name is not None:
        name = checked_name(display_name)
        if name != group.display_name:
            changes["display_name"] = [group.display_name, name]
            group.display_name, group.display_name_key = name, key_of(name)
    if external_id not in {UNSET, group.external_id}:
        check_external_id(external_id)
        changes["external_id"] = [group.external_id, external_id]
        group.external_id = external_id
    if profile is not None:
        changes |= differences(group.profile, profile)
        group.profile = dict(profile)
    return changes


def checked_name(display_name: object) -> str:
    """Return the name as it is kept. Raises Invalid."""
    if not isinstance(display_name, str) or not display_name.strip():
        message = "A group needs a name."
        raise Invalid(message, field="display_name")
    check_length(display_name, "display_name", "A group's name")
    return display_name.strip()


def check_external_id(external_id: str | None) -> None:
    """Refuse an external id that cannot be looked up by. Raises Invalid."""
    if external_id is not None:
        check_length(external_id, "external_id", "An external id")
