"""What erasing a person forgets, so many rows at a time: first the details of the record, then what else is kept of them.

Each floor hangs in what it keeps (`on_erase`). Names and ids of the person are values here: their row has no names any more.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Model, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from identity import former_names, secrets
from identity.models import (
    Erasure,
    Invitation,
    Member,
    OutgoingMail,
    Receipt,
    ReviewItem,
    Session,
    Token,
)

# Subjects whose entries are looked for at a time.
_THINGS: Final = 500
_FIRST: Final = UUID(int=0)
_LAST: Final = UUID(int=2**128 - 1)
_NAMING: Final = "SELECT audit_erase_naming(%s, %s, %s)"
_ABOUT: Final = "SELECT seen, erased, subject, entry FROM audit_erase_about(%s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Person:
    """Who is erased, as they were called: `former` are the user names and addresses that they had before."""

    organization_id: UUID
    member_id: UUID
    user_name: str
    email: str
    email_key: str
    former: Sequence[str] = ()

    @property
    def own(self) -> Q:
        """The condition of rows that are theirs (`organization`, `member`)."""
        return Q(organization=self.organization_id, member=self.member_id)


# Forgets at most so many rows of what is kept of the person, and tells how many: fewer, if that was all.
Forgetter = Callable[[Person, int], int]
_forgetters: list[Forgetter] = []


def on_erase(forgetter: Forgetter) -> None:
    """Have `forgetter` forget what its floor keeps: called in the transaction of each turn, until it comes to less than it may."""
    if forgetter not in _forgetters:
        _forgetters.append(forgetter)


def begun(member: Member, at: datetime) -> Erasure:
    """Return the work that the erasure of the member is, while their row still has their names; nothing is forgotten or saved yet."""
    erasure = Erasure(
        organization_id=member.organization_id, member=member, erased_at=at, thing=_FIRST, entry=_FIRST
    )
    person = Person(
        member.organization_id, member.pk, member.user_name, member.email, member.email_key, former_names.all_of(member)
    )  # fmt: skip
    erasure.names_sealed = secrets.seal(
        erasure.organization_id, _place(erasure), orjson.dumps(asdict(person))
    )
    return erasure


def go_on(erasure: Erasure, room: int) -> tuple[int, bool]:
    """Forget about `room` rows and note in `erasure` where that ended; returns how many details went, and whether that was all."""
    kept: dict[str, Any] = orjson.loads(
        secrets.open_(erasure.organization_id, _place(erasure), bytes(erasure.names_sealed))
    )
    person = Person(UUID(kept.pop("organization_id")), UUID(kept.pop("member_id")), **kept)
    details = 0
    if not erasure.stage:
        details, room = _forget_in_record(erasure, person, room)
        erasure.details += details
        if not room:
            return details, False
    names = [f"{forget.__module__}.{forget.__qualname__}" for forget in _forgetters]
    first = names.index(erasure.stage) if erasure.stage in names else 0
    for erasure.stage, forget in zip(names[first:], _forgetters[first:], strict=True):
        room -= forget(person, room)
        if room <= 0:
            return details, False
    return details, True


def some(rows: "QuerySet[Any]", room: int) -> "QuerySet[Any]":
    """Return at most `room` of the rows, to be changed or deleted."""
    model: type[Model] = rows.model
    return model._default_manager.filter(pk__in=rows.order_by().values("pk")[:room])  # noqa: SLF001 - Django's public name for it


def _place(erasure: Erasure) -> str:
    return f"identity_erasure:{erasure.pk}:names_sealed"


def _forget_in_record(erasure: Erasure, person: Person, room: int) -> tuple[int, int]:
    """Delete details of entries about the person; the entries and their commitments stay. Returns how many, and what room is left."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('rollcall.erasing', 'on', true)")
        cursor.execute(_NAMING, [person.organization_id, str(person.member_id), room])
        details: int = cursor.fetchone()[0]
        room -= details
        while room > 0:
            things = _things(person, erasure.thing)
            if not things:
                break
            cursor.execute(
                _ABOUT, [person.organization_id, [str(id_) for id_ in things], erasure.entry, room]
            )
            seen, erased, stopped_at, entry = cursor.fetchone()
            details += erased
            room -= seen
            erasure.thing, erasure.entry = (UUID(stopped_at), entry) if stopped_at else (things[-1], _LAST)
            if not stopped_at and len(things) < _THINGS:
                break
        cursor.execute("SELECT set_config('rollcall.erasing', '', true)")
    return details, room


def _things(person: Person, first: UUID) -> list[UUID]:
    """Return ids by which the record knows the person and what is theirs, from `first` on."""
    tables = (
        Member.objects.filter(organization=person.organization_id, pk=person.member_id),
        Session.objects.filter(person.own),
        Token.objects.filter(person.own),
        _invitations(person),
    )
    ids = (
        rows.filter(pk__gte=first).order_by("pk").values_list("pk", flat=True)[:_THINGS] for rows in tables
    )
    return sorted({id_ for several in ids for id_ in several})[:_THINGS]


def _invitations(person: Person) -> "QuerySet[Invitation]":
    return Invitation.objects.filter(
        Q(member=person.member_id) | Q(email_key=person.email_key or "-"), organization=person.organization_id
    )


def _letters(person: Person, room: int) -> int:
    """Delete what was sent to them, or is about an invitation of theirs."""
    letters = OutgoingMail.objects.filter(
        Q(about__in=_invitations(person).values("pk")) | Q(to__iexact=person.email or "-"),
        organization=person.organization_id,
    )
    return some(letters, room).delete()[0]


def _own_rows(person: Person, room: int) -> int:
    """Empty what belongs to them, and the invitations to their address."""
    nameless = Concat(Value("erased-"), Cast("pk", TextField()))
    emptied: tuple[tuple[QuerySet[Any], dict[str, Any]], ...] = (
        (
            Session.objects.filter(person.own).exclude(
                name_id=None, name_id_digest=None, session_index="", ip="", user_agent=""
            ),
            {"name_id": None, "name_id_digest": None, "session_index": "", "ip": "", "user_agent": ""},
        ),
        (Token.objects.filter(person.own).exclude(name=""), {"name": ""}),
        (Receipt.objects.filter(person.own, body__isnull=False), {"body": None}),
        (ReviewItem.objects.filter(person.own).exclude(reason=""), {"reason": ""}),
        (
            _invitations(person).exclude(email_key__startswith="erased-"),
            {"email": nameless, "email_key": nameless},
        ),
    )
    number = 0
    for rows, values in emptied:
        if number < room:
            number += some(rows, room - number).update(**values)
    return number


on_erase(_letters)
on_erase(_own_rows)
