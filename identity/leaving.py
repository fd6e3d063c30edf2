"""Many people leaving at once: who is meant, what would end, and then now or at a date and hour of the organization's time zone."""

import re
import zoneinfo
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from audit.record import Actor
from identity import alarms, batches, deadlines, exits, offboarding, tenancy, tokens
from identity.errors import Invalid, NotFound, TooMany
from identity.models import Member, Organization, Token
from identity.offboarding import Receipt
from identity.profile import key_of

LEAVERS_MAX = 200
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Leaver:
    """Who is meant by one name of a list. `problem` is empty, or unknown, ambiguous, offboarded.

    `ends` counts what an offboarding would end; `service_tokens` can be handed over; `last_administrator` is a warning.
    """

    named: str
    member: Member | None = None
    problem: str = ""
    ends: dict[str, int] = field(default_factory=dict)
    service_tokens: tuple[Token, ...] = ()
    last_administrator: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """What became of one member: the receipt, or the time at which they will leave; and the service tokens handed over."""

    member: Member
    receipt: Receipt | None
    ends_at: datetime | None
    handed_over: tuple[UUID, ...] = ()


def preview(organization: Organization, names: Sequence[str]) -> list[Leaver]:
    """Find whom a list names (by id, user name or e-mail address) and tell what would end; nothing is changed. Raises TooMany."""
    _check_count(names)
    with tenancy.of(organization):
        return _leavers(organization, names)


def offboard(
    organization: Organization,
    member_ids: Sequence[UUID],
    *,
    actor: Actor,
    reason: str = "",
    hand_over_to: UUID | None = None,
    at: datetime | None = None,
    despite_last_administrator: bool = False,
) -> list[Left]:
    """Offboard all of them in one transaction, or have them offboarded `at` (aware) a time to come.

    Their service tokens go to `hand_over_to`, at once in both cases, else they end with the rest. Raises NotFound for an id that is not
    here, Invalid, Offboarded (for a time to come), LastAdministrator, TooMany; then nothing is changed.
    """
    _check_count(member_ids)
    if at is not None and at <= timezone.now():
        raise Invalid("This time has passed: leave `at` out to offboard now.", field="at")
    if hand_over_to in member_ids:
        raise Invalid("The one who takes over cannot be leaving too.", field="hand_over_to")
    with tenancy.change(organization):
        found = batches.locked(organization, member_ids)
        if len(found) != len(set(member_ids)):
            raise NotFound("One of these members is not here.", field="members")
        heir = _heir(organization, hand_over_to)
        handed = {
            member.pk: tokens.hand_over(member, heir, actor=actor) if heir is not None else []
            for member in found
        }
        last = despite_last_administrator
        receipts: dict[UUID, Receipt] = {}
        if at is None:
            alarms.refuse_last_administrator(*found, actor=actor, despite=last)
            made = offboarding.offboard_all_locked(found, actor=actor, reason=reason)
            receipts = {receipt.member_id: receipt for receipt in made}
        else:
            alarms.refuse_last_administrator(*found, actor=actor, despite=last, at=at)
            for member in found:
                deadlines.schedule_end(member, at, actor=actor, despite_last_administrator=last)
    return [
        Left(member, receipts.get(member.pk), at, tuple(token.pk for token in handed[member.pk]))
        for member in found
    ]


def moment(organization: Organization, text: str, *, field: str = "at") -> datetime:
    """Return the time meant by `2027-03-31T18:00` in the organization's time zone, in UTC; one with a zone of its own is that time.

    An hour that comes twice (clocks go back) is the first one: rather out too early than too late. Raises Invalid.
    """
    try:
        named = datetime.fromisoformat(text)
        zone = named.tzinfo or zoneinfo.ZoneInfo(organization.time_zone)
        meant = named.replace(tzinfo=zone).astimezone(UTC)
        there = meant.astimezone(zone)
    except ValueError as error:
        raise Invalid("Write a date and an hour, as 2027-03-31T18:00.", field=field) from error
    except OverflowError as error:
        # PostgreSQL would keep it, and no row that holds it could be read again.
        raise Invalid(deadlines.TOO_FAR, field=field) from error
    if there.replace(tzinfo=None) != named.replace(tzinfo=None):
        raise Invalid(
            f"This hour does not exist in {organization.time_zone}: the clocks go forward.", field=field
        )
    return meant


def _leavers(organization: Organization, names: Sequence[str]) -> list[Leaver]:
    meant = _meant(organization, names)
    here = {
        name: [member for member in found if member.state != Member.State.OFFBOARDED]
        for name, found in meant.items()
    }
    alone = list({found[0].pk: found[0] for found in here.values() if len(found) == 1}.values())
    ends = exits.previews(organization.pk, alone)
    duties = alarms.duties_of_each(organization.pk, alone)
    service: dict[UUID | None, list[Token]] = defaultdict(list)
    for token in Token.objects.filter(
        organization=organization, member__in=alone, service=True, revoked_at__isnull=True
    ).order_by("pk"):
        service[token.member_id].append(token)

    def leaver(name: str) -> Leaver:
        if not here[name]:
            gone = meant[name]
            return Leaver(name, gone[0], "offboarded") if gone else Leaver(name, problem="unknown")
        if len(here[name]) > 1:
            return Leaver(name, problem="ambiguous")
        id_ = here[name][0].pk
        return Leaver(name, here[name][0], "", ends[id_], tuple(service[id_]), duties[id_].last_administrator)

    return [leaver(name) for name in names]


def _meant(organization: Organization, names: Sequence[str]) -> dict[str, list[Member]]:
    """Return for each name the members whom it may mean, offboarded ones too."""
    keys = {key_of(name) for name in names}
    ids = {UUID(name) for name in names if _UUID.fullmatch(name)}
    found = Member.objects.filter(
        Q(user_name_key__in=keys) | Q(email_key__in=keys) | Q(pk__in=ids), organization=organization
    )
    known: dict[str | UUID, dict[UUID, Member]] = defaultdict(dict)
    for member in found.order_by("pk"):
        for by in (member.user_name_key, member.email_key, member.pk):
            known[by][member.pk] = member
    return {
        name: list((known[key_of(name)] | (known[UUID(name)] if _UUID.fullmatch(name) else {})).values())
        for name in names
    }


def _heir(organization: Organization, member_id: UUID | None) -> Member | None:
    if member_id is None:
        return None
    found = Member.objects.filter(organization=organization, pk=member_id).first()
    if found is None:
        raise Invalid("There is no such member to hand over to.", field="hand_over_to")
    return found


def _check_count(names: Sequence[object]) -> None:
    if len(names) > LEAVERS_MAX:
        raise TooMany(f"At most {LEAVERS_MAX} people in one list; send several.", field="members")
