"""Writes down each request of a directory: after its answer is known, by one statement of its own.

The row is written for people who look for what their identity provider sent. It may be lost with a power cut, so nobody waits for the
disk; a request that crashes is written down too, as status 500.
Why: docs/decisions/scim-request-log.md.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import Error
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from psycopg.types.json import Jsonb

from audit import context
from audit.ids import uuid7
from audit.schema import ORGANIZATION_SETTING
from identity import directories, directory_settings
from identity.models import Token
from identity.postgresql.flush import Statement
from identity.tenancy import connection
from scim import exchange, masking, profiles, registry, throttle
from scim.authentication import Caller, RefusedTokenError
from scim.errors import Code, ScimError, of_crash
from scim.normaliser import Patch, Resource

WARNINGS_MAX: Final = 200
ROOT: Final = "/scim/v2"
_REFUSED_FROM: Final = 400
_PATH_CHARACTERS_MAX: Final = 1000
_USER_AGENT_CHARACTERS_MAX: Final = 300
_ATTRIBUTE: Final = "scim_seen"
# One round trip, and its own transaction, since they are sent together.
_SET: Final = (
    f"SELECT set_config('{ORGANIZATION_SETTING}', %s, true), set_config('synchronous_commit', 'off', true)"
)
_INSERT: Final = """
INSERT INTO scim_loggedrequest (id, organization_id, directory_id, token_id, happened_at, method, path, resource_id, status, code,
                                duration_us, warnings, client, user_agent, request_id, exchange)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

log = structlog.get_logger("rollcall.scim")


@dataclass(slots=True)
class Seen:
    """What is noticed of a request while it is answered."""

    happened_at: datetime
    begun: float
    token: Token | None = None
    raw: bytes | None = None
    refusal: ScimError | None = None


class Answered:
    """Where the answer is put when there is one."""

    response: HttpResponseBase | None = None


@contextmanager
def watching(request: HttpRequest) -> Iterator[Answered]:
    """Watch a request, and write it down at the end if we know whose it is."""
    seen = Seen(timezone.now(), time.perf_counter())
    setattr(request, _ATTRIBUTE, seen)
    answered = Answered()
    try:
        yield answered
    except BaseException as crash:
        seen.refusal = of_crash(crash)
        raise
    finally:
        if seen.token is not None and seen.token.directory is not None and _is_kept(seen, seen.token):
            try:
                _write(request, seen, seen.token, answered.response)
            except Error as error:
                # What was asked is done or refused by now; a full disk must not turn it into a failure.
                log.error("request_log_failed", error=type(error).__name__)  # noqa: TRY400 - no traceback with people's data
        # By its traceback it holds the request, which would hold itself until garbage is collected.
        seen.refusal = None


def of(request: HttpRequest) -> Seen:
    """Return what is noticed of this request; a request that nobody watches is noticed in vain."""
    seen = getattr(request, _ATTRIBUTE, None)
    return seen if isinstance(seen, Seen) else Seen(timezone.now(), time.perf_counter())


def refused(request: HttpRequest, error: ScimError) -> None:
    """Notice a refusal; that of a known token tells whose request it is."""
    seen = of(request)
    seen.refusal = error
    if isinstance(error, RefusedTokenError):
        seen.token = error.found.token


def called(request: HttpRequest, who: Caller) -> None:
    """Notice who calls."""
    of(request).token = who.token
    directories.note_heard(who.directory)


def _is_kept(seen: Seen, token: Token) -> bool:
    assert token.directory is not None  # noqa: S101 - the caller has looked
    if not directory_settings.effective(token.directory.settings)["request_log_days"]:
        return False
    # Whoever is refused for the token or for the number alone could fill the log for nothing.
    is_free = isinstance(seen.refusal, RefusedTokenError) or (
        seen.refusal is not None and seen.refusal.code is Code.TOO_MANY_REQUESTS
    )
    return not is_free or throttle.may_note(token, "log")


def _write(request: HttpRequest, seen: Seen, token: Token, response: HttpResponseBase | None) -> None:
    row_id = uuid7()
    agent = request.META.get("HTTP_USER_AGENT", "")[:_USER_AGENT_CHARACTERS_MAX]
    query = request.META.get("QUERY_STRING", "")
    answer = b"" if response is None or response.streaming else getattr(response, "content", b"")
    # The door lays it down with the request; a PATCH adds notices while it is applied.
    understood: list[Patch | Resource] = getattr(request, "scim_understood", [])
    warnings = [notice.as_json() for wanted in understood for notice in wanted.notices.found][:WARNINGS_MAX]
    hidden = registry.of(token.organization).users.hidden
    kept = exchange.written(
        _body(request, seen),
        understood,
        answer,
        hidden,
        query=masking.query(query, hidden),
        headers=_headers(request),
    )
    if connection.in_atomic_block:
        raise RuntimeError("a request is written down after everything, not in somebody's transaction")
    sealed = exchange.seal(token.organization_id, row_id, kept)
    values: tuple[Any, ...] = (
        row_id, token.organization_id, token.directory_id, token.pk, seen.happened_at, request.method or "",
        request.path.removeprefix(ROOT)[:_PATH_CHARACTERS_MAX], _resource_id(request, response),
        seen.refusal.status if seen.refusal else getattr(response, "status_code", 0),
        seen.refusal.code.value if seen.refusal else "",
        int((time.perf_counter() - seen.begun) * 1_000_000), Jsonb(warnings),
        profiles.seen_in(agent, query), agent, context.current().request_id, sealed,
    )  # fmt: skip
    connection.ask(Statement(_SET, [str(token.organization_id)]), Statement(_INSERT, values))


def _body(request: HttpRequest, seen: Seen) -> bytes:
    if seen.raw is not None:
        return seen.raw
    # Refused before anybody read it. A client that has gone away takes the rest along.
    with suppress(OSError):
        return request.read(exchange.RAW_BYTES_MAX + 1)
    return b""


def _headers(request: HttpRequest) -> dict[str, str]:
    return {
        name: request.META[key][: exchange.HEADER_CHARACTERS_MAX]
        for key, name in exchange.HEADERS.items()
        if request.META.get(key)
    }


def _resource_id(request: HttpRequest, response: HttpResponseBase | None) -> UUID | None:
    """Return the resource that the address names, or that was created."""
    named: Any = request.resolver_match.kwargs.get("resource_id") if request.resolver_match else None
    if named is None and response is not None and response.status_code < _REFUSED_FROM:
        named = response.headers.get("Location", "").rpartition("/")[2]
    try:
        return UUID(named) if named else None
    except ValueError:
        return None
