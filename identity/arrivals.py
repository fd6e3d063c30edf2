"""Newcomers, written: member, first active period, link, first-access row and entry in one statement, one or ten thousand alike."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit.events import Event
from audit.ids import uuid7s
from audit.record import Actor, Composed, Line, compose, composed_together, record_with, with_entries
from identity import member_row
from identity.models import Directory, FirstAccess, Member, Organization

_INSERT: Final = with_entries("""
newcomer AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(newcomers)s::json) AS newcomer (
    id uuid, user_name text, user_name_key text, email text, email_key text, email_claim text, display_name text, state text,
    password text, profile jsonb, external_id text, period uuid, link uuid, stage uuid, arrived timestamptz)
), member AS (
  INSERT INTO identity_member (id, organization_id, password, user_name, user_name_key, email, email_key, email_claim, display_name,
                               profile, state, state_reason, version, session_epoch, created_at, changed_at, suspended_at)
  SELECT id, %(organization)s, password, user_name, user_name_key, email, email_key, email_claim, display_name, profile, state, '',
         1, 0, arrived, arrived, CASE WHEN state = 'suspended' THEN arrived END
    FROM newcomer
), period AS (
  INSERT INTO identity_activeperiod (id, organization_id, member_id, started_at)
  SELECT period, %(organization)s, id, arrived FROM newcomer WHERE state = 'active'
), link AS (
  INSERT INTO identity_link (id, organization_id, directory_id, member_id, external_id, source_version, linked_at)
  SELECT link, %(organization)s, %(directory)s::uuid, id, external_id, '', arrived
    FROM newcomer WHERE %(directory)s::uuid IS NOT NULL
), stage AS (
  INSERT INTO identity_firstaccess (id, organization_id, member_id, stage, origin, applied_at)
  SELECT stage, %(organization)s, id, %(defaults)s, %(origin)s, arrived FROM newcomer
)""")
_COLUMNS: Final = (
    "user_name", "user_name_key", "email", "email_key", "email_claim", "display_name", "state", "password", "profile",
)  # fmt: skip


# If at least so many arrive at once, PostgreSQL gathers its statistics first. Its checks of foreign keys otherwise keep plans from when
# the tables were small, and walk the whole organization for each row: 500 people took 340 ms.
MANY: Final = 100
# An organization of fewer entries is not looked at: what PostgreSQL plans as for nobody goes through few of them.
KNOWN_LEAST: Final = 1000


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A member not yet written, and the directory's id for them."""

    member: Member
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Newcomers and their entries, worked out: nothing is left but to write them."""

    newcomers: Sequence[Newcomer]
    values: Mapping[str, Any]
    entries: Composed


def worked_out(
    organization: Organization,
    *,
    actor: Actor,
    user_name: str,
    profile: Mapping[str, Any],
    active: bool,
    directory: Directory | None,
    external_id: str | None,
    origin: str,
    email_unique: bool,
) -> Ready:
    """Return one newcomer and their entry, ready to be written. Raises Invalid.

    `origin` is where their first permissions come from; `email_unique` says whether the organization has each address once.
    """
    member = member_row.made(organization, timezone.now(), active=active)
    changes = member_row.assign(member, user_name, profile, email_unique=email_unique)
    if directory is not None:
        changes["external_id"] = [None, external_id]
    line = Line(
        Event.MEMBER_CREATE, organization.pk, actor, member_row.subject_of(member), changes | {"state": [None, member.state]},
        {"directory": str(directory.pk)} if directory else {},
    )  # fmt: skip
    return work_out(
        organization.pk, [Newcomer(member, external_id)], [line], directory=directory, origin=origin
    )


def work_out(
    organization_id: UUID,
    newcomers: Sequence[Newcomer],
    lines: Sequence[Line],
    *,
    directory: Directory | None,
    origin: str,
) -> Ready:
    """Return the newcomers with all that belongs to a beginning, and `lines`, their entries of the record, ready to be written.

    `origin` is where their first permissions come from. All of one organization, directory and moment.
    """
    keys = iter(map(str, uuid7s(3 * len(newcomers))))
    written = [
        {name: getattr(newcomer.member, name) for name in _COLUMNS}
        | {
            "id": str(newcomer.member.pk),
            "external_id": newcomer.external_id,
            "arrived": newcomer.member.created_at.isoformat(),
        }
        | {"period": next(keys), "link": next(keys), "stage": next(keys)}
        for newcomer in newcomers
    ]
    values = {
        "organization": organization_id,
        "directory": directory.pk if directory else None,
        "defaults": FirstAccess.Stage.DEFAULTS.value,
        "origin": origin,
        # Not orjson's: people's profiles may hold whole numbers past 64 bits.
        "newcomers": json.dumps(written, ensure_ascii=False, separators=(",", ":")),
    }
    return Ready(newcomers, values, compose(lines))


def joined(several: Sequence[Ready]) -> Ready:
    """Return what was worked out in several places, of one organization, directory and origin, as one, in the order of the user names.

    In the same order everywhere, two such writes never wait for each other.
    """
    if len(several) == 1:
        return several[0]
    in_order = sorted(several, key=lambda each: each.newcomers[0].member.user_name_key)
    newcomers = ",".join(each.values["newcomers"][1:-1] for each in in_order)
    return Ready(
        [newcomer for each in in_order for newcomer in each.newcomers],
        {**in_order[0].values, "newcomers": f"[{newcomers}]"},
        composed_together([each.entries for each in in_order]),
    )


def write(ready: Ready) -> None:
    """Write newcomers who were worked out. A constraint that refuses (a user name or external id in use) refuses all of them."""
    count_tables(len(ready.newcomers))
    record_with(_INSERT, ready.values, ready.entries)
    for newcomer in ready.newcomers:
        newcomer.member._state.adding = False  # noqa: SLF001 - Django's own mark of a row that exists


def count_tables(number: int) -> None:
    """Have PostgreSQL gather its statistics if so many rows are about to come."""
    if number >= MANY:
        with connection.cursor() as cursor:
            cursor.execute("SELECT identity_gather_statistics()")


def count_newcomers(least: int = KNOWN_LEAST) -> int:
    """Have PostgreSQL gather its statistics where an organization has come, or has doubled since; answers how many it was.

    It counts by itself when a tenth of a table is new: beside a million people, 20,000 newcomers were nobody to it for days.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT identity_count_newcomers(%s)", [least])
        return int(cursor.fetchone()[0])
