"""What a request of SCIM costs of the processor: `python bench/scim/processor.py [create,put …] [--profile]`.

The application is called as granian calls it, in this process and without HTTP, on a PostgreSQL of its own with fsync, as `manage.py up`
starts it. Other work on the machine multiplies seconds, and hardly these figures: the least of several rounds, of this process and of
its PostgreSQL backends. Every answer is checked. `--profile` prints where the time of this process goes.
"""

import argparse
import cProfile
import os
import pstats
import sys
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
from acts import PEOPLE

MEMBERS = 10_000
WARM = 20

asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
asked.add_argument("only", nargs="?", default="", help="some of the requests, as create,put")
asked.add_argument("--requests", type=int, default=100, help="in each round (100)")
asked.add_argument("--rounds", type=int, default=15, help="of which the least counts (15)")
asked.add_argument("--members", type=int, default=MEMBERS, help="people in the directory (10000)")
asked.add_argument(
    "--person",
    choices=PEOPLE,
    default="short",
    help="what there is of each: what is needed, or 21 attributes",
)
asked.add_argument("--log", action="store_true", help="with the directory's log of requests")
asked.add_argument("--profile", action="store_true")
asked.add_argument("--data", help="a directory to keep and to use again")
options = asked.parse_args()

# The settings ask for the servers, so these come first.
temporary = tempfile.TemporaryDirectory(prefix="bench-")  # removed when this process ends, after the servers
place = options.data or temporary.name
os.environ |= {"ROLLCALL_DEBUG": "true", "ROLLCALL_DATA": place, "DJANGO_SETTINGS_MODULE": "config.settings"}
from config import embedded

SERVERS = embedded.ensure(place, tied=True)

import django

django.setup()

import crowd
import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from in_process import InProcess, processor_seconds
from servers import directory_of

from audit import sequencer
from config.first_migration import changed_models_alone
from config.wsgi import application


def main() -> None:
    """Bring people in and measure."""
    with changed_models_alone(connections["owner"]):  # as `prepare_database` does
        call_command("migrate", database="owner", verbosity=0)
    api = InProcess("product", 0, "/api/v1", settings.ROLLCALL_OPERATOR_TOKEN, application)
    scim = InProcess("Rollcall", 0, "/scim/v2", directory_of(api, is_logged=options.log), application)
    url = SERVERS.superuser_url.rpartition("/")[0] + "/rollcall"
    with (
        psycopg.connect(url, autocommit=True) as database,
        Path(os.devnull).open("w") as nowhere,
        redirect_stderr(nowhere),  # the line of each request is written, and read by nobody
    ):
        person = PEOPLE[options.person]
        kept = crowd.kept(database, scim, person)
        sequencer.run()
        crowd.bring_in(database, kept, options.members)
        scene = crowd.scene(database, scim, person, groups=200)
        for name, act in scene.acts().items():
            if not options.only or name in options.only.split(","):
                measure(name, act, scim, database)


def measure(name: str, act: Any, scim: InProcess, database: Any) -> None:
    """Print the least that one request of this kind cost, of a round's mean."""
    number, costs, profile = 0, [], cProfile.Profile()
    for each in range(options.rounds + 1):
        sequencer.run()
        database.execute("CHECKPOINT")
        count = options.requests if each else WARM  # the first prepares statements and plans
        scim.meter.profile = profile if options.profile and each else None
        before = (scim.meter.spent, _backends_seconds(database), _written(database))
        for _ in range(count):
            act(number)
            number += 1
        after = (scim.meter.spent, _backends_seconds(database), _written(database))
        if each:
            costs.append([(late - early) / count for early, late in zip(before, after, strict=True)])
    python, postgresql, written = (min(kind) for kind in zip(*costs, strict=True))
    print(
        f"{name:8} {python * 1e6:8,.0f} + {postgresql * 1e6:6,.0f} µs {written:8,.0f} bytes of WAL",
        flush=True,
    )
    if options.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(110)
        pstats.Stats(profile).sort_stats("tottime").print_stats(70)


def _backends_seconds(database: Any) -> float:
    """Return what the backends of the application have taken: each place of the gate has one (config.gate)."""
    pids = database.execute("SELECT pid FROM pg_stat_activity WHERE usename LIKE '%app'").fetchall()
    return sum(processor_seconds(pid) for (pid,) in pids)


def _written(database: Any) -> float:
    return float(database.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')").fetchone()[0])


if __name__ == "__main__":
    main()
