"""Credentials whose time has passed: tokens, sessions, invitations; and answers that were kept in case a call comes twice."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from audit.record import Actor
from identity import answers, credential_ends, invitations, tenancy, token_expiry
from identity.models import Invitation, Session, Token
from tasks.celery import app
from tasks.jobs.turn import in_turn

BATCH = 1000
# So many a transaction. As many people as sign in on a Monday morning are out again in the evening, all within minutes.
AT_ONCE = 500


@app.task(name="tasks.jobs.credentials.expired_tokens")
def expired_tokens() -> int:
    """Close the tokens whose time has passed; answers how many."""
    actor = Actor("job", "expired_tokens", "token expiry")
    return _in_turn(
        "tokens whose time has passed",
        lambda: Token.objects.filter(expires_at__lte=timezone.now(), revoked_at__isnull=True),
        partial(credential_ends.expire_tokens, most=AT_ONCE, actor=actor),
    )


@app.task(name="tasks.jobs.credentials.expiring_tokens")
def expiring_tokens() -> int:
    """Warn of tokens that expire within 30, 7 days and one; answers how many warnings that made."""
    actor = Actor("job", "expiring_tokens", "token expiry")
    return sum(token_expiry.warn(token, actor=actor) for token in token_expiry.due(BATCH))


@app.task(name="tasks.jobs.credentials.expired_sessions")
def expired_sessions() -> int:
    """Close the sessions whose time has passed; answers how many."""
    actor = Actor("job", "expired_sessions", "session expiry")
    return _in_turn(
        "sessions whose time has passed",
        lambda: Session.objects.filter(expires_at__lte=timezone.now(), ended_at__isnull=True),
        partial(credential_ends.expire_sessions, most=AT_ONCE, actor=actor),
    )


@app.task(name="tasks.jobs.credentials.expired_invitations")
def expired_invitations() -> int:
    """Close the invitations whose time has passed; answers how many."""
    actor = Actor("job", "expired_invitations", "invitation expiry")

    def batch() -> tuple[int, int]:
        with tenancy.everywhere("invitations whose time has passed"):
            due = list(
                Invitation.objects.filter(
                    expires_at__lte=timezone.now(), accepted_at__isnull=True, withdrawn_at__isnull=True
                ).order_by("expires_at")[:AT_ONCE]
            )
        return len(due), sum(invitations.expire(invitation, actor=actor) for invitation in due)

    # Whoever invites fifty thousand people at once invites them for the same time.
    return in_turn(batch, AT_ONCE)


@app.task(name="tasks.jobs.credentials.kept_answers")
def kept_answers() -> int:
    """Forget the answers to calls with an Idempotency-Key after a day; answers how many."""
    return answers.forget(BATCH * 10)


def _in_turn(what: str, due: Callable[[], "QuerySet[Any]"], expire: Callable[[UUID], int]) -> int:
    """Close what is due in each organization, AT_ONCE of it at a time, for the turn of a job; answers how many."""

    def batch() -> tuple[int, int]:
        with tenancy.everywhere(what):
            whose = set(due().order_by().values_list("organization_id", flat=True).distinct())
        closed = [expire(organization_id) for organization_id in whose]
        return max(closed, default=0), sum(closed)

    return in_turn(batch, AT_ONCE)
