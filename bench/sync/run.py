"""Measures directory sync in process: `python bench/sync/run.py [people ...]` (10,000 and 100,000) on the embedded test servers.

For each size: a first import with 1,000 groups, a run without news and one with 1 % changes, beside a plain COPY of the same rows and
a bare loop over the same connector. Each figure comes with the processor time that this process and its PostgreSQL backend took for it,
which says more than the clock where other work shares the machine. It works on a database of its own and leaves nothing behind. One
worker; the directory is a CSV file. PostgreSQL is the tests' own, without fsync.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
import psycopg
from psycopg import sql

django.setup()

import logging

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from audit.models import Entry
from audit.record import Actor
from identity import organizations, pulls, sync_runs, tenancy
from identity.models import Directory, Member, Run
from tasks.connectors.csv import CsvConnector
from tasks.sync import work
from tests.settings import SERVERS

ACTOR = Actor("member", "bench", "Bench")
GROUPS = 1000
MAPPING = {
    "external_id": "No", "user_name": "Login", "email": "Mail", "givenName": "First", "familyName": "Last", "title": "Title",
    "department": "Department", "employeeNumber": "Number", "groups": "Teams",
}  # fmt: skip
HEADING = "No,Login,Mail,First,Last,Title,Department,Number,Teams\n"


def rows(people: int, *, changed: int = 0, backwards: bool = False) -> Iterator[str]:
    """Give the lines of the file; every so many people have another title."""
    yield HEADING
    for number in reversed(range(people)) if backwards else range(people):
        title = "Chief" if changed and number % changed == 0 else f"Title {number % 50}"
        yield (
            f"id-{number:09},person{number}@bench.example,person{number}@bench.example,First{number},Last{number},"
            f"{title} {number},Department {number % 200},{number},Team {number % GROUPS}\n"
        )


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of processor time: of this process, and of the PostgreSQL backend that works for it."""

    wall: float
    process: float
    backend: float


def backend_seconds() -> float:
    """Return the processor time of this connection's backend so far, to a hundredth."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [process] = cursor.fetchone()
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(act: Callable[[], object]) -> Spent:
    """Return what it takes."""
    backend, process, begun = backend_seconds(), time.process_time(), time.perf_counter()
    act()
    wall, spent = time.perf_counter() - begun, time.process_time() - process
    return Spent(wall, spent, backend_seconds() - backend)


def told(name: str, people: int, spent: Spent, more: str = "") -> None:
    """Print one line."""
    rate = f"{people / spent.wall:10,.0f} people/s"
    busy = f"processor {spent.process:8.2f} + {spent.backend:8.2f} s"
    print(f"  {name:20}{spent.wall:9.2f} s {rate}   {busy}   {more}", flush=True)


def to_the_end(run: Run) -> Run:
    """Work on the run until no worker can."""
    while work.turn(run.organization_id, run.pk, seconds=60):
        pass
    with tenancy.of(run.organization_id):
        return Run.objects.select_related("directory").get(pk=run.pk)


def read(directory: Directory) -> Run:
    """Read the directory and approve whatever is held."""
    run = to_the_end(sync_runs.ask(directory, actor=ACTOR))
    if run.state == Run.State.HELD:
        run = to_the_end(sync_runs.approve(run, run.plan_hash, actor=ACTOR))
    if run.state != Run.State.DONE:
        raise SystemExit(f"{run.state}: {run.fault_sentence} {run.held_for}")
    return run


def bare_fetch(path: Path) -> None:
    """Read every page and forget it."""
    with path.open("rb") as file:
        for _ in CsvConnector({"mapping": MAPPING}, {}, file=file).fetch():
            pass


def write(path: Path, lines: Iterator[str]) -> None:
    """Lay the file there."""
    with path.open("w") as file:
        file.writelines(lines)


def plain_copy(path: Path) -> None:
    """COPY the same rows into a bare table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE bare (no text, login text, mail text, first text, last text, title text, department text,"
            " number text, teams text)"
        )
        with cursor.copy("COPY bare FROM STDIN (FORMAT csv, HEADER)") as copy, path.open("rb") as file:
            while chunk := file.read(65536):
                copy.write(chunk)
        cursor.execute("DROP TABLE bare")


def measure(people: int, folder: Path) -> None:
    """Take one size from nothing."""
    print(f"{people:,} people, {GROUPS:,} groups", flush=True)
    organization = organizations.create(
        name=f"Bench {people}", slug=f"bench-{people}", access_model="portfolio_asset", actor=ACTOR
    )
    path = folder / str(organization.pk) / "people.csv"
    path.parent.mkdir()
    write(path, rows(people))
    pull = pulls.create(
        organization, kind="csv", name="HR", settings={"mapping": MAPPING, "file_path": "people.csv"}, actor=ACTOR
    )  # fmt: skip
    told("plain COPY", people, timed(lambda: plain_copy(path)))
    bare = timed(lambda: bare_fetch(path))
    told("bare fetch loop", people, bare)
    first = timed(lambda: read(pull.directory))
    with tenancy.of(organization):
        entries, members = Entry.objects.count(), Member.objects.count()
    told("first import", people, first, f"{members:,} members, {entries:,} entries")
    write(path, rows(people, backwards=True))
    bare = min(bare, timed(lambda: bare_fetch(path)), key=lambda spent: spent.process)
    quiet = timed(lambda: read(pull.directory))
    with tenancy.of(organization):
        # Asking by hand is an entry of its own; the run writes none.
        written = Entry.objects.count() - entries - 1
    told(
        "run without news",
        people,
        quiet,
        f"{_times(quiet, bare)}; {written} entries written",
    )
    write(path, rows(people, changed=100))
    changed = timed(lambda: read(pull.directory))
    with tenancy.of(organization):
        run = Run.objects.latest("pk")
    told("run with 1 % changes", people, changed, f"{_times(changed, bare)}; {run.counts}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"  peak memory of the process so far: {peak} MiB; load {os.getloadavg()[0]:.1f}", flush=True)


def _times(spent: Spent, bare: Spent) -> str:
    busy = (spent.process + spent.backend) / bare.process
    return (
        f"{spent.wall / bare.wall:.2f} times the bare fetch by the clock, {busy:.2f} times by the processor"
    )


def main(*sizes: int) -> None:
    """Measure in a database of its own, and drop it."""
    logging.disable(logging.INFO)
    name = f"bench_{os.getpid()}"
    with (
        tempfile.TemporaryDirectory() as folder,
        psycopg.connect(SERVERS.superuser_url, autocommit=True) as superuser,
    ):
        settings.ROLLCALL_WATCHED_FOLDER = folder
        superuser.execute(sql.SQL("CREATE DATABASE {} OWNER rollcall_owner").format(sql.Identifier(name)))
        try:
            for alias in ("default", "owner"):
                connections[alias].settings_dict["NAME"] = name
            call_command("migrate", database="owner", verbosity=0)
            for size in sizes or (10_000, 100_000):
                measure(size, Path(folder))
        finally:
            connections.close_all()
            superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
