"""What a client is told when it is refused: one catalogue of codes, each with status, scimType and one sentence."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from django.conf import settings
from django.db import InterfaceError, OperationalError

from identity import errors as refusals

ECHO_CHARACTERS_MAX = 200
# A sentence of our own in which a name of somebody's may stand.
SAID_CHARACTERS_MAX = 500
ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"
# A restart of PostgreSQL takes about as long.
_AWAY_SECONDS = 5
_PLACEHOLDER = re.compile(r"\{\w+\}")


class Kind(NamedTuple):
    """One line of the catalogue; `detail` is written for the administrator of an identity provider."""

    status: int
    scim_type: str | None
    detail: str

    @property
    def title(self) -> str:
        """The sentence of every such refusal, with a mark where facts of a single one would stand."""
        return _PLACEHOLDER.sub("…", self.detail).replace("….", "…")


class Code(StrEnum):
    """The stable codes, as clients and the record see them."""

    TOKEN_MISSING = "token_missing"  # noqa: S105 - a code
    TOKEN_SHAPE = "token_shape"  # noqa: S105 - a code
    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105 - a code
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a code
    TOKEN_SCOPE = "token_scope"  # noqa: S105 - a code
    OWNER_OUT = "owner_out"
    ORGANIZATION_SUSPENDED = "organization_suspended"
    FORBIDDEN = "forbidden"
    FORBIDDEN_FILTER = "forbidden_filter"
    ME_IS_NOBODY = "me_is_nobody"
    ME_NOT_YOURS = "me_not_yours"
    ME_STAYS = "me_stays"
    BODY_TOO_LARGE = "body_too_large"
    BODY_INCOMPLETE = "body_incomplete"
    BODY_NOT_JSON = "body_not_json"
    BODY_NOT_OBJECT = "body_not_object"
    BODY_TOO_DEEP = "body_too_deep"
    BODY_CHARACTER = "body_character"
    NAMED_TWICE = "named_twice"
    MEDIA_TYPE = "media_type"
    CONTENT_ENCODING = "content_encoding"
    BODY_CHARSET = "body_charset"
    MALFORMED = "malformed"
    CRASHED = "crashed"
    UNAVAILABLE = "unavailable"
    TOO_SLOW = "too_slow"
    BUSY = "busy"
    PATCH_EMPTY = "patch_empty"
    TOO_MANY_OPERATIONS = "too_many_operations"
    TOO_MANY_ATTRIBUTES = "too_many_attributes"
    TOO_MUCH_WORK = "too_much_work"
    OPERATION_UNKNOWN = "operation_unknown"
    OPERATION_SHAPE = "operation_shape"
    PATH_SYNTAX = "path_syntax"
    NOTHING_RESOLVED = "nothing_resolved"
    NO_TARGET = "no_target"
    TARGET_MISSING = "target_missing"
    VALUE_MISSING = "value_missing"
    VALUE_WRONG = "value_wrong"
    VALUE_REQUIRED = "value_required"
    REQUIRED_STAYS = "required_stays"
    VALUE_TOO_LONG = "value_too_long"
    TOO_MANY_VALUES = "too_many_values"
    READ_ONLY = "read_only"
    IMMUTABLE = "immutable"
    ID_DIFFERS = "id_differs"
    PASSWORD_NOT_KEPT = "password_not_kept"  # noqa: S105 - a code
    FILTER_SYNTAX = "filter_syntax"
    FILTER_TOO_LONG = "filter_too_long"
    FILTER_TOO_COMPLEX = "filter_too_complex"
    FILTER_UNKNOWN = "filter_unknown"
    FILTER_UNSUPPORTED = "filter_unsupported"
    FILTER_VALUE = "filter_value"
    FILTER_HIDDEN = "filter_hidden"
    FILTER_TOO_SLOW = "filter_too_slow"
    PARAMETER_WRONG = "parameter_wrong"
    SORT_UNKNOWN = "sort_unknown"
    CURSOR_WRONG = "cursor_wrong"
    COUNT_WRONG = "count_wrong"
    NOT_FOUND = "not_found"
    NO_ENDPOINT = "no_endpoint"
    METHOD = "method"
    VERSION_CHANGED = "version_changed"
    USER_NAME_TAKEN = "user_name_taken"
    EMAIL_TAKEN = "email_taken"
    EXTERNAL_ID_TAKEN = "external_id_taken"
    NAME_TAKEN = "name_taken"
    OFFBOARDED = "offboarded"
    SUSPENDED_HERE = "suspended_here"
    MOVED_AWAY = "moved_away"
    LAST_ADMINISTRATOR = "last_administrator"
    EMPTIES_GROUP = "empties_group"
    GROUP_CYCLE = "group_cycle"
    ACCESS_HELD = "access_held"
    ACCESS_UNKNOWN = "access_unknown"
    INVALID = "invalid"
    REFUSED = "refused"
    TOO_MANY_REQUESTS = "too_many_requests"
    BULK_OPERATION = "bulk_operation"
    BULK_REFERENCE = "bulk_reference"
    BULK_CIRCLE = "bulk_circle"


# scimType is from RFC 7644 §3.12, table 9, and is left out where the table knows none.
CATALOGUE: dict[Code, Kind] = {
    # Who is asking
    Code.TOKEN_MISSING: Kind(401, None, "Send the directory's token as “Authorization: Bearer …”, or as the password of HTTP Basic."),
    Code.TOKEN_SHAPE: Kind(401, None, "This is no whole token: it begins with rcd_ and has 60 characters, no word before; paste it again."),
    Code.TOKEN_UNKNOWN: Kind(401, None, "This token is not known here; make a new one in Rollcall and paste it again."),
    Code.TOKEN_EXPIRED: Kind(401, None, "This token has expired; make a new one in Rollcall and paste it again."),
    Code.TOKEN_REVOKED: Kind(401, None, "This token was revoked; make a new one in Rollcall and paste it again."),
    Code.TOKEN_SCOPE: Kind(403, None, "This token may not do this; use a token that was made for this directory."),
    Code.OWNER_OUT: Kind(401, None, "This directory is switched off in Rollcall; switch it on to provision again."),
    Code.ORGANIZATION_SUSPENDED: Kind(403, None, "This organization is suspended; ask whoever runs Rollcall."),
    Code.FORBIDDEN: Kind(403, None, "This token may not do this."),
    Code.FORBIDDEN_FILTER: Kind(403, None, "What the server can do is listed whole; ask without a filter."),
    Code.ME_IS_NOBODY: Kind(501, None, "/Me is for a person's own token; a directory finds people at /Users."),
    Code.ME_NOT_YOURS: Kind(403, "mutability", "“{path}” is not yours to change; ask your administrator."),
    Code.ME_STAYS: Kind(501, None, "Nobody joins or leaves by /Me; ask your administrator."),
    # What was sent
    Code.BODY_TOO_LARGE: Kind(413, None, "The request is larger than {limit} bytes; send it in several parts."),
    Code.BODY_INCOMPLETE: Kind(408, None, "The body broke off before its end, or took too long; send the request again, whole."),
    Code.BODY_NOT_JSON: Kind(400, "invalidSyntax", "The body is not valid JSON: {why}."),
    Code.BODY_NOT_OBJECT: Kind(400, "invalidSyntax", "The body must be one JSON object."),
    Code.BODY_TOO_DEEP: Kind(400, "invalidSyntax", "The JSON is nested deeper than {limit} levels."),
    Code.BODY_CHARACTER: Kind(400, "invalidValue", "The text holds a character that cannot be stored (NUL or half of a pair)."),
    Code.NAMED_TWICE: Kind(400, "invalidSyntax", "“{path}” is given twice, under two spellings; send it once."),
    Code.MEDIA_TYPE: Kind(415, None, "Send the body as application/scim+json."),
    Code.CONTENT_ENCODING: Kind(415, None, "Send the body as it is, neither compressed nor otherwise encoded."),
    Code.BODY_CHARSET: Kind(415, None, "The body says that it is in {charset}; send it in UTF-8, and say so or nothing."),
    Code.MALFORMED: Kind(400, "invalidSyntax", "The request cannot be read; see that it goes to the right host, with few parameters."),
    Code.CRASHED: Kind(500, None, "Something went wrong here; it is in the server’s log. Send the request again later."),
    Code.UNAVAILABLE: Kind(503, None, "The database cannot be reached just now; send the request again in a moment."),
    Code.TOO_SLOW: Kind(503, None, "This took longer than {seconds} seconds, and nothing of it is done; send it in parts, or again later."),
    Code.BUSY: Kind(503, None, "Too many requests are being sent at once; send this one again in a moment."),
    Code.PATCH_EMPTY: Kind(400, "invalidSyntax", "“Operations” must be a list with at least one operation."),
    Code.TOO_MANY_OPERATIONS: Kind(413, "tooMany", "A request holds at most {limit} operations."),
    Code.TOO_MANY_ATTRIBUTES: Kind(400, "invalidValue", "A request names at most {limit} attributes."),
    Code.TOO_MUCH_WORK: Kind(413, "tooMany", "The request compares too many values; send its operations in several parts."),
    Code.OPERATION_UNKNOWN: Kind(400, "invalidSyntax", "“op” must be add, replace or remove, not {op}."),
    Code.OPERATION_SHAPE: Kind(400, "invalidSyntax", "Operation {index} must be an object with “op”, “path” and “value”."),
    Code.PATH_SYNTAX: Kind(400, "invalidPath", "The path “{path}” cannot be read: {why}."),
    Code.NOTHING_RESOLVED: Kind(400, "invalidPath", "Nothing in this request is an attribute that can be changed here: {names}."),
    Code.NO_TARGET: Kind(400, "noTarget", "The path “{path}” needs an attribute that can be chosen from."),
    Code.TARGET_MISSING: Kind(400, "noTarget", "No value matches “{path}”, and its filter does not say what to create."),
    Code.VALUE_MISSING: Kind(400, "invalidValue", "The operation on “{path}” has no value."),
    Code.VALUE_WRONG: Kind(400, "invalidValue", "“{path}” must be {expected}."),
    Code.VALUE_REQUIRED: Kind(400, "invalidValue", "“{path}” is required."),
    Code.REQUIRED_STAYS: Kind(400, "mutability", "“{path}” is required and cannot be taken away."),
    Code.VALUE_TOO_LONG: Kind(400, "invalidValue", "“{path}” is longer than {limit} characters."),
    Code.TOO_MANY_VALUES: Kind(400, "invalidValue", "“{path}” holds more than {limit} values."),
    Code.READ_ONLY: Kind(400, "mutability", "“{path}” is set by Rollcall and cannot be changed."),
    Code.IMMUTABLE: Kind(400, "mutability", "“{path}” can be set once, and has a value."),
    Code.ID_DIFFERS: Kind(400, "mutability", "The id in the body is not the one in the address."),
    Code.PASSWORD_NOT_KEPT: Kind(400, "invalidPath", "Rollcall keeps no passwords of provisioned people; switch password sync off."),
    Code.FILTER_SYNTAX: Kind(400, "invalidFilter", "The filter cannot be read at position {position}: {why}."),
    Code.FILTER_TOO_LONG: Kind(400, "invalidFilter", "The filter is longer than {limit} characters."),
    Code.FILTER_TOO_COMPLEX: Kind(400, "invalidFilter", "The filter is nested deeper than {limit} levels or holds too many terms."),
    Code.FILTER_UNKNOWN: Kind(400, "invalidFilter", "The filter names “{path}”, which is no attribute here."),
    Code.FILTER_UNSUPPORTED: Kind(400, "invalidFilter", "“{path}” cannot be compared with {operator}."),
    Code.FILTER_VALUE: Kind(400, "invalidFilter", "“{path}” is compared with a value that is not {expected}."),
    Code.FILTER_HIDDEN: Kind(400, "invalidFilter", "“{path}” is never shown, so nothing can be asked about it."),
    Code.FILTER_TOO_SLOW: Kind(400, "tooMany", "The filter took over {seconds} seconds; ask for an id, userName, externalId or e-mail."),
    Code.PARAMETER_WRONG: Kind(400, "invalidValue", "The parameter “{name}” must be {expected}."),
    Code.SORT_UNKNOWN: Kind(400, "invalidPath", "Results cannot be sorted by “{path}”."),
    Code.COUNT_WRONG: Kind(400, "invalidCount", "The parameter “count” must be a whole number."),
    Code.CURSOR_WRONG: Kind(400, "invalidCursor", "The cursor cannot be read; start again without one."),
    # What is there
    Code.NOT_FOUND: Kind(404, None, "No such {what} in this directory."),
    Code.NO_ENDPOINT: Kind(404, None, "There is nothing at this address; the base address is {base}, with nothing behind it."),
    Code.METHOD: Kind(405, None, "{method} is not possible here."),
    Code.VERSION_CHANGED: Kind(412, None, "The resource has changed meanwhile; read it again."),
    Code.USER_NAME_TAKEN: Kind(409, "uniqueness", "Another person here already has this userName."),
    Code.EMAIL_TAKEN: Kind(409, "uniqueness", "Another person here already has this e-mail address."),
    Code.EXTERNAL_ID_TAKEN: Kind(409, "uniqueness", "Another resource of this directory already has this externalId."),
    Code.NAME_TAKEN: Kind(409, "uniqueness", "Another group here already has this displayName."),
    Code.OFFBOARDED: Kind(403, None, "This person is offboarded in Rollcall; reinstate them there first."),
    Code.SUSPENDED_HERE: Kind(403, None, "An administrator suspended this person; reactivate them in Rollcall first."),
    Code.MOVED_AWAY: Kind(409, "uniqueness", "This person was moved to another directory; unassign them here, or move them back."),
    Code.LAST_ADMINISTRATOR: Kind(409, None, "This is the organization's last administrator; make somebody else one first."),
    Code.EMPTIES_GROUP: Kind(400, "invalidValue", "This would remove all {count} members of the group; name the members to remove."),
    Code.GROUP_CYCLE: Kind(400, "invalidValue", "{message}"),
    Code.ACCESS_HELD: Kind(400, "mutability", "An administrator decided on “{value}” in Rollcall; change it there."),
    Code.ACCESS_UNKNOWN: Kind(400, "invalidValue", "“{path}” holds “{value}”, which cannot be assigned; see /Roles and /Entitlements."),
    Code.INVALID: Kind(400, "invalidValue", "{message}"),
    Code.REFUSED: Kind(409, None, "{message}"),
    Code.TOO_MANY_REQUESTS: Kind(429, None, "Too many requests; wait {seconds} seconds."),
    # Bulk
    Code.BULK_OPERATION: Kind(400, "invalidSyntax", "Bulk operation {index} cannot be read: {why}."),
    Code.BULK_CIRCLE: Kind(409, "invalidValue", "The group of bulkId “{bulk_id}” would be in itself; send it without that member."),
    Code.BULK_REFERENCE: Kind(409, "invalidValue", "The bulkId “{bulk_id}” could not be resolved."),
}  # fmt: skip


class ScimError(Exception):
    """A request is refused; `code` is a line of the catalogue and `facts` fill the blanks of its sentence."""

    def __init__(self, code: Code, headers: dict[str, str] | None = None, **facts: Any) -> None:
        kind = CATALOGUE[code]
        self.code = code
        self.status = kind.status
        self.scim_type = kind.scim_type
        self.detail = kind.detail.format(**{name: shorten(value) for name, value in facts.items()})
        self.headers = headers or {}
        super().__init__(self.detail)

    def document(self, clicks: str = "") -> dict[str, Any]:
        """Return the body of the answer (RFC 7644 §3.12), our own stable code in brackets at the end of `detail`.

        `clicks`: where the client's administrator finds what is to be changed, in that product's words.
        """
        shown: dict[str, Any] = {"schemas": [ERROR_URN], "status": str(self.status)}
        if self.scim_type:
            shown["scimType"] = self.scim_type
        # Strict clients refuse an Error with members of our own, so the code stands where an administrator reads.
        told = f"{self.detail} {clicks}" if clicks else self.detail
        shown["detail"] = f"{told} [{self.code.value}]"
        return shown


_REFUSALS: dict[type[refusals.Refusal], Code] = {
    refusals.NotFound: Code.NOT_FOUND,
    refusals.UserNameTaken: Code.USER_NAME_TAKEN,
    refusals.EmailTaken: Code.EMAIL_TAKEN,
    refusals.ExternalIdTaken: Code.EXTERNAL_ID_TAKEN,
    refusals.NameTaken: Code.NAME_TAKEN,
    refusals.Conflict: Code.VERSION_CHANGED,
    refusals.Offboarded: Code.OFFBOARDED,
    refusals.SuspendedHere: Code.SUSPENDED_HERE,
    refusals.MovedAway: Code.MOVED_AWAY,
    refusals.OrganizationSuspended: Code.ORGANIZATION_SUSPENDED,
    refusals.LastAdministrator: Code.LAST_ADMINISTRATOR,
    refusals.Forbidden: Code.FORBIDDEN,
    refusals.Invalid: Code.INVALID,
    refusals.TooMany: Code.INVALID,
    refusals.GroupCycle: Code.GROUP_CYCLE,
}

# Their own sentence knows more than the catalogue's: who has the name, and what to do about it.
_SAY_WHOSE = (refusals.UserNameTaken, refusals.EmailTaken, refusals.ExternalIdTaken)


def of_refusal(refusal: refusals.Refusal) -> ScimError:
    """Return a refusal of the domain in SCIM's words; one without a line of its own keeps its sentence, as a conflict."""
    code = _REFUSALS.get(type(refusal), Code.REFUSED)
    error = ScimError(code, message=refusal.message, what="resource")
    if isinstance(refusal, _SAY_WHOSE):
        error.detail = shorten(refusal.message, SAID_CHARACTERS_MAX)
    return error


def of_crash(crash: BaseException | None) -> ScimError:
    """Return what a crash is answered with: where the database was away, or ended the request for another one's sake, come again soon."""
    is_away = isinstance(crash, OperationalError | InterfaceError)
    if is_away or refusals.takes_no_changes(crash) or refusals.was_left(crash):
        if refusals.was_stopped(crash):
            return too_slow()
        return ScimError(Code.UNAVAILABLE, {"Retry-After": str(_AWAY_SECONDS)})
    return ScimError(Code.CRASHED)


def too_slow(asked: Mapping[str, Any] = MappingProxyType({})) -> ScimError:
    """Return what is said where PostgreSQL took too long. A filter can be another one (RFC 7644 §3.12, tooMany), all else smaller."""
    seconds: int = settings.ROLLCALL_STATEMENT_SECONDS
    if asked.get("filter"):
        return ScimError(Code.FILTER_TOO_SLOW, seconds=seconds)
    return ScimError(Code.TOO_SLOW, {"Retry-After": str(seconds)}, seconds=seconds)


def shorten(value: Any, most: int = ECHO_CHARACTERS_MAX) -> Any:
    """Keep an echoed piece of input short and printable, so that nobody writes into an admin's log through it."""
    if not isinstance(value, str):
        return value
    printable = "".join(each if each.isprintable() else "�" for each in value[:most])
    return printable + "…" if len(value) > most else printable
