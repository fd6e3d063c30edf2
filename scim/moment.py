"""What a directory asks for in the same moment is carried out by one transaction: newcomers, changes of different people or of one group.

Each is as if it had come alone: normalised, counted, recorded and answered by itself. What they share is the question who calls, the one
for the rows that they mean, and the COMMIT. docs/decisions/arriving-together.md says why.
"""

from collections.abc import Callable, Iterator, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final
from uuid import UUID

import psycopg
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from identity import arriving_together, conflicts, memberships, tenancy
from identity.arriving_together import Arriving
from identity.errors import Refusal, was_stopped
from identity.models import Group
from identity.postgresql.flush import Rows, Statement
from identity.together import ApartError, Together
from scim import authentication, credential, people, queries, request_log
from scim.authentication import Caller
from scim.errors import ScimError
from scim.membership import Changes
from scim.resources import GroupRow

# Somebody else's open transaction holds a row: whoever wants it waits alone for how that ends, and nobody behind them.
PATIENCE_SECONDS: Final = 0.2
_PATIENCE: Final = f"SET LOCAL lock_timeout = '{int(PATIENCE_SECONDS * 1000)}ms'"
_NOBODY: Final = UUID(int=0)


class Kind(Enum):
    """What the requests of a lot have in common."""

    NEWCOMERS = "newcomers"
    PEOPLE = "people"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request is about, and the question with which it would begin alone: nobody yet, a person, or a group with its `changes`."""

    kind: Kind
    asked: Statement
    id: UUID = _NOBODY
    changes: Changes | None = None


@dataclass(slots=True, eq=False)
class Part:
    """One of a lot: carried out alone, or by the caller who is given; then it is answered or refused, or is to be carried out alone."""

    request: HttpRequest
    wanted: Wanted
    alone: Callable[[], HttpResponse]
    by: Callable[[Caller], HttpResponse]
    context: Context = field(default_factory=copy_context)
    answer: HttpResponse | None = None
    refusal: ScimError | Refusal | None = None


def answered(part: Part) -> HttpResponse:
    """Return the answer to a request that is carried out with those of the same moment. Raises its refusal."""
    token = credential.sent(part.request)
    # Of people each wants another one, of a group all the same.
    about = part.wanted.id if part.wanted.kind is Kind.GROUP else _NOBODY
    try:
        _together((token, part.wanted.kind, about), part)
    except ApartError:
        # What a lot had come to is taken back with it.
        part.answer = part.refusal = None
    refusal, part.refusal = part.refusal, None
    try:
        if refusal is not None:
            raise refusal
    finally:
        # By its traceback it would hold this request until garbage is collected.
        del refusal
    return part.alone() if part.answer is None else part.answer


def _carry_out(lot: Sequence[Part]) -> None:
    if len(lot) == 1:
        lot[0].answer = lot[0].alone()
        return
    try:
        with tenancy.opened():
            tenancy.connection.ahead(_PATIENCE)
            _carry_out_as_one(lot)
    except (ScimError, Refusal) as error:
        # Which of them it was, and what is to be said of it, each hears by itself.
        raise ApartError from error
    except OperationalError as error:
        has_waited = isinstance(error.__cause__, psycopg.errors.LockNotAvailable)
        if has_waited or conflicts.is_one(error) or was_stopped(error):
            raise ApartError from error
        raise
    request_log.answered_together(
        [(part.request, part.answer, part.context) for part in lot if part.answer is not None]
    )


def _carry_out_as_one(lot: Sequence[Part]) -> None:
    question, callers = _KINDS[lot[0].wanted.kind]
    arriving: list[Arriving] = []
    who = authentication.directory(lot[0].request, question(lot))
    leaving = people.leaving(who)

    def done() -> tuple[int, int, int]:
        return tenancy.connection.statements, len(arriving), len(leaving.members)

    with tenancy.of(who.organization):
        for part, caller in callers(lot, replace(who, arriving=arriving, leaving=leaving)):
            before = done()
            try:
                part.answer = part.context.run(part.by, caller)
            except (ScimError, Refusal, ApartError) as refusal:
                if done() != before:
                    raise
                # Nothing was asked for it, nor is anybody to be let in or shut out for it: there is nothing to take back.
                tenancy.connection.needs_rollback = False
                part.refusal = None if isinstance(refusal, ApartError) else refusal
        if arriving:
            arriving_together.let_in(arriving)
        if leaving.members:
            lot[-1].context.run(people.let_go, who, leaving)


def _no_question(_: Sequence[Part]) -> None:
    """Return none: whom newcomers may mean is asked when we know for whom."""


def _newcomers(lot: Sequence[Part], who: Caller) -> Iterator[tuple[Part, Caller]]:
    """Give each the answer to what they would have asked."""
    asked = [part.wanted.asked for part in lot]
    answers = tenancy.read_several_as(who.organization, who.directory.pk, who.token.pk, asked)
    for part, answer in zip(lot, answers, strict=True):
        yield part, replace(who, foreseen=part.wanted.asked, answer=answer)


def _people_held(lot: Sequence[Part]) -> Statement:
    return queries.users_held({part.wanted.id for part in lot})


def _people(lot: Sequence[Part], who: Caller) -> Iterator[tuple[Part, Caller]]:
    """Give each the answer to what they would have asked; who is not here, or was changed by another one of the lot, is asked for alone."""
    rows = {UUID(row[0]): row for row in who.answer or ()}
    for part in lot:
        row = rows.pop(part.wanted.id, None)
        if row is not None:
            yield part, replace(who, foreseen=part.wanted.asked, answer=[row])


def _group_held(lot: Sequence[Part]) -> Statement:
    named = [value for part in lot if part.wanted.changes for value in part.wanted.changes.added]
    return queries.group_held(lot[0].wanted.id, memberships.held(dict.fromkeys(named)))


def _group(lot: Sequence[Part], who: Caller) -> Iterator[tuple[Part, Caller]]:
    """Give the first the answer; the others have the group as those before them have left it, or read it anew."""
    held: dict[UUID, tuple[GroupRow, Group]] = {}
    answer: Rows | None = who.answer
    for part in lot if answer else ():
        yield part, replace(who, foreseen=part.wanted.asked, answer=answer, held=held)
        answer = None
        if part.refusal is not None:
            # It may have left the object half changed.
            held.clear()


_Question = Callable[[Sequence[Part]], Statement | None]
_Callers = Callable[[Sequence[Part], Caller], Iterator[tuple[Part, Caller]]]
_KINDS: Final[dict[Kind, tuple[_Question, _Callers]]] = {
    Kind.NEWCOMERS: (_no_question, _newcomers),
    Kind.PEOPLE: (_people_held, _people),
    Kind.GROUP: (_group_held, _group),
}
# A connection that is lost while it commits tells nobody whether it did.
_together: Final = Together(
    _carry_out, unsure=(OperationalError, InterfaceError), patience_seconds=PATIENCE_SECONDS
)
