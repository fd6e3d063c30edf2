"""Proving domains by DNS, and asking again whether the proof is still there.

DNS is asked outside any transaction. A job claims a domain that is due by putting its next check off: so two workers never ask about the
same one, and if one dies, another asks when that time comes. `conclude` then decides under the row's lock.
Why: docs/decisions/domain-proofs.md.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import alarms, dns_lookup, domains, tenancy
from identity.dns_lookup import Answer
from identity.errors import NameTaken, TooSoon
from identity.models import Domain

HOST: Final = "_rollcall-challenge"
# How long the record of a proved domain may be missing before the domain counts as proved no longer.
GRACE: Final = timedelta(days=7)
_LEASE: Final = timedelta(minutes=15)
_FIRST_WAIT: Final = timedelta(minutes=1)
_LONGEST_WAIT: Final = timedelta(hours=24)
_MISSING_WAIT: Final = timedelta(hours=1)
_DOUBLINGS_MAX: Final = 12
_AT_ONCE: Final = timedelta(seconds=10)


def claim_due(limit: int) -> list[Domain]:
    """Take the domains whose time has come, the oldest first: nobody else gets them for a quarter of an hour."""
    now = timezone.now()
    with tenancy.everywhere("domains to ask DNS about"):
        due = list(
            Domain.objects.select_for_update(skip_locked=True)
            .filter(due_at__lte=now)
            .order_by("due_at")[:limit]
        )
        Domain.objects.filter(pk__in=[domain.pk for domain in due]).update(due_at=now + _LEASE)
    return due


def check(domain: Domain, *, actor: Actor) -> Domain:
    """Ask DNS about the domain and do what follows; returns the domain as it then is."""
    return conclude(domain.organization_id, domain.pk, ask(domain), actor=actor)


def begin(domain: Domain) -> None:
    """Note that somebody wants DNS asked now; `ask`, outside any transaction, and `conclude` follow. Raises TooSoon within ten seconds."""
    now = timezone.now()
    with tenancy.of(domain.organization_id):
        locked = Domain.objects.select_for_update().get(pk=domain.pk)
        if locked.checked_at is not None and now - locked.checked_at < _AT_ONCE:
            seconds = int((_AT_ONCE - (now - locked.checked_at)).total_seconds()) + 1
            raise TooSoon("DNS was asked a moment ago: wait some seconds and ask again.", wait=seconds)
        locked.checked_at = now
        locked.save(update_fields=["checked_at"])


def ask(domain: Domain) -> Answer:
    """Return what DNS says about the domain now."""
    return dns_lookup.texts(f"{HOST}.{domain.name}")


def conclude(organization_id: UUID, domain_id: UUID, answer: Answer, *, actor: Actor) -> Domain:
    """Draw the consequence of what DNS said: prove, warn, unprove, or ask again later. Raises Domain.DoesNotExist.

    A domain that an operator confirmed is left as it is. Silence of DNS (`unreachable`) never takes a proof away.
    """
    now = timezone.now()
    with tenancy.change(organization_id):
        locked = Domain.objects.select_for_update().get(organization=organization_id, pk=domain_id)
        locked.checked_at = now
        found = locked.challenge in answer.texts
        locked.problem = "" if found else answer.problem or "other_text"
        if locked.proof == Domain.Proof.OPERATOR:
            locked.due_at, locked.problem = None, ""
        elif found:
            _found(locked, now, actor)
        elif locked.proved_at is not None:
            _missing(locked, now, answer, actor)
        else:
            _put_off(locked, now)
        locked.save(
            update_fields=[
                "checked_at",
                "due_at",
                "failures",
                "problem",
                "missing_since",
                "proved_at",
                "proof",
            ]
        )
    return locked


def _found(domain: Domain, now: datetime, actor: Actor) -> None:
    if domain.proved_at is None:
        try:
            proved = domains.confirm(domain, actor=actor, proof=Domain.Proof.DNS)
        except NameTaken:
            # Both organizations publish their record. Whoever was first keeps it; should they lose it, we are next.
            domain.problem = "proved_elsewhere"
            _put_off(domain, now)
            return
        domain.proved_at, domain.proof = proved.proved_at, proved.proof
    elif domain.missing_since is not None:
        _record(Event.DOMAIN_PROOF_BACK, domain, actor, {"missing_since": [domain.missing_since, None]})
    domain.failures, domain.missing_since = 0, None
    domain.due_at = now + _LONGEST_WAIT


def _missing(domain: Domain, now: datetime, answer: Answer, actor: Actor) -> None:
    domain.due_at = now + _MISSING_WAIT
    if not answer.is_certain:
        return
    if domain.missing_since is None:
        domain.missing_since = now
        _record(Event.DOMAIN_PROOF_MISSING, domain, actor, {"missing_since": [None, now]})
        _warn(domain, now + GRACE)
    elif now - domain.missing_since >= GRACE:
        _record(Event.DOMAIN_UNPROVE, domain, actor, {"proof": [domain.proof, None]})
        domain.proved_at, domain.proof, domain.missing_since = None, "", None


def _put_off(domain: Domain, now: datetime) -> None:
    """Ask again after one minute, two, four … and at last once a day."""
    domain.due_at = now + min(_FIRST_WAIT * 2 ** min(domain.failures, _DOUBLINGS_MAX), _LONGEST_WAIT)
    domain.failures += 1


def _record(event: Event, domain: Domain, actor: Actor, changes: dict[str, list[object]]) -> None:
    record(
        event,
        organization_id=domain.organization_id,
        actor=actor,
        subject=Subject("domain", str(domain.pk), domain.name),
        changes=changes,
        data={"problem": domain.problem},
    )


def _warn(domain: Domain, until: datetime) -> None:
    """Write to administrators that the record has gone."""
    body = (
        f"The TXT record that proves {domain.name} is not found any more.\n\n"
        f"Publish it again before {until:%d %B %Y, %H:%M} UTC:\n\n"
        f"  host   {HOST}.{domain.name}\n  value  {domain.challenge}\n\n"
        "Without it the domain counts as not proved from then on: its people are no longer led to your sign-in.\n"
    )
    alarms.tell_administrators(
        domain.organization_id, kind="domain_proof_missing", about=domain.pk,
        subject=f"The proof of {domain.name} has gone", body=body,
    )  # fmt: skip
