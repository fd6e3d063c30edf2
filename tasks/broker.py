"""One client of the broker a process, which gives up quickly: nothing that answers people may wait for it."""

from functools import cache
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_SECONDS: Final = 0.3
ANSWER_SECONDS: Final = 0.5


@cache
def client(url: str) -> "redis.Redis":
    """Give this process's client. Its calls raise redis.RedisError within a second when the broker is down."""
    # One immediate retry: after the broker was restarted, the first use of an old connection always fails.
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),
        decode_responses=True,
    )
