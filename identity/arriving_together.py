"""Newcomers whom a directory brings in the same moment, by requests of their own: one statement lets in all of them.

Why: docs/decisions/arriving-together.md.
"""

from collections.abc import Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

from audit.record import Actor
from identity import arrivals, first_defaults
from identity.arrivals import Ready
from identity.matching import Prospect
from identity.models import Directory, Member, Organization
from identity.models.access import Origin
from identity.profile import check_length


@dataclass(frozen=True, slots=True)
class Arriving:
    """Somebody who is ready to be let in, in whose context their entries are written."""

    directory: Directory
    actor: Actor
    ready: Ready
    seen: Prospect
    context: Context = field(default_factory=copy_context)

    @property
    def member(self) -> Member:
        """Who it is, written or not."""
        return self.ready.newcomers[0].member


def arriving(
    organization: Organization,
    directory: Directory,
    *,
    actor: Actor,
    user_name: str,
    profile: Mapping[str, Any],
    active: bool,
    external_id: str | None,
    seen: Prospect,
) -> Arriving:
    """Return a member as `members.provision` would create them, to be written by `let_in`. Raises Invalid.

    `seen` says that nobody here is meant and no group waits.
    """
    if external_id is not None:
        check_length(external_id, "external_id", "An external id")
    ready = arrivals.worked_out(
        organization, actor=actor, user_name=user_name, profile=profile, active=active, directory=directory,
        external_id=external_id, origin=Origin.DIRECTORY_DEFAULT, email_unique=seen.email_unique,
    )  # fmt: skip
    return Arriving(directory, actor, ready, seen)


def let_in(lot: Sequence[Arriving]) -> None:
    """Create those of a lot, all of one directory, in the caller's transaction (`tenancy.whole` or `opened`).

    Raises UserNameTaken, EmailTaken, ExternalIdTaken, by the end of the transaction at the latest: then nobody is created.
    """
    arrivals.write(arrivals.joined([each.ready for each in lot]))
    for each in lot:
        each.context.run(_give_defaults, each)


def _give_defaults(who: Arriving) -> None:
    source, fallback = who.directory.defaults, who.seen.defaults
    first_defaults.give(who.member, actor=who.actor, source=source, fallback=fallback)
