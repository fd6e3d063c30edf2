"""POST /Bulk: many operations in one request, each of them whole or not at all (RFC 7644 §3.7).

Why: docs/decisions/scim-bulk.md.
"""

import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import islice
from typing import Any

import orjson
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse

from identity import conflicts, tenancy
from identity.errors import Refusal
from scim import advice, bulk_references, groups, people, protocol, resources, users
from scim.address import base_url
from scim.authentication import Caller
from scim.bulk_changes import Changes
from scim.bulk_newcomers import Newcomers
from scim.bulk_operations import Operation, read
from scim.call import Call
from scim.door import Door, call_of, keep_refusal, reply
from scim.errors import Code, ScimError, of_refusal

REQUEST_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
OPERATIONS_MAX = 1000
# What one transaction carries out. PostgreSQL keeps 64 savepoints of a transaction at hand; beyond them everybody else's reads are slower.
AT_ONCE_MAX = 50
TOGETHER_SECONDS = 0.25

_CREATE: dict[str, Callable[[Call], HttpResponse]] = {"Users": users.create, "Groups": groups.create}
_OTHERS: dict[tuple[str, str], Callable[[Call, str], HttpResponse]] = {
    ("PUT", "Users"): users.replace,
    ("PATCH", "Users"): users.modify,
    ("DELETE", "Users"): users.delete,
    ("PUT", "Groups"): groups.replace,
    ("PATCH", "Groups"): groups.modify,
    ("DELETE", "Groups"): groups.delete,
}


class Bulk(Door):
    """The one address."""

    begins_again = False

    def post(self, request: HttpRequest) -> HttpResponse:
        """Carry out the operations, those with references to later ones after these."""
        call = call_of(request, with_body=True)
        asked = protocol.named_once(call.body)
        listed = asked.get("operations")
        if not isinstance(listed, list) or not listed:
            raise ScimError(Code.PATCH_EMPTY)
        if len(listed) > OPERATIONS_MAX:
            raise ScimError(Code.TOO_MANY_OPERATIONS, limit=OPERATIONS_MAX)
        errors_max = asked.get("failonerrors")
        if errors_max is not None and (
            isinstance(errors_max, bool) or not isinstance(errors_max, int) or errors_max < 1
        ):
            raise ScimError(Code.PARAMETER_WRONG, name="failOnErrors", expected="a whole number from 1")
        running = Running(call, [read(each, index) for index, each in enumerate(listed, 1)], errors_max)
        running.run()
        results = [each.result for each in running.operations if each.result is not None]
        return reply({"schemas": [RESPONSE_URN], "Operations": results})


class Running:
    """The operations of one request while they are carried out."""

    def __init__(self, call: Call, operations: list[Operation], errors_max: int | None) -> None:
        self.call = call
        self.operations = operations
        self.errors_left = errors_max if errors_max is not None else len(operations) + 1
        self.ids: dict[str, str] = {}
        self.creators: dict[str, Operation] = {}
        self.waiting = list(operations)
        # Made without what refers to one another, and completed at the end.
        self.circular: list[Operation] = []
        for each in operations:
            if each.method == "POST" and each.refusal is None and each.bulk_id in self.creators:
                each.refusal = ScimError(Code.BULK_REFERENCE, bulk_id=each.bulk_id)
            elif each.method == "POST":
                self.creators[each.bulk_id] = each

    def run(self) -> None:
        """Carry out all, until too many have failed: some in one transaction each time."""
        at_once = AT_ONCE_MAX
        tries_left = conflicts.TRIES_MAX
        while self.waiting and self.errors_left > 0:
            before = self.waiting[:], self.circular[:], self.ids.copy(), self.errors_left
            understood = len(self.call.understood)
            try:
                with tenancy.of(self.call.who.organization):
                    self.carry_out_some(at_once)
                tries_left = conflicts.TRIES_MAX
            except OperationalError as error:
                # Two that change the same people in another order wait for each other. One by one they don't.
                tries_left -= 1
                if not tries_left or not conflicts.is_one(error):
                    raise
                at_once = 1
                self.waiting, self.circular, self.ids, self.errors_left = before
                del self.call.understood[understood:]
                for each in self.waiting:
                    each.result = None
        for each in self.circular:
            conflicts.outlived(partial(self.complete, each))

    def carry_out_some(self, most: int) -> None:
        """Carry out so many at the most, within the open transaction: each in a savepoint, or newcomers by the lot.

        Others wait for the rows that these hold.
        """
        ends_at = time.monotonic() + TOGETHER_SECONDS
        newcomers, changes = Newcomers(self.call), Changes(self.call)
        while most and self.waiting and self.errors_left > 0:
            created = self.let_in(newcomers, most)
            changed = 0 if created else self.change(changes, most, ends_at)
            if not created and not changed:
                errors_left = self.errors_left
                self.carry_out_next()
                changed = self.errors_left == errors_left
            if changed:
                newcomers.forget()
                changes.forget()
            most -= created or changed or 1
            if time.monotonic() >= ends_at:
                return

    def let_in(self, newcomers: Newcomers, most: int) -> int:
        """Create those who come next as one lot, if they are one, and return how many."""
        lot = newcomers.lot(list(islice(self.coming("POST"), most)), self.ids)
        members = newcomers.let_in(lot) if lot else None
        if members is None:
            return 0
        self.leave_out(lot)
        for each, member in zip(lot, members, strict=True):
            self.ids[each.bulk_id] = str(member.pk)
            row = people.row_of(member, None)
            location = f"{base_url()}/{each.kind}/{member.pk}"
            each.result = _result(each, 201, location, protocol.etag(resources.tag(row)))
        return len(lot)

    def change(self, changes: Changes, most: int, ends_at: float) -> int:
        """Carry out what comes next as one lot, if it changes people and is one, and return how many operations that were."""
        lot = changes.lot(islice(self.coming("PUT", "PATCH", "DELETE"), most), self.ids)
        done = changes.carry_out(lot, lambda each, who: self.answer(each, each.data, who), ends_at)
        self.leave_out([each for each, _ in done])
        for each, answer in done:
            self.keep(each, answer)
        return len(done)

    def coming(self, *methods: str) -> Iterator[Operation]:
        """Walk along the operations that go next on people by such methods, where each of them is carried out."""
        passed: list[set[str]] = []
        made: set[str] = set()
        for each in self.waiting:
            missing = self.missing(each) - made
            if missing and not (each.refusal or self.hopeless(each)):
                passed.append(missing)
                continue
            is_wanted = each.method in methods and each.kind == "Users" and each.refusal is None
            if not is_wanted or missing or (each.waits_for and each.waits_for - self.ids.keys()):
                return
            yield each
            if each.method == "POST":
                made.add(each.bulk_id)
                for waits in passed:
                    waits.discard(each.bulk_id)
            # Whoever has waited for this one goes next.
            if not all(passed):
                return

    def leave_out(self, done: Collection[Operation]) -> None:
        """Have the operations wait no longer."""
        left_out = set(done)
        self.waiting = [each for each in self.waiting if each not in left_out]

    def carry_out_next(self) -> None:
        """Carry out the first that can be."""
        ready = next((each for each in self.waiting if self.is_ready(each)), None)
        if ready is None:
            # All that is left waits in a circle: one is made without what isn't there yet, and completed at the end.
            ready = self.opening(self.waiting)
            self.circular.append(ready)
        self.waiting.remove(ready)
        self.carry_out(ready, self.missing(ready))

    def opening(self, waiting: list[Operation]) -> Operation:
        """Return the operation to begin a circle with: a person; or, where groups alone are in one another, one to be refused.

        It is refused before it is made: completed in vain it would be there, and its client had been told that it is not.
        """
        people = next((each for each in waiting if each.method == "POST" and each.kind == "Users"), None)
        if people is not None:
            return people
        group, walked = next(each for each in waiting if each.method == "POST"), set[str]()
        while group.bulk_id not in walked:
            walked.add(group.bulk_id)
            group = self.creators[min(self.missing(group))]
        group.refusal = ScimError(Code.BULK_CIRCLE, bulk_id=group.bulk_id)
        return group

    def is_ready(self, operation: Operation) -> bool:
        """Tell whether everything that the operation refers to is there, or will never be."""
        return not self.missing(operation) or operation.refusal is not None or bool(self.hopeless(operation))

    def missing(self, operation: Operation) -> set[str]:
        """Return the bulkIds that the operation refers to and that are no ids yet."""
        return operation.waits_for - self.ids.keys()

    def hopeless(self, operation: Operation) -> set[str]:
        """Return those of them that nobody will make: not in this request, or refused."""
        return {
            name
            for name in self.missing(operation)
            if name not in self.creators
            or self.creators[name].result is not None
            or self.creators[name].refusal is not None
        }

    def carry_out(self, operation: Operation, missing: set[str]) -> None:
        """Carry out one operation, without what is missing, and keep its result."""
        try:
            self.check(operation, self.hopeless(operation))
            data = bulk_references.without(operation.data, missing) if missing else operation.data
            answer = self.answer(operation, data, self.call.who)
        except (ScimError, Refusal) as error:
            self.fail(operation, error if isinstance(error, ScimError) else of_refusal(error))
            return
        self.keep(operation, answer)
        if operation.method == "POST":
            self.ids[operation.bulk_id] = orjson.loads(answer.content)["id"]

    def keep(self, operation: Operation, answer: HttpResponse) -> None:
        """Keep the answer as the result."""
        location = answer.headers.get("Location") or self.location(operation)
        operation.result = _result(operation, answer.status_code, location, answer.headers.get("ETag"))

    @staticmethod
    def check(operation: Operation, never: set[str]) -> None:
        """Refuse what was refused when it was read, and what refers to one of `never`."""
        if operation.refusal is not None:
            raise operation.refusal
        for bulk_id in sorted(never):
            raise ScimError(Code.BULK_REFERENCE, bulk_id=bulk_id)

    def answer(self, operation: Operation, data: dict[str, Any], who: Caller) -> HttpResponse:
        """Have the operation done as a request of its own would be."""
        inner = Call(
            who,
            body=bulk_references.resolved(data, self.ids) if operation.waits_for else data,
            user_agent=self.call.user_agent,
            if_match=operation.version,
            understood=self.call.understood,
        )
        if operation.method == "POST":
            return _CREATE[operation.kind](inner)
        resource_id = bulk_references.resolved(operation.resource_id, self.ids)
        return _OTHERS[operation.method, operation.kind](inner, resource_id)

    def complete(self, operation: Operation) -> None:
        """Replace what was made without its circular references by what was sent, now that all have their ids."""
        if operation.bulk_id not in self.ids:
            return
        inner = Call(
            self.call.who,
            body=bulk_references.resolved(operation.data, self.ids),
            understood=self.call.understood,
        )
        try:
            self.check(operation, self.missing(operation))
            answer = _OTHERS["PUT", operation.kind](inner, self.ids[operation.bulk_id])
        except (ScimError, Refusal) as error:
            self.fail(operation, error if isinstance(error, ScimError) else of_refusal(error))
            return
        operation.result = _result(operation, 201, answer.headers["Location"], answer.headers["ETag"])

    def fail(self, operation: Operation, error: ScimError) -> None:
        """Keep a refusal as the result, and in the record."""
        self.errors_left -= 1
        keep_refusal(error, self.call.who, operation.method, f"/Bulk{operation.path}")
        is_there = (operation.method, operation.kind) in _OTHERS and operation.resource_id
        location = self.location(operation) if is_there else None
        told = {"response": error.document(advice.clicks(error.code, self.call.speaks.name))}
        operation.result = _result(operation, error.status, location, None) | told

    def location(self, operation: Operation) -> str:
        """Return the address of the resource that an operation names."""
        return f"{base_url()}/{operation.kind}/{bulk_references.resolved(operation.resource_id, self.ids)}"


def _result(operation: Operation, status: int, location: str | None, version: str | None) -> dict[str, Any]:
    shown = {"method": operation.method, "status": str(status)}
    known = {"bulkId": operation.bulk_id, "location": location, "version": version}
    return shown | {name: value for name, value in known.items() if value}
