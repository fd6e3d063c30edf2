"""Whom a creation brings: asked for with the token, by a body that nobody has understood yet; let in with others of the moment.

Why: docs/decisions/arriving-together.md.
"""

from collections.abc import Mapping
from typing import Any, Final

from identity import arriving_together, matching, tenancy
from identity.matching import Prospect
from identity.models import Member
from identity.postgresql.flush import Statement
from identity.profile import email_of
from identity.together import ApartError
from scim import asserted, following
from scim.authentication import Caller
from scim.resources import MemberFields

# Longer names are asked for when we know who sends them.
NAME_CHARACTERS_MAX: Final = 256


def most_likely(body: Mapping[str, Any]) -> Statement | None:
    """Return the question for whom a body brings as most clients write one; None where that cannot be told, or not be asked."""
    user_name, external_id = body.get("userName"), body.get("externalId")
    email = email_of(body) if isinstance(body.get("emails"), list) else ""
    for each in (user_name, email, "" if external_id is None else external_id):
        if not isinstance(each, str) or not each.isprintable() or len(each) > NAME_CHARACTERS_MAX:
            return None
    return matching.prospect_asked(external_id, user_name, email) if user_name else None


def foreseen(who: Caller, fields: MemberFields) -> Prospect | None:
    """Return the answer, where exactly this was asked with the token."""
    asked = matching.prospect_asked(fields.external_id, fields.user_name, email_of(fields.profile))
    rows = who.answered(asked)
    return matching.prospect_of(rows) if rows else None


def let_in(who: Caller, fields: MemberFields, seen: Prospect | None) -> Member | None:
    """Let in somebody of whom nothing more is to be said than that they are new; None for all others, whom the verb provisions.

    Those of a lot (scim.moment) are let in at its end. Raises Invalid, UserNameTaken, EmailTaken, ExternalIdTaken; ApartError in a lot for
    the others, who are to be provisioned alone.
    """
    is_plain = (
        seen is not None and seen.is_newcomer and not seen.awaited
        and not following.follows(who.directory) and asserted.wanted(fields.profile) is None
    )  # fmt: skip
    if seen is None or not is_plain or (who.arriving is None and tenancy.connection.in_atomic_block):
        if who.arriving is not None:
            raise ApartError
        return None
    newcomer = arriving_together.arriving(
        who.organization, who.directory, actor=who.actor, user_name=fields.user_name, profile=fields.profile,
        active=fields.active is not False, external_id=fields.external_id, seen=seen,
    )  # fmt: skip
    if who.arriving is None:
        with tenancy.whole(who.organization):
            arriving_together.let_in([newcomer])
    else:
        who.arriving.append(newcomer)
    return newcomer.member
