"""An identity provider that calls its people by other names from now on: for some days, who signs in is matched anew, each once.

A member is bound to one identity of a connection, and whoever comes under another one is refused (`member_linked`): names are
recycled. When the identity provider itself changes them all, an administrator says so, and the same rules decide as at a first sign-in,
only stricter (docs/decisions/saml-renewed-identities.md).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import domains, links, tenancy
from identity.errors import Conflict, Invalid
from identity.models import Member
from identity.profile import is_same
from saml import connections
from saml.attributes import Person
from saml.models import Connection, SubjectLink

DAYS_DEFAULT: Final = 7
DAYS_MAX: Final = 30


@dataclass(frozen=True, slots=True)
class Renewal:
    """How far a renewal is: of the people who are bound at the connection and not offboarded, how many were bound since it began."""

    open: bool
    began_at: datetime | None
    ends_at: datetime | None
    linked: int
    renewed: int


def begin(connection: Connection, *, actor: Actor, days: int = DAYS_DEFAULT) -> Connection:
    """Let people come under another name than before for so many days from now; one that is open gets this end. Raises Invalid."""
    if not 1 <= days <= DAYS_MAX:
        raise Invalid(f"Identities are renewed for 1 to {DAYS_MAX} days.", field="days")
    now = timezone.now()
    with tenancy.change(connection.organization_id):
        locked = connections.lock(connection)
        if not is_open(locked):
            locked.renewal_began_at = now
        locked.renewal_ends_at = now + timedelta(days=days)
        _write(locked, Event.CONNECTION_RENEW, actor, connection.renewal_ends_at, locked.renewal_ends_at)
    return locked


def end(connection: Connection, *, actor: Actor) -> Connection:
    """End it now: whoever has not come under their new name yet keeps the former one. Raises Conflict where none is open."""
    with tenancy.change(connection.organization_id):
        locked = connections.lock(connection)
        if not is_open(locked):
            raise Conflict("No identities are being renewed here.")
        before, locked.renewal_ends_at = locked.renewal_ends_at, timezone.now()
        _write(locked, Event.CONNECTION_RENEW_END, actor, before, locked.renewal_ends_at)
    return locked


def is_open(connection: Connection) -> bool:
    """Tell whether identities are being renewed at this moment."""
    return connection.renewal_ends_at is not None and timezone.now() < connection.renewal_ends_at


def progress(connection: Connection) -> Renewal:
    """Return how far the renewal is, or how far it came; the tenancy must be set."""
    bound = _bound(connection)
    began = connection.renewal_began_at
    renewed = bound.filter(linked_at__gte=began).count() if began else 0
    return Renewal(is_open(connection), began, connection.renewal_ends_at, bound.count(), renewed)


def waiting(connection: Connection) -> QuerySet[SubjectLink]:
    """Return who has not come under another name since the renewal began, by user name; the tenancy must be set."""
    bound = _bound(connection).select_related("member").order_by("member__user_name_key", "pk")
    return bound.filter(linked_at__lt=connection.renewal_began_at) if connection.renewal_began_at else bound


def renewable(connection: Connection, member: Member, person: Person, bound: SubjectLink) -> bool:
    """Tell whether a member who fits may leave the identity they are bound to for the one that came with `person`; the tenancy must be set.

    Once in a renewal, and only where more than a name speaks for it: their own address in a proved domain, or a directory that feeds them.
    """
    if (
        not is_open(connection)
        or connection.renewal_began_at is None
        or bound.linked_at >= connection.renewal_began_at
    ):
        return False
    return connection.allow_other_domains or _vouched(connection, member, person)


def _vouched(connection: Connection, member: Member, person: Person) -> bool:
    own = (member.user_name, member.email)
    came = {text for text in (person.user_name, person.email) if any(is_same(text, name) for name in own)}
    if any(domains.has_proved(connection.organization_id, address) for address in came):
        return True
    return links.of_member(member).exists()


def _bound(connection: Connection) -> QuerySet[SubjectLink]:
    mine = Q(organization=connection.organization_id, connection=connection)
    return SubjectLink.objects.filter(mine).exclude(member__state=Member.State.OFFBOARDED)


def _write(
    connection: Connection, event: Event, actor: Actor, before: datetime | None, after: datetime
) -> None:
    connections.touch(connection, "renewal_began_at", "renewal_ends_at")
    record(
        event,
        organization_id=connection.organization_id,
        actor=actor,
        subject=connections.subject_of(connection),
        changes={"renewal_ends_at": [before, after]},
    )
