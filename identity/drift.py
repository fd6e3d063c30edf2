"""Where a pulled directory and we differ, and since when. What the directory last said lies with the clock, which hands this in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from identity import tenancy
from identity.models import Directory


@dataclass(frozen=True, slots=True)
class Difference:
    """One person about whom we differ.

    `what`: missing, suspended_here, offboarded_here, active_here, changed_here, held, or why they were skipped.
    """

    external_id: str
    member_id: UUID | None
    user_name: str
    what: str
    since: datetime


# (directory, after which external id, how many) → in the order of the external ids.
Finder = Callable[[Directory, str, int], Sequence[Difference]]
_finders: list[Finder] = []


def found_by(finder: Finder) -> None:
    """Have differences looked for by this function, from now on."""
    _finders[:] = [finder]


def of(directory: Directory, *, after: str = "", limit: int = 100) -> list[Difference]:
    """Return the differences behind that external id, so many at most."""
    with tenancy.of(directory.organization_id):
        return [difference for finder in _finders for difference in finder(directory, after, limit)]
