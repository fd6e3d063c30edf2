"""What a bundle holds: which table becomes which file, and what is left out and why. Each floor adds its own.

A column of bytes is never written as it is: it is a digest, or sealed. The floor that sealed it opens it for the bundle if it belongs
to the organization and is no credential. tests/bundles/test_contents.py checks this for every column of every tenant table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.db.models import BinaryField, Field, Model

from identity.models import (
    ActivePeriod,
    Bundle,
    BundleChunk,
    DataKey,
    Deletion,
    Directory,
    DirectorySize,
    Domain,
    Erasure,
    FirstAccess,
    Grant,
    Group,
    GroupGrant,
    GroupRole,
    Invitation,
    KeptAnswer,
    Kind,
    Link,
    Member,
    MemberKey,
    Membership,
    Nesting,
    Organization,
    OutgoingMail,
    PendingMembership,
    Pull,
    Receipt,
    RecoveryCode,
    Resource,
    Review,
    ReviewItem,
    Role,
    RoleAssignment,
    Run,
    SecondFactor,
    Session,
    Step,
    Stretch,
    StretchStep,
    Token,
)

RECORD: Final = "record.jsonl"
# Rows that are fetched, and held in memory, at a time.
_BATCH: Final = 500
_BATCH_OF_LARGE: Final = 20

Opener = Callable[[UUID, UUID, bytes], Any]


@dataclass(frozen=True)
class File:
    """A table of the organization as JSON Lines, a row a line, under the names of the model's fields.

    `without` names the columns that stay here: credentials, and what only our own workers understand. `opened` maps a sealed column to
    (its name in the file, what opens it: organization, row's id, sealed bytes → JSON).
    """

    name: str
    model: type[Model]
    without: tuple[str, ...] = ()
    opened: Mapping[str, tuple[str, Opener]] = field(default_factory=dict)
    large: bool = False

    @property
    def path(self) -> str:
        """Its name in the archive."""
        return f"{self.name}.jsonl"

    @property
    def table(self) -> str:
        """The table that it is read from."""
        return str(self.model._meta.db_table)  # noqa: SLF001 - Django's public name for it

    @property
    def batch(self) -> int:
        """How many rows are read at a time."""
        return _BATCH_OF_LARGE if self.large else _BATCH

    @cached_property
    def columns(self) -> list["Field[Any, Any]"]:
        """The columns that are written, and those that are opened."""
        return [each for each in self._fields if each.name in self.opened or each.name not in self.withheld]

    @cached_property
    def withheld(self) -> list[str]:
        """The columns that are not."""
        return [
            each.name
            for each in self._fields
            if each.name in self.without or (isinstance(each, BinaryField) and each.name not in self.opened)
        ]

    @property
    def _fields(self) -> tuple["Field[Any, Any]", ...]:
        return tuple(self.model._meta.concrete_fields)  # noqa: SLF001 - the same


_files: list[File] = []
_left_out: dict[str, str] = {}


def add(*files: File) -> None:
    """Have these files written into every bundle. Said again, it changes nothing."""
    known = {file.name for file in _files}
    _files.extend(file for file in files if file.name not in known)


def leave_out(reasons: Mapping[type[Model], str]) -> None:
    """Say of tables that no bundle holds them, and why."""
    _left_out.update({model._meta.db_table: why for model, why in reasons.items()})  # noqa: SLF001 - the same


def files() -> list[File]:
    """Return every file in the order in which they are written; the record comes before them."""
    return list(_files)


def left_out() -> dict[str, str]:
    """Return the tables that no bundle holds, each with its reason."""
    return dict(_left_out)


def names() -> Iterable[str]:
    """Return the paths of all files with lines."""
    return [RECORD, *(file.path for file in _files)]


add(
    File("organization", Organization),
    File("domains", Domain),
    File("members", Member, without=("password", "user_name_key", "email_key", "email_claim")),
    File("active_periods", ActivePeriod),
    File("directories", Directory),
    File("externals", Link),
    File("groups", Group, without=("display_name_key",)),
    File("memberships", Membership),
    File("nestings", Nesting),
    File("pending_memberships", PendingMembership),
    File("kinds", Kind),
    File("resources", Resource),
    File("grants", Grant),
    File("roles", Role),
    File("role_assignments", RoleAssignment),
    File("group_grants", GroupGrant),
    File("group_roles", GroupRole),
    File("first_access", FirstAccess),
    File("invitations", Invitation, without=("email_key",)),
    File("mails", OutgoingMail),
    File("tokens", Token),
    File("sessions", Session),
    File("second_factors", SecondFactor, without=("last_step",)),
    File("receipts", Receipt),
    File("reviews", Review),
    File("review_items", ReviewItem),
    File("pulls", Pull, without=("cookie",)),
    File("runs", Run, without=("lease", "lease_until", "cookie", "checkpoint", "next_cookie")),
    File("run_steps", Step),
    File("deletions", Deletion),
    File("bundles", Bundle, without=("lease", "lease_until")),
)
leave_out(
    {
        BundleChunk: "the bundles themselves",
        DataKey: "the key that seals the organization's secrets on this server",
        DirectorySize: "a sum over externals.jsonl",
        Erasure: "what is still to be forgotten of people who are erased",
        KeptAnswer: "answers of the REST API, kept sealed for a day for callers who repeat themselves",
        MemberKey: "an index over members.jsonl",
        RecoveryCode: "digests of credentials",
        Stretch: "a count of externals.jsonl, piece by piece",
        StretchStep: "what came and went since those were counted",
    }
)
