"""Receipts of offboardings: kept, proved by the record, and the source of *time to no access*."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from audit.ids import uuid7
from audit.json_text import canonical, plain
from audit.record import Actor, Line, record_all, record_with, with_entries
from identity import tenancy
from identity.models import Member, Organization, Receipt

_TIMES = """
SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds),
       max(seconds)
  FROM (SELECT EXTRACT(epoch FROM done_at - signalled_at) AS seconds FROM identity_receipt
         WHERE organization_id = %s AND (%s::timestamptz IS NULL OR done_at >= %s::timestamptz)) AS times
"""
_KEEP: Final = with_entries("""
kept AS (
  INSERT INTO identity_receipt (id, organization_id, member_id, signalled_at, done_at, digest, body)
  SELECT id, %(organization)s, member_id, signalled_at, done_at, digest, body FROM json_to_recordset(%(receipts)s::json) AS receipt (
    id uuid, member_id uuid, signalled_at timestamptz, done_at timestamptz, digest text, body jsonb)
)""")


@dataclass(frozen=True, slots=True)
class Kept:
    """One receipt as it is written. `digest` is of `body`."""

    id: UUID
    member_id: UUID
    signalled_at: datetime
    done_at: datetime
    digest: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Times:
    """How long offboardings took from the signal until nothing was open any more, in seconds; None without any."""

    count: int
    p50_seconds: float | None
    p95_seconds: float | None
    max_seconds: float | None


def made(
    member: Member,
    *,
    actor: Actor,
    reason: str,
    signalled_at: datetime,
    done_at: datetime,
    ended: Mapping[str, Any],
) -> Kept:
    """Return the receipt of an offboarding as it is to be kept.

    The nonce keeps anybody who has only the digest from guessing what it stands for.
    """
    receipt_id = uuid7()
    body = plain(
        {
            "receipt": str(receipt_id),
            "organization": str(member.organization_id),
            "member": str(member.pk),
            "user_name": member.user_name,
            "actor": {"kind": actor.kind, "id": str(actor.id), "label": actor.label},
            "reason": reason,
            "signalled_at": signalled_at,
            "done_at": done_at,
            "ended": ended,
            "nonce": secrets.token_hex(16),
        }
    )
    return Kept(receipt_id, member.pk, signalled_at, done_at, digest(body), body)


def keep(organization_id: UUID, made_: Sequence[Kept], lines: Sequence[Line]) -> None:
    """Write receipts in the transaction of the offboardings, with the entries about these, which may be all there is to write."""
    if made_:
        written = orjson.dumps(made_, default=str).decode()
        record_with(_KEEP, {"organization": organization_id, "receipts": written}, lines)
    else:
        record_all(lines)


def digest(body: object) -> str:
    """Return what the record keeps of a receipt: SHA-256 of its canonical JSON (RFC 8785), in hex."""
    return hashlib.sha256(canonical(body)).hexdigest()


def of_member(member: Member) -> list[Receipt]:
    """Return the member's receipts, the latest first."""
    with tenancy.of(member.organization_id):
        return list(
            Receipt.objects.filter(organization=member.organization_id, member=member).order_by("-pk")
        )


def times(organization: Organization | UUID, since: datetime | None = None) -> Times:
    """Return the organization's time to no access, over all offboardings or those since a time."""
    organization_id = organization.pk if isinstance(organization, Organization) else organization
    with tenancy.of(organization), connection.cursor() as cursor:
        cursor.execute(_TIMES, [organization_id, since, since])
        count, *seconds = cursor.fetchone()
    return Times(count, *(None if value is None else float(value) for value in seconds))
