"""CSV files of people and of grants: read, previewed, and then done exactly as previewed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from audit.record import Actor
from identity import bulk_access, bulk_members, csv_import
from identity.bulk_access import Edit
from identity.csv_import import Row
from identity.errors import Invalid
from identity.grants import GrantSpec
from identity.handing_out import Holder
from identity.models import Organization
from identity.people_plan import Person
from identity.plans import Plan

# In the column of roles: the person is to have none. An empty cell leaves what is there.
NONE: Final = "-"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: the columns it must and may have, how a row is read, and what previews and does it."""

    needed: tuple[str, ...]
    known: tuple[str, ...]
    read: Callable[[Row], Any]
    preview: Callable[..., Plan]
    apply: Callable[..., Plan]


def preview(organization: Organization, kind: str, text: str, *, holder: Holder | None = None) -> Plan:
    """Return what the file would do; nothing is changed. `holder` is the person who acts.

    Raises Invalid (naming the line where it is no such CSV), TooMany.
    """
    chosen = _kind(kind)
    return chosen.preview(organization, _rows(chosen, text), holder=holder)


def apply(
    organization: Organization,
    kind: str,
    text: str,
    digest: str,
    *,
    actor: Actor,
    holder: Holder | None = None,
) -> Plan:
    """Do what was previewed under that digest, all or nothing. Raises Conflict, Invalid, LastAdministrator, TooMany."""
    chosen = _kind(kind)
    return chosen.apply(organization, _rows(chosen, text), digest, actor=actor, holder=holder)


def roles_touched(plan: Plan) -> set[str]:
    """Return the names of the roles that the plan would give or take: nobody hands out more than they hold."""
    touched: set[str] = set()
    for step in plan.steps:
        before, after = step.changes.get("roles", (None, None))
        touched |= set(before or ()) ^ set(after or ())
    return touched


def _kind(name: str) -> Kind:
    found = KINDS.get(name)
    if found is None:
        raise Invalid(f"A list is of {' or '.join(KINDS)}.", field="kind")
    return found


def _rows(kind: Kind, text: str) -> list[Any]:
    return [kind.read(row) for row in csv_import.rows(text, kind.needed, kind.known)]


def _person(row: Row) -> Person:
    names = row.values.get("roles", "").split()
    return Person(
        row.number,
        row.values["user_name"],
        row.values.get("email") or None,
        row.values.get("display_name") or None,
        None if not names else () if names == [NONE] else tuple(dict.fromkeys(names)),
    )


def _edit(row: Row) -> Edit:
    spec = GrantSpec(row.values["kind"], row.values["id"], row.values["permission"])
    return Edit(row.number, row.values["user_name"], spec, row.values.get("act") or "give")


KINDS: Final[dict[str, Kind]] = {
    "members": Kind(
        ("user_name",), ("email", "display_name", "roles"), _person, bulk_members.preview, bulk_members.apply
    ),
    "grants": Kind(
        ("user_name", "kind", "id", "permission"), ("act",), _edit, bulk_access.preview, bulk_access.apply
    ),
}
