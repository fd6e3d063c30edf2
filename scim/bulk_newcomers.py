"""Operations of a Bulk request that bring newcomers of whom nothing more is to be said: many of them are written by one statement.

Why: docs/decisions/scim-bulk.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from identity import batches, matching, tenancy
from identity.batches import Arrival
from identity.errors import Refusal
from identity.matching import Names
from identity.models import Member
from identity.profile import check_length, check_user_name, email_of
from scim import asserted, bulk_references, following, hidden_values, normaliser, resources
from scim.bulk_operations import Operation
from scim.call import Call
from scim.errors import ScimError
from scim.normaliser import Resource


@dataclass(frozen=True, slots=True)
class _Plain:
    """An operation, understood as somebody who comes without roles and entitlements."""

    wanted: Resource
    arrival: Arrival
    names: Names


class Newcomers:
    """What is known of those who wait to be created, within one transaction of a Bulk request."""

    def __init__(self, call: Call) -> None:
        self._call = call
        # None: carried out by itself, as everything is that is refused or means somebody who is here.
        self._plain: dict[Operation, _Plain | None] = {}
        self._strangers: set[Operation] = set()
        # By what those are known whom the lots since the last question have let in.
        self._arrived: set[tuple[str, str]] = set()

    def forget(self) -> None:
        """Ask anew whom the others mean: somebody was changed meanwhile."""
        self._strangers.clear()
        self._arrived.clear()

    def lot(self, waiting: Sequence[Operation], ids: dict[str, str]) -> list[Operation]:
        """Return those of the creations, from the first on, that are one lot: all new here, and to one another.

        `ids` are those of the bulkIds that are there. Empty where the first, or only the first, is one: it is carried out by itself.
        """
        if len(waiting) < 2 or following.follows(self._call.who.directory):  # noqa: PLR2004 - nobody is a lot alone
            return []
        begins: list[Operation] = []
        for each in waiting:
            if each not in self._plain:
                self._plain[each] = self._understood(each, ids)
            if self._plain[each] is None:
                break
            begins.append(each)
        self._ask([each for each in begins if each not in self._strangers])
        lot: list[Operation] = []
        for each in begins:
            plain = self._plain[each]
            known = _known_by(plain.names) if plain else set()
            if plain is None or known & self._arrived:
                self._plain[each] = None
                break
            self._arrived |= known
            lot.append(each)
        return lot if len(lot) > 1 else []

    def let_in(self, lot: Sequence[Operation]) -> list[Member] | None:
        """Create those of a lot and return them in its order; None where any is refused: nobody is created, and each goes by itself."""
        call = self._call
        plain = [each for each in map(self._plain.get, lot) if each is not None]
        try:
            with tenancy.whole(call.who.organization):
                members = batches.create(
                    call.who.organization,
                    [each.arrival for each in plain],
                    actor=call.who.actor,
                    directory=call.who.directory,
                )
        except Refusal:
            # Somebody took a name since it was asked for. Which one, and what is to be said of it, is known of each by itself.
            self._plain.update(dict.fromkeys(lot))
            self.forget()
            return None
        call.understood.extend(each.wanted for each in plain)
        return members

    def _understood(self, operation: Operation, ids: dict[str, str]) -> _Plain | None:
        """Return who is to be created; None for whoever is refused, or comes with roles or entitlements."""
        data = bulk_references.resolved(operation.data, ids) if operation.waits_for else operation.data
        try:
            who = self._call.who
            wanted = normaliser.resource(data, who.schemas.users)
            wanted.attributes = hidden_values.in_attributes(
                {}, wanted.attributes, who.schemas.users, who.organization.pk
            )
            fields = resources.member_fields(wanted.attributes)
            user_name = check_user_name(fields.user_name)
            if fields.external_id is not None:
                check_length(fields.external_id, "external_id", "An external id")
        except (ScimError, Refusal):
            return None
        if asserted.wanted(fields.profile) is not None:
            return None
        arrival = Arrival(user_name, fields.profile, fields.external_id, fields.active is not False)
        return _Plain(wanted, arrival, Names.of(fields.external_id, user_name, email_of(fields.profile)))

    def _ask(self, operations: Sequence[Operation]) -> None:
        """Learn by one question which of them bring strangers; the others are carried out by themselves."""
        asked = [(each, plain) for each in operations if (plain := self._plain[each])]
        if not asked:
            return
        who = self._call.who
        met = matching.met(who.organization.pk, who.directory, [plain.names for _, plain in asked])
        for (each, _), is_met in zip(asked, met, strict=True):
            if is_met:
                self._plain[each] = None
            else:
                self._strangers.add(each)


def _known_by(names: Names) -> set[tuple[str, str]]:
    known = {("name", names.key)}
    if names.external_id is not None:
        known.add(("id", names.external_id))
    if names.email:
        known.add(("email", names.email))
    return known
