"""The settings of a test run: embedded servers of its own in `var/test/`, fast instead of durable."""

import os

import redis

from config import embedded
from config.embedded.valkey import DATABASES as DATABASES_OF_VALKEY
from config.environment import ROOT

# Whoever has DATABASE_URL set for a server of theirs must not have it emptied by a test run.
for _name in [name for name in os.environ if name.startswith(("ROLLCALL_", "DATABASE_", "REDIS_", "EMAIL_"))]:
    if _name not in {"ROLLCALL_BROWSER_TESTS", "ROLLCALL_LDAP_TESTS"}:
        del os.environ[_name]
os.environ["ROLLCALL_DEBUG"] = "true"
os.environ["ROLLCALL_DATA"] = str(ROOT / "var" / "test")
SERVERS = embedded.ensure(ROOT / "var" / "test", durable=False)
# Test processes beside each other have a broker database each, as they have a database each. Valkey counts them, in the first one.
with redis.Redis.from_url(SERVERS.redis_url) as _broker:
    _number = _broker.incr("test_processes") % (DATABASES_OF_VALKEY - 1) + 1
os.environ["REDIS_URL"] = f"{SERVERS.redis_url.removesuffix('/0')}/{_number}"

from config.settings import *  # noqa: F403 - only now are the addresses known

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes 0.3 s by design
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
for _database in DATABASES.values():  # noqa: F405 - the same
    _database["OPTIONS"]["connect_timeout"] = (
        100  # the product gives up after 5 s; on a busy machine a connection of a test takes more
    )
