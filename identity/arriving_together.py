"""Newcomers whom a directory brings in the same moment, by requests of their own: one transaction lets in all of them.

Why: docs/decisions/arriving-together.md.
"""

from collections.abc import Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from django.db import InterfaceError, OperationalError

from audit.record import Actor
from identity import arrivals, conflicts, first_defaults, tenancy
from identity.arrivals import Ready
from identity.matching import Prospect
from identity.models import Directory, Member, Organization
from identity.models.access import Origin
from identity.profile import check_length
from identity.together import ApartError, Together

# Somebody else's open transaction has taken a name: whoever wants it waits alone for how that ends, and nobody behind them.
_PATIENCE: Final = "SET LOCAL lock_timeout = '200ms'"


@dataclass(frozen=True, slots=True)
class _Arriving:
    """One of a lot, in whose context their entries are written."""

    organization: Organization
    directory: Directory
    actor: Actor
    ready: Ready
    seen: Prospect
    context: Context


def let_in(
    organization: Organization,
    directory: Directory,
    *,
    actor: Actor,
    user_name: str,
    profile: Mapping[str, Any],
    active: bool,
    external_id: str | None,
    seen: Prospect,
) -> Member:
    """Create a member as `members.provision` does, together with those whom other threads let in for the same directory just now.

    `seen` says that nobody here is meant and no group waits. The caller has no transaction open. Raises Invalid, UserNameTaken, EmailTaken,
    ExternalIdTaken; and ApartError where one of the lot was refused or had to wait: nobody is created, and each is to be provisioned alone.
    """
    if external_id is not None:
        check_length(external_id, "external_id", "An external id")
    ready = arrivals.worked_out(
        organization, actor=actor, user_name=user_name, profile=profile, active=active, directory=directory,
        external_id=external_id, origin=Origin.DIRECTORY_DEFAULT, email_unique=seen.email_unique,
    )  # fmt: skip
    _together(directory.pk, _Arriving(organization, directory, actor, ready, seen, copy_context()))
    return ready.newcomers[0].member


def _write(lot: Sequence[_Arriving]) -> None:
    try:
        with tenancy.whole(lot[0].organization):
            tenancy.connection.ahead(_PATIENCE)
            arrivals.write(arrivals.joined([each.ready for each in lot]))
            for each in lot:
                each.context.run(_give_defaults, each)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable) or conflicts.is_one(error):
            raise ApartError from error
        raise


def _give_defaults(arriving: _Arriving) -> None:
    member = arriving.ready.newcomers[0].member
    source, fallback = arriving.directory.defaults, arriving.seen.defaults
    first_defaults.give(member, actor=arriving.actor, source=source, fallback=fallback)


# A connection that is lost while it commits tells nobody whether it did.
_together: Final = Together(_write, unsure=(OperationalError, InterfaceError))
