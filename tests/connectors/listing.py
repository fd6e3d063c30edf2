"""What a connector said in a run, put together as the engine would: the last word about each."""

from dataclasses import dataclass, field

from tasks.connectors.faults import RateLimited
from tasks.connectors.interface import End, Group, Page, Person, Unreadable


@dataclass
class Listing:
    """Everything of one run; `pages` are kept for what depends on their order."""

    pages: list[Page] = field(default_factory=list)

    @property
    def people(self) -> dict[str, Person]:
        """The people by user name."""
        return {person.user_name: person for page in self.pages for person in page.people}

    @property
    def groups(self) -> dict[str, Group]:
        """The groups by external id."""
        return {group.external_id: group for page in self.pages for group in page.groups}

    @property
    def members(self) -> dict[str, set[tuple[str, bool]]]:
        """The memberships by the name of their group: who, and whether present."""
        found = {group.display_name: set() for group in self.groups.values()}
        for page in self.pages:
            for membership in page.memberships:
                found[self.groups[membership.group].display_name].add((membership.member, membership.present))
        return found

    @property
    def removed(self) -> list[str]:
        """Who is expressly gone."""
        return [key for page in self.pages for key in page.removed]

    @property
    def present(self) -> set[str]:
        """Who is there, unchanged."""
        return {key for page in self.pages for key in page.present}

    @property
    def unreadable(self) -> list[Unreadable]:
        """What could not be understood."""
        return [one for page in self.pages for one in page.unreadable]

    @property
    def end(self) -> End | None:
        """How it ended."""
        return self.pages[-1].end


def piecemeal(build, let) -> Listing:
    """Read everything in as many turns as it takes, where `let()` allows the directory a few answers more before it asks us to wait.

    Each turn begins anew from the last checkpoint, as the engine does it.
    """
    pages: list[Page] = []
    for _ in range(100):
        let()
        checkpoint = pages[-1].checkpoint if pages else None
        try:
            pages.extend(build().fetch(checkpoint=checkpoint))
        except RateLimited:
            continue
        return Listing(pages)
    raise AssertionError("It never comes to its end.")


def run(connector, **arguments) -> Listing:
    """Read everything."""
    return Listing(list(connector.fetch(**arguments)))
