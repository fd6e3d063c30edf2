"""When the door is locked after too many tries, at passwords and at second factors alike: the record is the memory.

Why not django-axes: docs/decisions/console-sign-in.md. A refused try is an entry, and the entries of the last minutes are the lock.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from audit import context
from audit.events import Event
from audit.models import Entry
from audit.record import Actor, Subject, record
from identity.member_row import subject_of
from identity.models import Member, Organization

WINDOW: Final = timedelta(minutes=15)
# Refused tries in the window: of one address at one person, of everybody at one person, of one address at anybody.
PAIR_MAX: Final = 5
PERSON_MAX: Final = 20
ADDRESS_MAX: Final = 50
# Of everybody at one person's codes: three of a million are right at a time, and who guesses them has the password already.
CODES_MAX: Final = 10
LOCKED: Final = "too_many_tries"
WRONG_CODE: Final = "wrong_code"
_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7241))"


@dataclass(frozen=True, slots=True)
class Try:
    """One try: in which organization's record it belongs, and by which names the lock counts whom it means and who tries."""

    organization: Organization
    subject: Subject
    actor: Actor


def at_member(member: Member) -> Try:
    """Return a try of whoever is at the other end, at the member."""
    return Try(member.organization, subject_of(member), nobody_known())


def at_nobody(organization: Organization, key: str) -> Try:
    """Return a try at somebody whom we do not know. What was typed is kept as a digest alone: people mistake the field."""
    return Try(organization, Subject("sign_in", _digest("person", key)), nobody_known())


def nobody_known() -> Actor:
    """Return whoever tries, by their address as the record may keep it."""
    return Actor("anonymous", _digest("address", context.current().ip))


def is_locked(attempt: Try) -> bool:
    """Tell whether the door is locked for this try, when its turn comes: one at a time for each person, until the transaction ends.

    So many at once cannot slip past the count. The tenancy must be set.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TURN, [f"{attempt.organization.pk}:{attempt.subject.id}"])
    person, address = Q(subject_id=attempt.subject.id), Q(actor_id=attempt.actor.id)
    tries = (
        Entry.objects.filter(
            organization_id=attempt.organization.pk,
            happened_at__gt=timezone.now() - WINDOW,
            event=Event.SIGN_IN_REFUSE,
            actor_kind="anonymous",
            source="console",
        )
        # A refusal by the lock doesn't prolong it.
        .exclude(reason=LOCKED)
        .aggregate(
            pair=Count("pk", filter=person & address),
            person=Count("pk", filter=person),
            address=Count("pk", filter=address),
            codes=Count("pk", filter=person & Q(reason=WRONG_CODE)),
        )
    )
    return (
        tries["pair"] >= PAIR_MAX
        or tries["person"] >= PERSON_MAX
        or tries["address"] >= ADDRESS_MAX
        or tries["codes"] >= CODES_MAX
    )


def refuse(attempt: Try, reason: str, data: dict[str, Any]) -> None:
    """Record a refused try; the caller's transaction must commit, or the try is not counted."""
    record(
        Event.SIGN_IN_REFUSE,
        organization_id=attempt.organization.pk,
        actor=attempt.actor,
        subject=attempt.subject,
        outcome="refused",
        reason=reason,
        data=data,
    )


def _digest(what: str, value: str) -> str:
    """Return an address or a typed name as the record may keep it for ever: of use only to count equal ones."""
    return salted_hmac(f"console.passwords.{what}", value, algorithm="sha256").hexdigest()[:32]
