"""Where a pulled directory and we differ, and since when. What the directory last said lies with the clock, which hands this in."""

from collections.abc import Callable
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


@dataclass(frozen=True, slots=True)
class Found:
    """A page in the order of the external ids; `following` is behind which the next one begins, None at the end.

    A page looks at so many people and no more: it may be short, or empty, and lead on.
    """

    differences: list[Difference]
    following: str | None


# (directory, after which external id, how many)
Finder = Callable[[Directory, str, int], Found]
_finders: list[Finder] = []


def found_by(finder: Finder) -> None:
    """Have differences looked for by this function, from now on."""
    _finders[:] = [finder]


def of(directory: Directory, *, after: str = "", limit: int = 100) -> Found:
    """Return the differences behind that external id, so many at most."""
    with tenancy.of(directory.organization_id):
        return next((finder(directory, after, limit) for finder in _finders), Found([], None))
