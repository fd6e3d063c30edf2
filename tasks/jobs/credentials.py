"""Credentials whose time has passed: tokens, sessions, invitations; and answers that were kept in case a call comes twice."""

from django.utils import timezone

from audit.record import Actor
from identity import invitations, sessions, tenancy, token_expiry, tokens
from identity.api import idempotency
from identity.models import Invitation, Session, Token
from tasks.celery import app
from tasks.jobs.turn import in_turn

BATCH = 1000


@app.task(name="tasks.jobs.credentials.expired_tokens")
def expired_tokens() -> int:
    """Close the tokens whose time has passed; answers how many."""
    actor = Actor("job", "expired_tokens", "token expiry")
    with tenancy.everywhere("tokens whose time has passed"):
        due = list(
            Token.objects.filter(expires_at__lte=timezone.now(), revoked_at__isnull=True).order_by(
                "expires_at"
            )[:BATCH]
        )
    return sum(tokens.expire(token, actor=actor) for token in due)


@app.task(name="tasks.jobs.credentials.expiring_tokens")
def expiring_tokens() -> int:
    """Warn of tokens that expire within 30, 7 days and one; answers how many warnings that made."""
    actor = Actor("job", "expiring_tokens", "token expiry")
    return sum(token_expiry.warn(token, actor=actor) for token in token_expiry.due(BATCH))


@app.task(name="tasks.jobs.credentials.expired_sessions")
def expired_sessions() -> int:
    """Close the sessions whose time has passed; answers how many."""
    actor = Actor("job", "expired_sessions", "session expiry")

    def batch() -> tuple[int, int]:
        with tenancy.everywhere("sessions whose time has passed"):
            due = list(
                Session.objects.filter(expires_at__lte=timezone.now(), ended_at__isnull=True)
                .select_related("member")
                .order_by("expires_at")[:BATCH]
            )
        for session in due:
            sessions.end(session, actor=actor, reason="expired")
        return len(due), len(due)

    # A million people who sign in each day are 3,500 sessions in five minutes.
    return in_turn(batch, BATCH)


@app.task(name="tasks.jobs.credentials.expired_invitations")
def expired_invitations() -> int:
    """Close the invitations whose time has passed; answers how many."""
    actor = Actor("job", "expired_invitations", "invitation expiry")
    with tenancy.everywhere("invitations whose time has passed"):
        due = list(
            Invitation.objects.filter(
                expires_at__lte=timezone.now(), accepted_at__isnull=True, withdrawn_at__isnull=True
            ).order_by("expires_at")[:BATCH]
        )
    return sum(invitations.expire(invitation, actor=actor) for invitation in due)


@app.task(name="tasks.jobs.credentials.kept_answers")
def kept_answers() -> int:
    """Forget the answers to calls with an Idempotency-Key after a day; answers how many."""
    return idempotency.forget(BATCH * 10)
