"""Measures sign-ins a second at the ACS over HTTP: `python bench/saml/acs.py [sign-ins]`, on the embedded test servers.

Every response is genuine, distinct and signed beforehand; half of the people are newcomers. Beside it, on the same
server in the same run: the bare liveness address, and the verifier alone in process. Stock djangosaml2 needs the
xmlsec1 program, which this machine may not have, so it is not started here.
"""

import logging
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
import httpx2
import psycopg
from psycopg import sql

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connections as databases
from django.utils import timezone

from audit.record import Actor
from demo.idp_messages import Answer, TestIdp, form_value, respond
from identity import domains, organizations
from saml import connections, trust
from saml.models import Connection
from saml.verify import verify
from saml.xml import read_response
from tests.settings import SERVERS

logging.getLogger("httpx2").setLevel(logging.WARNING)
ACTOR = Actor("job", "bench", "bench")
NAME = "bench_saml"
IDP = TestIdp()


@contextmanager
def database() -> Iterator[None]:
    """Give a database of its own, and leave none behind."""
    with psycopg.connect(SERVERS.superuser_url, autocommit=True) as superuser:
        named = sql.Identifier(NAME)
        superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))
        superuser.execute(sql.SQL("CREATE DATABASE {} OWNER rollcall_owner").format(named))
        for alias in ("default", "owner"):
            databases[alias].settings_dict["NAME"] = NAME
        try:
            call_command("migrate", database="owner", verbosity=0)
            yield
        finally:
            databases.close_all()
            superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(named))


@contextmanager
def server(public_url: str) -> Iterator[None]:
    """Run the web processes as production does, and wait until they answer."""
    renamed = {
        name: urlsplit(url)._replace(path=f"/{NAME}").geturl()
        for name, url in (("DATABASE_URL", SERVERS.database_url), ("DATABASE_OWNER_URL", SERVERS.owner_url))
    }
    environment = (
        os.environ
        | renamed
        | {
            "REDIS_URL": settings.REDIS_URL,
            "ROLLCALL_DEBUG": "true",
            "ROLLCALL_PUBLIC_URL": public_url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
    )
    port = str(urlsplit(public_url).port)
    command = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", port]
    process = subprocess.Popen(command, env=environment, stdout=sys.stderr)  # noqa: S603 - our own
    try:
        while True:
            try:
                httpx2.get(f"{public_url}/healthz")
                break
            except httpx2.TransportError:
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()


def prepare(public_url: str) -> Connection:
    """Make an organization whose connection takes sign-ins that begin at the identity provider."""
    settings.ROLLCALL_PUBLIC_URL = public_url
    organization = organizations.create(
        name="Bench", slug="bench", access_model="portfolio_asset", actor=ACTOR
    )
    domains.confirm(domains.claim(organization, "bench.example", actor=ACTOR), actor=ACTOR)
    return connections.create(
        organization,
        actor=ACTOR,
        name="bench",
        idp_entity_id=IDP.entity_id,
        sso_url=IDP.sso_url,
        certificates=[IDP.keys.certificate_pem],
        allow_idp_initiated=True,
        defaults={"grants": [], "roles": []},
        active=True,
        activate_untested=True,
    )


def sign(connection: Connection, number: int) -> str:
    """Return one response as the form field holds it."""
    where, email = trust.addresses(connection.pk), f"person{number}@bench.example"
    answer = Answer(
        where["acs_url"],
        where["entity_id"],
        name_id=email,
        attributes={"email": email},
        bearer_seconds=3600,
        valid_seconds=3600,
    )
    return form_value(respond(IDP, answer))


def run(name: str, ask: Callable[[httpx2.Client, int], None], count: int, concurrency: int) -> None:
    """Ask `count` times from so many clients at once, and print what came of it."""
    clients = [httpx2.Client(timeout=60) for _ in range(concurrency)]
    took: list[float] = []

    def work(lane: int) -> None:
        for number in range(lane, count, concurrency):
            begun = time.perf_counter()
            ask(clients[lane], number)
            took.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(work, range(concurrency)))
    seconds = time.perf_counter() - begun
    print(
        f"{name:<28} x{concurrency}: {count / seconds:8.0f} a second, median {statistics.median(took) * 1000:6.1f} ms"
    )
    for client in clients:
        client.close()


def verifier_alone(connection: Connection, encoded: str) -> None:
    """Print what verification costs without HTTP and database."""
    snapshot, now = trust.ready(connection).snapshot, timezone.now()
    begun = time.perf_counter()
    for _ in range(1000):
        verify(read_response(encoded), snapshot, None, now)
    print(f"{'verifier alone':<28}    : {time.perf_counter() - begun:8.3f} ms each")


def main(count: int) -> None:
    """Measure."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        public_url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with database():
        connection = prepare(public_url)
        forms = [sign(connection, number // 2 * 2) for number in range(2 * count)]
        acs = trust.addresses(connection.pk)["acs_url"]

        def sign_in(client: httpx2.Client, number: int) -> None:
            response = client.post(acs, data={"SAMLResponse": forms[number]})
            if response.status_code != 303:  # noqa: PLR2004 - See Other
                raise RuntimeError(response.text)

        def hello(client: httpx2.Client, _number: int) -> None:
            client.get(f"{public_url}/healthz")

        verifier_alone(connection, forms[0])
        with server(public_url):
            run("liveness address", hello, count, 1)
            run("liveness address", hello, count, 8)
            run("sign-in at the ACS", sign_in, count, 1)
            forms[:] = forms[count:]
            run("sign-in at the ACS", sign_in, count, 8)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
