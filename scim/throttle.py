"""How often a token may call: counted in Valkey for all web processes together, and let pass when Valkey is down.

A limit that stopped provisioning because a cache is away would keep leavers in; so nothing here ever raises or waits long.
"""

import math
import time
from functools import cache
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.http import HttpRequest
from redis.backoff import NoBackoff
from redis.retry import Retry

from identity import directory_settings, tokens
from identity.models import Token
from scim import allowance, credential
from scim.errors import Code, ScimError

CONNECT_SECONDS: Final = 0.1
ANSWER_SECONDS: Final = 0.1
REST_SECONDS: Final = 5.0  # how long a Valkey that did not answer is left alone
NOTES_MAX: Final = 10  # lines of one token's refusals that a process writes down in NOTES_SECONDS
NOTES_SECONDS: Final = 60.0
_NOTED_TOKENS_MAX: Final = 10_000

# Generic cell rate algorithm (ITU-T I.371): one number a token, the time at which it would be idle. Valkey's own clock decides, and the
# script is one step, so web machines need not agree about anything. KEYS: the number. ARGV: microseconds a request costs, those
# that may be saved up, and how many requests are wanted: all of them, or where that is too many, one. Returns the microseconds to wait
# or 0, how many were taken, and how many more could be.
_SCRIPT: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local before = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wanted = tonumber(ARGV[3])
if before + wanted * ARGV[1] - ARGV[2] - now > 0 then wanted = 1 end
local idle = before + wanted * ARGV[1]
local wait = idle - ARGV[2] - now
if wait > 0 then return {math.ceil(wait), 0, 0} end
redis.call('SET', KEYS[1], string.format('%.0f', idle), 'PX', math.ceil((idle - now) / 1000))
return {0, wanted, math.floor(-wait / ARGV[1])}
"""

log = structlog.get_logger("rollcall.scim")
_rest_until = 0.0
_waiting: dict[str, float] = {}
_noted: dict[tuple[UUID, str], tuple[float, int]] = {}


def check(token: Token) -> None:
    """Count a request of a token against its directory's limit; a member's own has that of a directory without settings.

    ScimError too_many_requests with Retry-After beyond it.
    """
    settings_of = token.directory.settings if token.directory is not None else {}
    limit = directory_settings.effective(settings_of)["rate_limit"]
    if limit is None:
        return
    seconds = wait_seconds(str(token.pk), limit["requests"], limit["seconds"])
    if seconds:
        if len(_waiting) >= _NOTED_TOKENS_MAX:
            _waiting.clear()
        _waiting[token.prefix] = time.monotonic() + seconds
        raise ScimError(Code.TOO_MANY_REQUESTS, {"Retry-After": str(seconds)}, seconds=seconds)


def is_waiting(request: HttpRequest) -> bool:
    """Tell whether the token that was sent was refused a moment ago for its number: nothing is read for it before it is counted."""
    return _waiting.get(tokens.prefix_of(credential.sent(request)), 0.0) > time.monotonic()


def wait_seconds(name: str, requests: int, seconds: int) -> int:
    """Count one request under `name`; return 0 if it is within `requests` in `seconds`, else how many seconds to wait."""
    global _rest_until  # noqa: PLW0603 - one circuit a process; a race costs one more try
    if time.monotonic() < _rest_until:
        return 0
    # The limit is part of the key: under a new limit everybody begins anew.
    key = f"rollcall:scim:rate:{name}:{requests}:{seconds}"
    wanted = allowance.use(key)
    if not wanted:
        return 0
    saved = seconds * 1_000_000
    try:
        answer: Any = _script(settings.REDIS_URL)(keys=[key], args=[saved // requests, saved, wanted])
    except redis.RedisError as error:
        _rest_until = time.monotonic() + REST_SECONDS
        log.warning("rate_limit_unreachable", error=type(error).__name__, rest_seconds=REST_SECONDS)
        return 0
    wait, taken, left = (int(each) for each in answer)
    if taken:
        allowance.took(key, taken, left)
    return math.ceil(wait / 1_000_000)


def may_note(token: Token, place: str) -> bool:
    """Tell whether one more refusal of this token is to be written down in `place`: a dead or raging token must not fill a table.

    Counted in this process: a bound is wanted here, not a number.
    """
    now = time.monotonic()
    key = (token.pk, place)
    begun, count = _noted.get(key, (now, 0))
    if now - begun >= NOTES_SECONDS:
        begun, count = now, 0
    if len(_noted) >= _NOTED_TOKENS_MAX:
        _noted.clear()
    _noted[key] = (begun, count + 1)
    return count < NOTES_MAX


@cache
def _script(url: str) -> Any:
    client = redis.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        # One immediate retry: after a restart of Valkey the first use of an old connection always fails.
        retry=Retry(NoBackoff(), 1),
    )
    return client.register_script(_SCRIPT)
