"""What counts once: a request, an assertion, a logout message. The unique index decides, also between simultaneous posts."""

import hashlib
from datetime import datetime, timedelta

from django.db import connection as database

from audit.ids import uuid7
from identity import tenancy
from saml.attempts import Claim
from saml.models import Attempt, Connection
from saml.refusals import Refused
from saml.verify import VerifiedAssertion

KEPT_LEAST = timedelta(hours=1)
DOUBLE_SUBMIT = timedelta(seconds=30)


def spend(connection: Connection, claim: Claim | None, verified: VerifiedAssertion, now: datetime) -> None:
    """Take the request and the assertion, each once, and commit: they stay spent whatever then happens.

    Refuses: in_response_to (the request was taken before), replay (the assertion was).
    """
    digest = hashlib.sha256(f"{verified.issuer}\0{verified.assertion_id}".encode()).digest()
    kept_until = max(verified.not_on_or_after, now + KEPT_LEAST) + timedelta(minutes=10)
    with tenancy.change(connection.organization_id):
        if not spend_digest(connection, digest, kept_until):
            raise Refused("replay")
        if claim is not None and not _take(claim.attempt, now):
            raise Refused("in_response_to", "this request was answered before")


def spend_digest(connection: Connection, digest: bytes, expires_at: datetime) -> bool:
    """Insert the digest; False if it was there. A simultaneous insert waits here for the first to commit, and loses."""
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO saml_spentassertion (id, organization_id, connection_id, digest, expires_at)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (organization_id, connection_id, digest) DO NOTHING",
            [uuid7(), connection.organization_id, connection.pk, digest, expires_at],
        )
        return bool(cursor.rowcount)


def _take(attempt: Attempt, now: datetime) -> bool:
    return bool(
        Attempt.objects.filter(
            organization=attempt.organization_id,
            pk=attempt.pk,
            consumed_at__isnull=True,
            outcome=Attempt.Outcome.OPEN,
            expires_at__gt=now,
        ).update(consumed_at=now)
    )


def shown_twice(claim: Claim | None, now: datetime) -> bool:
    """Say whether this is the same browser sending the same form again within seconds, as impatient scripts do."""
    if claim is None or not claim.same_browser:
        return False
    with tenancy.of(claim.attempt.organization_id):
        claim.attempt.refresh_from_db()
    taken = claim.attempt.consumed_at
    return (
        taken is not None and now - taken < DOUBLE_SUBMIT and claim.attempt.outcome != Attempt.Outcome.FAILED
    )
