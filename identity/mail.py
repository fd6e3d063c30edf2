"""Outgoing mail: queued in the transaction of what it tells of, sent by a job, never lost and never sent twice by two workers.

A worker holds the row's lock while it talks to the SMTP server, and others skip locked rows. Only a worker that dies between the
server's yes and its own commit sends a message again; then both carry the same Message-ID.
"""

import smtplib
from collections.abc import Iterable
from datetime import timedelta
from email.utils import formatdate
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from audit.turning import without_turning
from identity import tenancy
from identity.errors import Invalid
from identity.models import OutgoingMail

State = OutgoingMail.State
ATTEMPTS_MAX = 12
_BACK_OFF_FIRST = timedelta(minutes=1)
_BACK_OFF_MAX = timedelta(hours=6)
_PROBLEM_LENGTH_MAX = 500
_PERMANENT_FROM = 500
# What the server says to whoever comes, whatever the letter; anything else that smtplib raises is about one letter.
_ABOUT_ALL = (
    smtplib.SMTPConnectError, smtplib.SMTPHeloError, smtplib.SMTPServerDisconnected, smtplib.SMTPAuthenticationError,
    smtplib.SMTPNotSupportedError,
)  # fmt: skip
_NOT_AGAIN = {
    State.SENT: "This letter was delivered to the mail server. To send another, do again what it tells of.",
    State.KEPT: "There is no mail server (EMAIL_URL), so the letter is kept and read here.",
    State.CANCELLED: "What this letter tells of was taken back: it is not sent any more.",
}


class NoServerError(Exception):
    """The mail server takes no letter from us at all, as the problem of the one that was tried says."""


def queue(organization_id: UUID, *, kind: str, about: UUID, to: str, subject: str, body: str) -> OutgoingMail:
    """Queue a message in the caller's transaction; one that waits already for the same thing is left as it is."""
    waiting = OutgoingMail.objects.filter(
        organization=organization_id, kind=kind, about=about, to=to, state=State.WAITING
    ).first()
    if waiting is not None:
        return waiting
    made = _letter(organization_id, kind, about, to, subject, body)
    made.save(force_insert=True)
    return made


def queue_new(organization_id: UUID, *, kind: str, letters: Iterable[tuple[UUID, str, str, str]]) -> None:
    """Queue messages about things that are new, each with (about, to, subject, body): no letter about these can wait already."""
    OutgoingMail.objects.bulk_create(_letter(organization_id, kind, *letter) for letter in letters)


def _letter(organization_id: UUID, kind: str, about: UUID, to: str, subject: str, body: str) -> OutgoingMail:
    now = timezone.now()
    # A name with a line break in it would begin another header; one that turns the text around would turn all that comes after it.
    subject, body = " ".join(without_turning(subject).split()), without_turning(body)
    return OutgoingMail(
        organization_id=organization_id, kind=kind, about=about, to=to, subject=subject, body=body,
        created_at=now, due_at=now,
    )  # fmt: skip


def cancel(organization_id: UUID, about: UUID) -> None:
    """Take back what waits about this thing, or failed and could be sent again; the caller holds the transaction."""
    OutgoingMail.objects.filter(
        organization=organization_id, about=about, state__in=[State.WAITING, State.FAILED]
    ).update(state=State.CANCELLED)


def send_again(mail: OutgoingMail, *, actor: Actor) -> OutgoingMail:
    """Have a letter that failed, or waits for its next attempt, tried at once, and as often as a new one. Raises Invalid for any other.

    What the mail server said stays until the next attempt.
    """
    with tenancy.change(mail.organization_id):
        rows = OutgoingMail.objects.select_for_update(skip_locked=True)
        locked = rows.filter(organization=mail.organization_id, pk=mail.pk).first()
        if locked is None:
            raise Invalid("This letter is being sent at this very moment: look again.", field="state")
        if locked.state not in {State.FAILED, State.WAITING}:
            raise Invalid(_NOT_AGAIN[State(locked.state)], field="state")
        before, now = locked.state, timezone.now()
        if before == State.WAITING and locked.due_at <= now:
            return locked
        locked.state, locked.attempts, locked.due_at = State.WAITING, 0, now
        locked.save(update_fields=["state", "attempts", "due_at"])
        record(
            Event.MAIL_SEND_AGAIN,
            organization_id=locked.organization_id,
            actor=actor,
            subject=Subject("mail", str(locked.pk), locked.to),
            changes={"state": [before, locked.state]} if before != locked.state else {},
            data={"kind": locked.kind, "about": str(locked.about)},
        )
    return locked


def due(limit: int) -> list[tuple[UUID, UUID]]:
    """Return (organization, id) of the messages whose time has come, the oldest first."""
    with tenancy.everywhere("mail that is due"):
        return list(
            OutgoingMail.objects.filter(state=State.WAITING, due_at__lte=timezone.now())
            .order_by("due_at")
            .values_list("organization_id", "pk")[:limit]
        )


def deliver(organization_id: UUID, mail_id: UUID, *, actor: Actor) -> bool:
    """Send one message if it still waits and no other worker has it; tells whether it is out (or kept, in development).

    Raises NoServerError, the message being put off, where the server would take no other either.
    """
    with tenancy.of(organization_id):
        mail = (
            OutgoingMail.objects.select_for_update(skip_locked=True)
            .filter(organization=organization_id, pk=mail_id, state=State.WAITING, due_at__lte=timezone.now())
            .first()
        )
        if mail is None:
            return False
        if settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
            return _done(mail, State.KEPT)
        try:
            _message(mail).send()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # ValueError: people write addresses to which no letter can be made, as "a;b@acme.example".
            _put_off(mail, error, actor)
            failed: Exception = error
        else:
            return _done(mail, State.SENT)
    if _is_about_all(failed):
        raise NoServerError(type(failed).__name__) from failed
    return False


def put_off_all() -> int:
    """Let everything that is due wait a while, for a server that takes no letter; answers how much. It is nobody's attempt.

    Each letter would wait for the server by itself, ten seconds long, and keep a worker from everything else meanwhile.
    """
    now = timezone.now()
    with tenancy.everywhere("mail that is due"):
        due = OutgoingMail.objects.filter(state=State.WAITING, due_at__lte=now)
        locked = due.select_for_update(skip_locked=True).values("pk")
        return OutgoingMail.objects.filter(pk__in=locked).update(due_at=now + _BACK_OFF_FIRST)


def _message(mail: OutgoingMail) -> EmailMessage:
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    headers = {
        "Message-ID": f"<{mail.pk}@{host}>",
        "Date": formatdate(mail.created_at.timestamp()),
        "Auto-Submitted": "auto-generated",
    }
    return EmailMessage(mail.subject, mail.body, to=[mail.to], headers=headers)


def _done(mail: OutgoingMail, state: str) -> bool:
    OutgoingMail.objects.filter(organization=mail.organization_id, pk=mail.pk).update(
        state=state, attempts=F("attempts") + 1, sent_at=timezone.now(), problem=""
    )
    return True


def _put_off(mail: OutgoingMail, error: Exception, actor: Actor) -> None:
    """Try again later, or give up: after twelve attempts (two days), or where the server says never."""
    attempts = mail.attempts + 1
    given_up = attempts >= ATTEMPTS_MAX or _is_permanent(error)
    wait = min(_BACK_OFF_FIRST * 2 ** (attempts - 1), _BACK_OFF_MAX)
    OutgoingMail.objects.filter(organization=mail.organization_id, pk=mail.pk).update(
        attempts=attempts, due_at=timezone.now() + wait, problem=f"{type(error).__name__}: {error}"[:_PROBLEM_LENGTH_MAX],
        state=State.FAILED if given_up else State.WAITING,
    )  # fmt: skip
    if given_up:
        record(
            Event.MAIL_FAIL,
            organization_id=mail.organization_id,
            actor=actor,
            subject=Subject("mail", str(mail.pk), mail.to),
            data={"kind": mail.kind, "about": str(mail.about), "attempts": attempts},
            outcome="refused",
            reason="mail_undeliverable",
        )


def _is_about_all(error: Exception) -> bool:
    """Tell whether another letter would fare no better: no connection, no greeting, no sign-in. smtplib's errors are OSErrors too."""
    return isinstance(error, _ABOUT_ALL) or (
        isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException)
    )


def _is_permanent(error: Exception) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= _PERMANENT_FROM for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code >= _PERMANENT_FROM
    return isinstance(error, ValueError) and not isinstance(error, OSError)
