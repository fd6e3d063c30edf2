"""What has to be asked of somebody else's server: no transaction waits for the answer, which may take as long as that server likes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import connection

from identity.errors import Refusal

Found = TypeVar("Found")
# Returns what was found, or raises the Refusal that asking came to.
Outcome = Callable[[], Found]


class WithinTransactionError(RuntimeError):
    """Somebody else's server was to be asked while a transaction was open: a bug of the caller."""


@dataclass(frozen=True, slots=True)
class Outside(Generic[Found]):
    """What a view returns instead of waiting inside its transaction: what to `ask`, and what to do `then`, in another transaction.

    `ask` touches no table. What the view does before it may happen twice, if a client repeats its call while the first one still asks.
    What it does in `then` happens once a call, like any other change.
    """

    ask: Callable[[], Found]
    then: Callable[[Outcome[Found]], Any]

    def outcome(self) -> Outcome[Found]:
        """Ask, and return the outcome for `then`."""
        if connection.in_atomic_block:
            raise WithinTransactionError
        try:
            found = self.ask()
        except Refusal as refusal:
            return _raising(refusal)
        return lambda: found


def _raising(refusal: Refusal) -> Outcome[Any]:
    def outcome() -> Any:
        raise refusal

    return outcome
