"""Finds a token with its organization and its owner by its prefix, and has asked, by the same flush, what is asked in their name.

Why: docs/decisions/scim-door.md.
"""

from typing import Final

import orjson

from audit.schema import ORGANIZATION_SETTING
from identity import rows, tenancy
from identity.models import Directory, Member, Organization, Token
from identity.postgresql.flush import Rows, Statement

KNOWN_MAX: Final = 1000  # a few kilobytes each
OF_DIRECTORY: Final = "rcd_"
# It precedes every request of a machine.
_STAMPED = "SELECT stamp FROM identity_token_stamp(%s, %s)"
STAMPED_AND_SPEAK = f"""SELECT stamp, set_config('{ORGANIZATION_SETTING}', CASE WHEN is_true THEN organization::text ELSE '' END, true),
       set_config('{tenancy.DIRECTORY_SETTING}', COALESCE(directory::text, ''), true),
       set_config('{tenancy.TOKEN_SETTING}', token::text, true), set_config('plan_cache_mode', %s, true)
  FROM identity_token_stamp(%s, %s)"""  # noqa: S608 - constants
_WHOLE = "SELECT token, organization, member, directory FROM identity_token_owner(%s)"
_WHOLE_AND_STAMP = """SELECT o.token, o.organization, o.member, o.directory, s.stamp
  FROM identity_token_owner(%s) o, identity_token_stamp(%s, '') s"""

# The tokens of directories, by prefix and stamp. The stamp changes with every change of the token, its directory or its organization, and
# each request asks PostgreSQL for it: an object is used only while its stamp still holds. All threads read these objects, none changes one.
_known: dict[tuple[str, str], Token] = {}


def looked_up(prefix: str, digest: bytes, asking: Statement | None) -> tuple[Token | None, Rows | None]:
    """Return the token of a prefix, whose digest the caller compares, and the rows of `asking`, which are none for another digest."""
    if not prefix.startswith(OF_DIRECTORY):
        # A member may be told their groups by whoever has them in hand, so each request reads its own.
        found = tenancy.connection.ask(Statement(_WHOLE, [prefix]))[0]
        return (_understood(*found[0]) if found else None), None
    if asking is None:
        found, answer = tenancy.connection.ask(Statement(_STAMPED, [prefix, digest]))[0], None
    else:
        found, answer = tenancy.connection.ask(
            Statement(STAMPED_AND_SPEAK, [asking.plan, prefix, digest]), asking
        )
    if not found:
        return None, None
    return _known.get((prefix, found[0][0])) or _read(prefix), answer


def _read(prefix: str) -> Token | None:
    """Read the rows of a token, and remember what they mean."""
    found = tenancy.connection.ask(Statement(_WHOLE_AND_STAMP, [prefix, prefix]))[0]
    if not found:
        return None
    *written, stamp = found[0]
    token = _understood(*written)
    if len(_known) >= KNOWN_MAX:
        _known.clear()
    _known[prefix, stamp] = token
    return token


def _understood(token: str, organization: str, member: str | None, directory: str | None) -> Token:
    """Return the token, with its organization and its owner, of rows as JSON."""
    found = rows.loaded(Token, orjson.loads(token))
    found.organization = rows.loaded(Organization, orjson.loads(organization))
    found.member = rows.loaded(Member, orjson.loads(member)) if member else None
    found.directory = rows.loaded(Directory, orjson.loads(directory)) if directory else None
    if found.directory is not None:
        found.directory.organization = found.organization
    return found
