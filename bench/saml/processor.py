"""Measures what a sign-in costs of the processor, beside stock djangosaml2: `python bench/saml/processor.py [sign-ins]` (400).

In process and without HTTP, on the embedded test servers, in databases of its own: other work on the machine does not matter much.
`--profile` prints where Rollcall's own time goes instead.
"""

import cProfile
import os
import pstats
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
import psycopg
from psycopg import sql

django.setup()

import logging

from clients import IDP, fields
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from in_process import Cost, measure

from audit.record import Actor
from config.wsgi import application
from demo.idp_keys import key_pair
from demo.idp_logout import idp_metadata
from identity import domains, organizations
from saml import connections as saml_connections
from saml import trust
from tests.settings import SERVERS

ACTOR = Actor("job", "bench", "bench")
PORT = 8000
KNOWN = 10
KINDS = ("returning", "newcomer")


class Rollcall:
    """One organization with one connection, which takes sign-ins that begin at the identity provider."""

    def __init__(self) -> None:
        organization = organizations.create(
            name="Bench", slug="bench", access_model="company_shop", actor=ACTOR
        )
        domains.confirm(domains.claim(organization, "bench.example", actor=ACTOR), actor=ACTOR)
        made = saml_connections.create(
            organization, actor=ACTOR, name="bench", idp_entity_id=IDP.entity_id, sso_url=IDP.sso_url,
            certificates=[IDP.keys.certificate_pem], allow_idp_initiated=True, defaults={"grants": [], "roles": []},
            active=True, activate_untested=True,
        )  # fmt: skip
        where = trust.addresses(made.pk)
        self.acs_url, self.entity_id = where["acs_url"], where["entity_id"]
        self.path = f"/saml2/{made.pk}/acs"


class Place:
    """Where stock djangosaml2 takes responses."""

    acs_url = f"http://127.0.0.1:{PORT}/saml2/acs/"
    entity_id = f"http://127.0.0.1:{PORT}/saml2/metadata/"


def rollcall(rounds: int, *, profiled: bool) -> dict[str, Cost]:
    """Return what Rollcall costs, for each kind of people."""
    here = Rollcall()
    warm = [fields(here, f"known-{number}") for number in range(KNOWN)] * 1
    measure(application, here.path, PORT, warm, 303, connection)
    measure(
        application, here.path, PORT, [fields(here, f"known-{n % KNOWN}") for n in range(30)], 303, connection
    )
    costs = {}
    for kind in KINDS:
        bodies = [
            fields(here, f"known-{number % KNOWN}" if kind == "returning" else f"x-{number}")
            for number in range(rounds)
        ]
        profile = cProfile.Profile()
        if profiled:
            profile.enable()
        costs[kind] = measure(application, here.path, PORT, bodies, 303, connection)
        profile.disable()
        if profiled:
            print(f"== {kind}: {costs[kind]}")
            pstats.Stats(profile).sort_stats("cumulative").print_stats(70)
            pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    return costs


def stock(rounds: int, folder: Path, database_url: str) -> None:
    """Run stock djangosaml2 in a process of its own, which prints what it costs."""
    (folder / "idp.xml").write_bytes(idp_metadata(IDP))
    (folder / "idp.key").write_bytes(IDP.keys.private_pem)
    (folder / "idp.pem").write_text(IDP.keys.certificate_pem)
    ours = key_pair("stock")
    (folder / "sp.key").write_bytes(ours.private_pem)
    (folder / "sp.pem").write_text(ours.certificate_pem)
    place = Place()
    for kind in ("warm", *KINDS):
        names = (
            f"x-{number}" if kind == "newcomer" else f"known-{number % KNOWN}" for number in range(rounds)
        )
        (folder / kind).write_text("\n".join(fields(place, name) for name in names))
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "STOCK_FOLDER": str(folder),
        "STOCK_PUBLIC_URL": f"http://127.0.0.1:{PORT}",
        "STOCK_DATABASE_URL": database_url,
        "STOCK_XMLSEC": shutil.which("xmlsec1") or "",
        "DJANGO_SETTINGS_MODULE": "stock_settings",
        "PYTHONPATH": f"{here / 'stock'}:{here}",
    }
    migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    subprocess.run(migrate, env=environment, check=True)  # noqa: S603 - our own command
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, str(here / "stock" / "stock_processor.py"), str(PORT), *KINDS],
        env=environment, check=True,
    )  # fmt: skip


def main(rounds: int, *, profiled: bool) -> None:
    """Measure both in databases of their own, and drop them."""
    logging.disable(logging.INFO)
    if not profiled and shutil.which("xmlsec1") is None:
        raise SystemExit("Stock djangosaml2 needs the program xmlsec1: apt-get install xmlsec1")
    names = [f"bench_{os.getpid()}", f"bench_stock_{os.getpid()}"]
    with (
        tempfile.TemporaryDirectory() as folder,
        psycopg.connect(SERVERS.superuser_url, autocommit=True) as superuser,
    ):
        settings.ROLLCALL_PUBLIC_URL = f"http://127.0.0.1:{PORT}"
        for name in names:
            superuser.execute(sql.SQL("CREATE DATABASE {} OWNER rollcall_owner").format(sql.Identifier(name)))
        try:
            for alias in ("default", "owner"):
                connections[alias].settings_dict["NAME"] = names[0]
            call_command("migrate", database="owner", verbosity=0)
            for kind, cost in rollcall(rounds, profiled=profiled).items():
                print(f"Rollcall, {kind:<10} {cost}", flush=True)
            if not profiled:
                stock(
                    max(rounds // 10, 20), Path(folder), SERVERS.owner_url.rpartition("/")[0] + f"/{names[1]}"
                )
        finally:
            connections.close_all()
            for name in names:
                superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    main(
        int(next((word for word in sys.argv[1:] if word.isdecimal()), "400")),
        profiled="--profile" in sys.argv,
    )
