"""Measures access questions in process: `python bench/access/check.py [members] [assets]` on the embedded test servers.

It makes an organization of its own in a database of its own, asks, prints medians and the 95th percentile, and leaves nothing behind.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
import psycopg
from psycopg import sql

django.setup()

from django.core.management import call_command
from django.db import connection, connections

from audit.record import Actor
from identity import access, grants, members, organizations, resources, tenancy
from identity.access import Question
from identity.grants import GrantSpec
from tests.settings import SERVERS

ACTOR = Actor("job", "bench", "bench")
ROUNDS = 2000


def build(people: int, assets: int) -> tuple[organizations.Organization, list[members.Member]]:
    """Make an organization with portfolios of a hundred assets and people with ten grants each."""
    organization = organizations.create(
        name="Bench", slug="bench", access_model="portfolio_asset", actor=ACTOR
    )
    rows = [{"kind": "portfolio", "id": f"p{number}"} for number in range(max(assets // 100, 1))]
    rows += [{"kind": "asset", "id": f"a{number}", "parent": f"p{number // 100}"} for number in range(assets)]
    for start in range(0, len(rows), 5000):
        resources.register(organization, rows[start : start + 5000], actor=ACTOR)
    found = []
    for number in range(people):
        with tenancy.change(organization):
            member = members.provision(organization, user_name=f"person{number}", actor=ACTOR).member
            chosen = random.sample(range(max(assets // 100, 1)), k=min(5, max(assets // 100, 1)))
            specs = [GrantSpec("portfolio", f"p{place}", "edit") for place in chosen]
            specs += [GrantSpec("asset", f"a{random.randrange(assets)}", "view") for _ in range(5)]
            grants.replace(member, list(dict.fromkeys(specs)), actor=ACTOR)
        found.append(member)
    return organization, found


def measure(name: str, ask: Callable[[], object]) -> None:
    """Call it many times and print how long a call takes."""
    for _ in range(50):
        ask()
    times = []
    for _ in range(ROUNDS if "1 " in name else ROUNDS // 10):
        begun = time.perf_counter()
        ask()
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    print(
        f"{name:40} median {statistics.median(times):6.2f} ms   p95 {times[int(len(times) * 0.95)]:6.2f} ms"
    )


def main(people: int = 1000, assets: int = 10_000) -> None:
    """Build, measure, drop."""
    name = f"bench_{os.getpid()}"
    with psycopg.connect(SERVERS.superuser_url, autocommit=True) as superuser:
        superuser.execute(sql.SQL("CREATE DATABASE {} OWNER rollcall_owner").format(sql.Identifier(name)))
        try:
            for alias in ("default", "owner"):
                connections[alias].settings_dict["NAME"] = name
            call_command("migrate", database="owner", verbosity=0)
            organization, found = build(people, assets)
            with connections["owner"].cursor() as cursor:
                cursor.execute("ANALYZE")

            def question() -> Question:
                return Question(random.choice(found).pk, "view", "asset", f"a{random.randrange(assets)}")

            print(f"{people} members, {assets} assets, {connection.settings_dict['NAME']}")
            measure("1 question", lambda: access.check(organization, [question()]))
            measure("100 questions", lambda: access.check(organization, [question() for _ in range(100)]))
            measure("what_had", lambda: access.what_had(random.choice(found)))
            measure("who_has", lambda: access.who_has(organization, "asset", f"a{random.randrange(assets)}"))
        finally:
            connections.close_all()
            superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:3]))
