"""Finds a token with its organization and its owner by its prefix, and has asked, by the same flush, what is asked in their name."""

from functools import lru_cache
from typing import Final

import orjson

from audit.schema import ORGANIZATION_SETTING
from identity import rows, tenancy
from identity.models import Directory, Member, Organization, Token
from identity.postgresql.flush import Rows, Statement

UNDERSTOOD_MAX: Final = 1000  # a few kilobytes each
# It precedes every request of a machine.
_LOOK_UP = "SELECT token, organization, member, directory FROM identity_token_owner(%s)"
LOOK_UP_AND_SPEAK = f"""SELECT token, organization, member, directory,
       set_config('{ORGANIZATION_SETTING}', CASE WHEN token->>'digest' = %s THEN token->>'organization_id' ELSE '' END, true),
       set_config('{tenancy.DIRECTORY_SETTING}', COALESCE(token->>'directory_id', ''), true),
       set_config('{tenancy.TOKEN_SETTING}', token->>'id', true), set_config('plan_cache_mode', %s, true)
  FROM identity_token_owner(%s)"""  # noqa: S608 - constants


def looked_up(prefix: str, digest: bytes, asking: Statement | None) -> tuple[Token | None, Rows | None]:
    """Return the token of a prefix, whose digest the caller compares, and the rows of `asking`, which are none for another digest."""
    if asking is None:
        found, answer = tenancy.connection.ask(Statement(_LOOK_UP, [prefix]))[0], None
    else:
        speaking = Statement(LOOK_UP_AND_SPEAK, [f"\\x{digest.hex()}", asking.plan, prefix])
        found, answer = tenancy.connection.ask(speaking, asking)
    if not found:
        return None, None
    written: tuple[str, ...] = found[0][:4]
    # A member may be told their groups by whoever has them in hand; a directory's objects are read by all, and changed by nobody.
    return (_of_directory(*written) if written[3] else _understood(*written)), answer


def _understood(token: str, organization: str, member: str | None, directory: str | None) -> Token:
    """Return the token, with its organization and its owner, of rows as JSON."""
    found = rows.loaded(Token, orjson.loads(token))
    found.organization = rows.loaded(Organization, orjson.loads(organization))
    found.member = rows.loaded(Member, orjson.loads(member)) if member else None
    found.directory = rows.loaded(Directory, orjson.loads(directory)) if directory else None
    if found.directory is not None:
        found.directory.organization = found.organization
    return found


# What was read is read anew for each request; only what the very same text means is remembered.
_of_directory = lru_cache(maxsize=UNDERSTOOD_MAX)(_understood)
