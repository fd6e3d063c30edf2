"""Ask PostgreSQL and the broker whether they take a change: one that only answers is of no use to whoever signs in or leaves."""

from typing import Final

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from tasks.broker import client

OK: Final = "ok"
UNREACHABLE: Final = "unreachable"
TAKES_NOTHING: Final = "takes no changes"  # a standby or a replica, or one that is full
_KEY: Final = "rollcall:probe"
_KEY_MILLISECONDS: Final = 1000


def database() -> str:
    """Say in a word how PostgreSQL is."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            read_only = cursor.fetchone() == ("on",)
    except DatabaseError:
        return UNREACHABLE
    if read_only:
        connection.close()  # the next one may lead to the server that has taken over
    return TAKES_NOTHING if read_only else OK


def broker() -> str:
    """Say in a word how the broker is."""
    try:
        client(settings.REDIS_URL).set(_KEY, "1", px=_KEY_MILLISECONDS)
    except redis.ResponseError:
        return TAKES_NOTHING
    except redis.RedisError:
        return UNREACHABLE
    return OK
