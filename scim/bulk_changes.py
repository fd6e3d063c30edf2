"""Operations of a Bulk request that change different people: one question holds all of them, and what is written travels together.

Why: docs/decisions/scim-bulk.md.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from django.http import HttpResponse

from audit.ids import uuid7
from identity import tenancy
from identity.errors import Refusal
from identity.models import Member
from identity.postgresql.flush import Rows
from identity.together import ApartError
from scim import bulk_references, deleted_together, people, queries
from scim.authentication import Caller
from scim.bulk_operations import Operation
from scim.call import Call
from scim.errors import ScimError
from scim.users import uuid_of

# An operation, and the caller to whose question for the person there is an answer.
Held = tuple[Operation, Caller]


class Changes:
    """Who is held within one transaction of a Bulk request, and what is carried out by itself there."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._held: dict[UUID, Rows] = {}
        self._alone: set[Operation] = set()

    def forget(self) -> None:
        """Read anew those who are held: some of it was changed meanwhile."""
        self._held.clear()

    def lot(self, coming: Iterable[Operation], ids: dict[str, str]) -> list[Held]:
        """Return those that change people who are here, each somebody else; `coming` are changes as they would be carried out.

        `ids` are those of the bulkIds that are there. Empty where the first, or only the first, is one: it is carried out by itself.
        """
        named: dict[UUID, Operation] = {}
        for each in coming:
            person = None if each in self._alone else _named(each, ids)
            if person is None or person in named:
                break
            named[person] = each
        if len(named) < 2:  # noqa: PLR2004 - nobody is a lot alone
            return []
        self._hold([person for person in named if person not in self._held])
        lot: list[Held] = []
        for person, each in named.items():
            if person not in self._held:
                self._alone.add(each)
                break
            asked = queries.user_held(person)
            lot.append((each, replace(self._call.who, foreseen=asked, answer=self._held[person])))
        return lot if len(lot) > 1 else []

    def carry_out(
        self, lot: Sequence[Held], answer: Callable[[Operation, Caller], HttpResponse], ends_at: float
    ) -> list[tuple[Operation, HttpResponse]]:
        """Carry out those of a lot that begin in time, in one savepoint, and return them with their answers.

        Of none where any was refused: nothing of the lot is done, and the refused one, or each where nobody knows which, goes by itself.
        """
        done: list[tuple[Operation, HttpResponse]] = []
        if not lot:
            return done
        understood = len(self._call.understood)
        refused = [each for each, _ in lot]
        try:
            with tenancy.whole(self._call.who.organization):
                leaving, deleting, begun = people.leaving(self._call.who), list[Member](), uuid7()
                for each, who in lot:
                    refused = [each]
                    done.append((each, answer(each, replace(who, leaving=leaving, deleting=deleting))))
                    if time.monotonic() >= ends_at:
                        break
                refused = [each for each, _ in done]
                people.let_go(self._call.who, leaving)
                deleted_together.delete(self._call.who, deleting, begun=begun)
        except (ScimError, Refusal, ApartError):
            del self._call.understood[understood:]
            self._alone.update(refused)
            return []
        self.forget()
        return done

    def _hold(self, people: Sequence[UUID]) -> None:
        if people:
            rows = self._call.who.read(queries.users_held(people))
            self._held |= {UUID(row[0]): [row] for row in rows}


def _named(operation: Operation, ids: dict[str, str]) -> UUID | None:
    try:
        return uuid_of(bulk_references.resolved(operation.resource_id, ids))
    except ScimError:
        return None
