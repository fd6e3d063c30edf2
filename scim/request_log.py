"""Writes down each request of a directory, after its answer is known and outside of its transaction.

The row is written for people who look for what their identity provider sent. It may be lost with a power cut, so nobody waits for the
disk; a request that crashes is written down too, as status 500. How rows get into PostgreSQL: scim/log_rows.py.
Why: docs/decisions/scim-request-log.md.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from psycopg.types.json import Jsonb

from audit import context
from audit.ids import uuid7
from identity import directories, directory_settings
from identity.models import Token
from identity.secrets import UnsealError
from scim import exchange, log_rows, masking, profiles, registry, throttle
from scim.authentication import Caller, RefusedTokenError
from scim.errors import Code, ScimError, of_crash
from scim.log_rows import Row
from scim.normaliser import Patch, Resource

WARNINGS_MAX: Final = 200
ROOT: Final = "/scim/v2"
_REFUSED_FROM: Final = 400
_PATH_CHARACTERS_MAX: Final = 1000
_USER_AGENT_CHARACTERS_MAX: Final = 300
_ATTRIBUTE: Final = "scim_seen"


@dataclass(slots=True)
class Seen:
    """What is noticed of a request while it is answered."""

    happened_at: datetime
    begun: float
    token: Token | None = None
    raw: bytes | None = None
    refusal: ScimError | None = None
    is_written: bool = False


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
        if seen.token is not None and not seen.is_written and _is_kept(seen, seen.token):
            rows = _rows(request, seen, seen.token, answered.response)
            if seen.refusal is None and _only_reads(request):
                log_rows.write_read(rows)
            else:
                log_rows.write(rows)
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


def answered_together(several: Sequence[tuple[HttpRequest, HttpResponse, Context]]) -> None:
    """Write down requests that one transaction has done, each in its context, by one of their own: before any of them is answered."""
    rows: list[Row] = []
    for request, response, own in several:
        seen = of(request)
        if seen.token is not None and _is_kept(seen, seen.token):
            rows += own.run(_rows, request, seen, seen.token, response)
            seen.is_written = True
    log_rows.write(rows)


def _only_reads(request: HttpRequest) -> bool:
    return request.method in {"GET", "HEAD"} or request.path.endswith("/.search")


def _is_kept(seen: Seen, token: Token) -> bool:
    if token.directory is None:
        return False
    if not directory_settings.effective(token.directory.settings)["request_log_days"]:
        return False
    # Whoever is refused for the token or for the number alone could fill the log for nothing.
    is_free = isinstance(seen.refusal, RefusedTokenError) or (
        seen.refusal is not None and seen.refusal.code is Code.TOO_MANY_REQUESTS
    )
    return not is_free or throttle.may_note(token, "log")


def _rows(request: HttpRequest, seen: Seen, token: Token, response: HttpResponseBase | None) -> list[Row]:
    """Return the row of a request; none where its key is away, or PostgreSQL, which is logged."""
    try:
        return [_row(request, seen, token, response)]
    except (Error, UnsealError) as error:
        log_rows.lost(error)
        return []


def _row(request: HttpRequest, seen: Seen, token: Token, response: HttpResponseBase | None) -> Row:
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
    sealed = exchange.seal(token.organization_id, row_id, kept)
    values: tuple[Any, ...] = (
        row_id, token.organization_id, token.directory_id, token.pk, seen.happened_at, request.method or "",
        request.path.removeprefix(ROOT)[:_PATH_CHARACTERS_MAX], _resource_id(request, response),
        seen.refusal.status if seen.refusal else getattr(response, "status_code", 0),
        seen.refusal.code.value if seen.refusal else "",
        int((time.perf_counter() - seen.begun) * 1_000_000), Jsonb(warnings),
        profiles.seen_in(agent, query), agent, context.current().request_id, sealed,
    )  # fmt: skip
    return Row(token.organization_id, values)


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
