"""What an LDAP server refuses, and what to do about it, as faults. Needs python-ldap (`make ldap`)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import ldap

from identity.directory_kinds import Missing
from tasks.connectors.faults import (
    Fault,
    Misconfigured,
    NotUnderstood,
    ResyncNeeded,
    Unauthorized,
    Unreachable,
)

_REFRESH_REQUIRED: Final = 4096  # e-syncRefreshRequired, RFC 4533 section 2.5
# How OpenLDAP answers a cookie of content synchronisation that is newer than all that it has.
_BEHIND: Final = "newer than provider"
_ACCOUNT: Final = (Missing("bind", "the directory's account for Rollcall: its DN and its password"),)


class CutOff(Fault):
    """The server stopped in the middle of a listing, at a limit of its own."""

    code = "cut_off"


class Elsewhere(CutOff):
    """A part of the tree is another server's. What was given is all that there is on this one."""


@contextmanager
def faults() -> Iterator[None]:
    """Turn what libldap raises into faults."""
    try:
        yield
    except ldap.LDAPError as error:
        raise _fault_of(error) from error


def _fault_of(error: ldap.LDAPError) -> Fault:
    if isinstance(error, ldap.INVALID_CREDENTIALS):
        told = said(error)
        code = _ACTIVE_DIRECTORY_SAYS.search(told)
        why = _WHY_NO_BIND.get(code[1], "") if code else told.partition(", ")[2]
        return Unauthorized(
            f"The directory refuses the bind DN or its password{': ' * bool(why)}{why}.", _ACCOUNT
        )
    if isinstance(error, ldap.INSUFFICIENT_ACCESS):
        missing = [
            Missing(
                "read and search", "the directory's access rules for the bind DN, on the base DN and below"
            )
        ]
        return Unauthorized(f"The bind DN may not read there: {said(error)}.", missing)
    if isinstance(error, ldap.UNWILLING_TO_PERFORM) and _BEHIND in said(error):
        return Unreachable(
            "The directory is behind what it said at the last run, as a replica that lags or a restored backup: the run waits for it."
        )
    for kinds, fault, sentence in _FAULTS:
        if isinstance(error, kinds):
            return fault(sentence.format(said=said(error)))
    if _number(error) == _REFRESH_REQUIRED:
        return ResyncNeeded("The directory no longer knows where the last run ended.")
    return NotUnderstood(f"The directory refuses: {said(error)}.")


# Active Directory's own word for why it lets somebody not in ([MS-ERREF] section 2.2, in hexadecimal).
_ACTIVE_DIRECTORY_SAYS: Final = re.compile(r"AcceptSecurityContext error, data ([0-9a-f]+)", re.IGNORECASE)
_WHY_NO_BIND: Final = {
    "525": "there is no such account", "52e": "the password or the name is wrong", "530": "the account may not sign in at this hour",
    "531": "the account may not sign in from this machine", "532": "the password has expired", "533": "the account is disabled",
    "701": "the account has expired", "773": "the password must be changed first", "775": "the account is locked",
}  # fmt: skip
_FAULTS: Final[tuple[tuple[tuple[type[ldap.LDAPError], ...], type[Fault], str], ...]] = (
    ((ldap.CONFIDENTIALITY_REQUIRED, ldap.STRONG_AUTH_REQUIRED), Misconfigured,
     "The directory wants TLS: use an ldaps:// address or StartTLS."),
    ((ldap.NO_SUCH_OBJECT,), Misconfigured, "The base DN is not there, or the bind DN may not see it."),
    ((ldap.REFERRAL,), Misconfigured,
     "The directory refers to another server for the base DN or the bind DN, and nobody is asked there: name the server that holds them."),
    ((ldap.UNAVAILABLE_CRITICAL_EXTENSION,), Misconfigured,
     "The directory has no paging or no content synchronisation there: set changes to none, or load the overlay syncprov."),
    ((ldap.SIZELIMIT_EXCEEDED, ldap.ADMINLIMIT_EXCEEDED, ldap.TIMELIMIT_EXCEEDED), CutOff,
     "The directory stops at a limit of its own: give the bind DN more (OpenLDAP: size.prtotal=unlimited, 389: nsPagedLookThroughLimit)."),
    ((ldap.UNWILLING_TO_PERFORM, ldap.INAPPROPRIATE_AUTH), Unauthorized,
     "The directory is unwilling ({said}): is the bind DN locked, must its password change, or has the base DN several databases?"),
    ((ldap.INVALID_DN_SYNTAX, ldap.FILTER_ERROR, ldap.UNDEFINED_TYPE, ldap.PROTOCOL_ERROR, ldap.INVALID_SYNTAX), Misconfigured,
     "The directory does not take the base DN or the filter: {said}."),
    ((ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.TIMEOUT, ldap.UNAVAILABLE, ldap.BUSY), Unreachable,
     "The directory does not answer: {said}."),
)  # fmt: skip


def said(error: ldap.LDAPError) -> str:
    """Return what libldap and the server say of it, shortened."""
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return (
        ", ".join(str(told[name])[:150].rstrip(". ") for name in ("desc", "info") if told.get(name))
        or "no reason given"
    )


def _number(error: ldap.LDAPError) -> int | None:
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    number = told.get("result")
    return number if isinstance(number, int) else None
