"""Newcomers, written: member, first active period, link and first-access row in one statement, one or ten thousand alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from audit.ids import uuid7
from identity.models import Directory, FirstAccess, Member

_INSERT = """
WITH newcomer AS (
  SELECT row.*, profile.list -> (place - 1)::int AS profile FROM unnest(
    %(id)s::uuid[], %(user_name)s::text[], %(user_name_key)s::text[], %(email)s::text[], %(email_key)s::text[],
    %(email_claim)s::text[], %(display_name)s::text[], %(state)s::text[], %(password)s::text[],
    %(external_id)s::text[], %(period)s::uuid[], %(link)s::uuid[], %(stage)s::uuid[])
  WITH ORDINALITY AS row (id, user_name, user_name_key, email, email_key, email_claim, display_name, state, password,
                          external_id, period, link, stage, place),
  -- One JSON list and no array of JSON, whose every text would be escaped once more.
  (SELECT %(profiles)s::jsonb AS list) AS profile
), member AS (
  INSERT INTO identity_member (id, organization_id, password, user_name, user_name_key, email, email_key, email_claim, display_name,
                               profile, state, state_reason, version, session_epoch, created_at, changed_at, suspended_at)
  SELECT id, %(organization)s, password, user_name, user_name_key, email, email_key, email_claim, display_name, profile, state, '',
         1, 0, %(now)s, %(now)s, CASE WHEN state = 'suspended' THEN %(now)s::timestamptz END
    FROM newcomer
), period AS (
  INSERT INTO identity_activeperiod (id, organization_id, member_id, started_at)
  SELECT period, %(organization)s, id, %(now)s FROM newcomer WHERE state = 'active'
), link AS (
  INSERT INTO identity_link (id, organization_id, directory_id, member_id, external_id, source_version, linked_at)
  SELECT link, %(organization)s, %(directory)s::uuid, id, external_id, '', %(now)s
    FROM newcomer WHERE %(directory)s::uuid IS NOT NULL
)
INSERT INTO identity_firstaccess (id, organization_id, member_id, stage, origin, applied_at)
SELECT stage, %(organization)s, id, %(defaults)s, %(origin)s, %(now)s FROM newcomer
"""


# From so many on at once PostgreSQL counts its tables first. Its own checks of references keep the plan that they were given when the
# tables were small, and would walk the whole organization for each row: 500 people took 340 ms.
MANY: Final = 100


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A member not yet written, and the directory's id for them."""

    member: Member
    external_id: str | None = None


def insert(
    organization_id: UUID, newcomers: Sequence[Newcomer], *, directory: Directory | None, origin: str
) -> None:
    """Write the newcomers with all that belongs to a beginning; the caller records them.

    `origin` is where their first permissions come from. All of one organization, directory and moment. A constraint that refuses
    (a user name or external id in use) refuses all of them.
    """
    members = [newcomer.member for newcomer in newcomers]
    columns: dict[str, Any] = {
        name: [getattr(member, name) for member in members]
        for name in (
            "id", "user_name", "user_name_key", "email", "email_key", "email_claim", "display_name", "state", "password",
        )
    }  # fmt: skip
    columns["profiles"] = Jsonb([member.profile for member in members])
    columns["external_id"] = [newcomer.external_id for newcomer in newcomers]
    for key in ("period", "link", "stage"):
        columns[key] = [uuid7() for _ in members]
    shared = {
        "organization": organization_id,
        "directory": directory.pk if directory else None,
        "defaults": FirstAccess.Stage.DEFAULTS.value,
        "origin": origin,
        "now": members[0].created_at,
    }
    with connection.cursor() as cursor:
        if len(newcomers) >= MANY:
            cursor.execute("SELECT identity_gather_statistics()")
        cursor.execute(_INSERT, columns | shared)
    for member in members:
        member._state.adding = False  # noqa: SLF001 - Django's own mark of a row that exists
