"""What counts once: a request, an assertion, a logout message. The unique index decides, also between simultaneous posts."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection as database

from audit.ids import uuid7
from identity import tenancy
from saml.attempts import Claim
from saml.models import Attempt, Connection
from saml.refusals import Refused
from saml.verify import ANSWERED, VerifiedAssertion

KEPT_LEAST = timedelta(hours=1)
_MARGIN = timedelta(minutes=10)
_CALENDAR_END = datetime.max.replace(tzinfo=UTC)
DOUBLE_SUBMIT = timedelta(seconds=30)
# A simultaneous insert waits here for the first to commit, and loses.
_SPEND = """
INSERT INTO saml_spentassertion (id, organization_id, connection_id, digest, expires_at)
VALUES (%(id)s, %(organization)s, %(connection)s, %(digest)s, %(kept_until)s)
ON CONFLICT (organization_id, connection_id, digest) DO NOTHING
"""
_SPEND_BOTH = f"""
WITH fresh AS ({_SPEND} RETURNING id), taken AS (
  UPDATE saml_attempt SET consumed_at = %(now)s
   WHERE organization_id = %(organization)s AND id = %(attempt)s::uuid AND consumed_at IS NULL AND outcome = 'open'
     AND expires_at > %(now)s AND EXISTS (SELECT 1 FROM fresh)
  RETURNING id
)
SELECT EXISTS (SELECT 1 FROM fresh), EXISTS (SELECT 1 FROM taken)
"""  # noqa: S608 - both texts are ours


def spend(connection: Connection, claim: Claim | None, verified: VerifiedAssertion, now: datetime) -> None:
    """Take the request and the assertion, each once, in the caller's transaction: it commits whatever then happens.

    Refuses: in_response_to (the request was taken before), replay (the assertion was).
    """
    digest = hashlib.sha256(f"{verified.issuer}\0{verified.assertion_id}".encode()).digest()
    # Some products write the calendar's last moment for "never".
    kept_until = min(max(verified.not_on_or_after, now + KEPT_LEAST), _CALENDAR_END - _MARGIN) + _MARGIN
    asked = claim.attempt.pk if claim else None
    ((fresh, taken),) = tenancy.read(
        connection.organization_id,
        _SPEND_BOTH,
        {
            "id": uuid7(), "organization": connection.organization_id, "connection": connection.pk, "digest": digest,
            "kept_until": kept_until, "attempt": asked, "now": now,
        },
    )  # fmt: skip
    if not fresh:
        raise Refused("replay")
    if asked is not None and not taken:
        raise Refused("in_response_to", ANSWERED)


def spend_digest(connection: Connection, digest: bytes, expires_at: datetime) -> bool:
    """Insert the digest; False if it was there."""
    values: dict[str, Any] = {
        "id": uuid7(), "organization": connection.organization_id, "connection": connection.pk, "digest": digest,
        "kept_until": expires_at,
    }  # fmt: skip
    with database.cursor() as cursor:
        cursor.execute(_SPEND, values)
        return bool(cursor.rowcount)


def shown_twice(claim: Claim, now: datetime) -> bool:
    """Say whether this is the same browser sending the same form again within seconds, as impatient scripts do."""
    if not claim.same_browser:
        return False
    with tenancy.of(claim.attempt.organization_id):
        claim.attempt.refresh_from_db()
    taken = claim.attempt.consumed_at
    return (
        taken is not None and now - taken < DOUBLE_SUBMIT and claim.attempt.outcome != Attempt.Outcome.FAILED
    )
