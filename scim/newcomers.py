"""What a creation asks about whom it brings: foreseen from a body that nobody has understood yet, so that it travels with the token."""

from collections.abc import Mapping
from typing import Any, Final

from identity import matching
from identity.matching import Prospect
from identity.postgresql.flush import Statement
from identity.profile import email_of
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
