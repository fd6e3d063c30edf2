"""What a connector is: something that tests a directory and reads it page by page. It decides nothing about anybody.

The engine (tasks/sync) stages what a connector says, plans and applies. A new connector: docs/connectors.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, Literal

from identity.directory_kinds import Field, Kind, Verdict, with_defaults
from tasks.connectors.faults import Fault

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the directory tells of.

    `external_id` never changes for this person (objectGUID, entryUUID, id; never a name). `profile` has the names of RFC 7643 section
    4.1 (tasks.connectors.mapping builds it) and holds only what is mapped: another value there is a change. `active` None: the directory
    did not say, and nothing is concluded. `version` is the directory's version of this news, sortable as text (a time in UTC, a number
    with leading zeros), or empty.
    """

    external_id: str
    user_name: str
    profile: Mapping[str, Any] = field(default_factory=dict)
    active: bool | None = True
    version: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group. `members`: "all" (this run's memberships are all there are), "changes" (they are changes) or "unknown" (nothing was said).

    An empty group is "all" without memberships; one whose members could not be read is "unknown".
    """

    external_id: str
    display_name: str
    members: Literal["all", "changes", "unknown"] = "all"


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in a group, by the directory's ids, on the group's page or a later one. `present` False: they left (only in "changes")."""

    group: str
    member: str
    present: bool = True


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that could not be understood: where it is (a line, an id), and why. One of them, and nobody counts as absent."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """The directory has said all it had to say.

    `whole`: the run listed everybody in scope, so that whoever is neither among people nor in `present` is absent. False: only changes.
    `cookie` is given to the next run's `fetch`. `incomplete`: why the listing is known to lack something, in a sentence.
    `people`: how many the directory says there are, where it does; a listing that named fewer different ones lacks somebody.
    """

    whole: bool
    cookie: Json | None = None
    incomplete: str = ""
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer of the directory said; a few hundred records at most.

    `removed` are people, `removed_groups` groups, of whom the directory says expressly that they are gone (not: whom it did not list).
    `present` are people who are there and unchanged (syncrepl's present phase). `checkpoint`: an interrupted run goes on behind this page
    by `fetch(checkpoint=…)`; None where the directory cannot do that. The last page has `end`; without one the listing was cut off.
    """

    people: Sequence[Person] = ()
    groups: Sequence[Group] = ()
    memberships: Sequence[Membership] = ()
    removed: Sequence[str] = ()
    removed_groups: Sequence[str] = ()
    present: Sequence[str] = ()
    unreadable: Sequence[Unreadable] = ()
    checkpoint: Json | None = None
    end: End | None = None

    @classmethod
    def of(cls, people: Iterable[Person | Unreadable], **more: Any) -> "Page":
        """Return the page of these people, of whom some could not be read."""
        found = list(people)
        return cls(
            people=[one for one in found if isinstance(one, Person)],
            unreadable=[one for one in found if isinstance(one, Unreadable)],
            **more,
        )


class Connector(ABC):
    """One directory, open for reading. Values come checked by the declared fields, each with its default.

    `file` is what was uploaded or lies in the watched folder, seekable, for kinds that take one.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    setting_fields: ClassVar[tuple[Field, ...]] = ()
    credential_fields: ClassVar[tuple[Field, ...]] = ()
    takes_file: ClassVar[bool] = False
    # Whether a key that comes twice is a mistake of whoever made the listing, and not a page that was given again.
    keys_once: ClassVar[bool] = False

    def __init__(self, settings: Json, credentials: Json, *, file: BinaryIO | None = None) -> None:
        self.settings = with_defaults(self.setting_fields, settings)
        self.credentials = with_defaults(self.credential_fields, credentials)
        self.file = file

    @abstractmethod
    def test(self) -> Verdict:
        """Try the connection with a few small questions; say which right is missing and where to give it. May raise Fault."""

    @abstractmethod
    def fetch(self, *, checkpoint: Json | None = None, cookie: Json | None = None) -> Iterator[Page]:
        """Read the directory: from the beginning, behind `checkpoint` (of this same run), or what changed since `cookie` (of the last one).

        May repeat what it said (the last word counts) and reorder. Raises Fault; ResyncNeeded where checkpoint or cookie lead nowhere.
        """

    @property
    def sentinel(self) -> str:
        """Return the external id or user name of somebody whom every whole listing must hold, the setting `sentinel`; empty for nobody."""
        return self.settings.get("sentinel") or ""


def kind_of(connector: type[Connector]) -> Kind:
    """Return the connector's declaration for the floors below."""

    def test(settings: Json, credentials: Json, file: BinaryIO | None) -> Verdict:
        try:
            return connector(settings, credentials, file=file).test()
        except Fault as fault:
            return Verdict(
                ok=False, sentence=fault.message, code=fault.code, missing=getattr(fault, "missing", ())
            )

    return Kind(
        name=connector.kind,
        title=connector.title,
        settings=connector.setting_fields,
        credentials=connector.credential_fields,
        test=test,
        takes_file=connector.takes_file,
    )
