"""Measures SCIM over HTTP: `python bench/scim/run.py [--members 10000] [--only create,get] [--peers no] [--write docs/performance.md]`.

The product runs as production does: granian with several processes, PostgreSQL with fsync, worker and clock beside it, everything recorded.
With more than 100,000 members it is measured with 10,000 before, in the same run, and the table compares the two.
In the same run, on the same machine: a bare Django view (the floor of the web stack), pgbench with the same writes in one statement (the
floor of the database), and two peers from PyPI. The client takes its share of the cores in every figure.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import acts as acts_of
import crowd
import floors
import psycopg
import servers
import table
from acts import Act
from client import Rate, measured

from config import embedded

CONCURRENCY = (1, 16)
GROUPS = 200
MANY = 100_000
PEERS_MEMBERS_MAX = 10_000  # more are not worth the wait: they come in by their own doors
PEERS_ACTS = ("get", "filter", "list", "deep", "group", "create", "put", "okta", "entra", "add100", "one-10")
FEW = 10_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts that were asked for and print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--members", type=int, default=10_000, help="people in the directory (10000)")
    asked.add_argument("--only", default="", help="some of the requests, as create,get")
    asked.add_argument("--seconds", type=float, default=3.0, help="how long each is measured (3)")
    asked.add_argument(
        "--peers", choices=("yes", "no"), default="yes", help="measure the peers too, up to 10,000 members"
    )
    asked.add_argument("--peers-members", type=int, help="people in the peers (as many, up to 10000)")
    asked.add_argument(
        "--data", type=Path, help="a directory to keep, for the installed peers (a temporary one)"
    )
    asked.add_argument(
        "--write", type=Path, help="a file that gets the table in place of the last one for so many members"
    )
    asked.add_argument(
        "--person",
        choices=acts_of.PEOPLE,
        default="short",
        help="what there is of each: what is needed, or 21 attributes (short)",
    )
    asked.add_argument("--log", action="store_true", help="with the directory's log of requests")
    options = asked.parse_args(arguments)
    if options.log and options.write:
        asked.error("the table that is kept is that without the log of requests")
    if options.peers_members is None:
        options.peers_members = min(options.members, PEERS_MEMBERS_MAX)
    if options.peers_members < crowd.PEERS_LEAST:
        asked.error(f"the peers need {crowd.PEERS_LEAST} people for their group")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        keep = options.data or Path(temporary)
        keep.mkdir(parents=True, exist_ok=True)
        results = _measure(options, Path(temporary) / "server", keep)
    load = os.getloadavg()[1]
    text = table.written(results, options, time.monotonic() - begun, load)
    print(text)
    if options.write:
        table.put(options.write, text, options)


def _measure(options: argparse.Namespace, data: Path, keep: Path) -> table.Results:
    results: table.Results = {}
    only = [name for name in options.only.split(",") if name]
    person = acts_of.PEOPLE[options.person]
    if options.members > MANY:
        few = data.with_name("few")
        few.mkdir(parents=True)
        with (
            servers.product(few, is_logged=options.log) as ours,
            psycopg.connect(_database(few), autocommit=True) as connection,
        ):
            crowd.bring_in(connection, crowd.kept(connection, ours, person), FEW)
            acts = crowd.scene(connection, ours, person, groups=GROUPS).acts()
            _rates(results, table.FEW, acts, only, options.seconds)
    data.mkdir(parents=True)
    with servers.product(data, is_logged=options.log) as ours, ExitStack() as stack:
        connection = stack.enter_context(psycopg.connect(_database(data), autocommit=True))
        crowd.bring_in(connection, crowd.kept(connection, ours, person), options.members)
        many = MANY if options.members > MANY else 0
        scene = crowd.scene(connection, ours, person, groups=GROUPS, many=many)
        with servers.hello(data / "hello.log") as hello:
            says: dict[str, Act] = {"hello": lambda _: hello.asked("GET", "/hello")}
            _rates(results, "hello", says, [], options.seconds)
        _rates(results, table.OURS, scene.acts(), only, options.seconds)
        for name, rate in floors.pgbench(connection, _database(data), options.seconds, only).items():
            results.setdefault("pgbench", {})[name] = rate
        if options.peers == "yes" and options.members <= PEERS_MEMBERS_MAX:
            programs = servers.peers_environment(keep)
            for peer in (
                servers.memory(programs, data / "memory.log"),
                servers.durable(programs, data / "durable.log", embedded.urls(data).superuser_url),
            ):
                with peer as other:
                    acts = crowd.by_the_door(other, person, options.peers_members, GROUPS // 4).acts()
                    wanted = [name for name in PEERS_ACTS if not only or name in only]
                    _rates(results, other.name, {name: acts[name] for name in wanted}, [], options.seconds)
    return results


def _database(data: Path) -> str:
    return embedded.urls(data).superuser_url.rpartition("/")[0] + "/rollcall"


def _rates(results: table.Results, name: str, acts: dict[str, Act], only: list[str], seconds: float) -> None:
    for act_name, act in acts.items():
        if only and act_name not in only:
            continue
        rates: dict[int, Rate] = {}
        start = 1
        try:
            act(0)  # connections, plans, and the walk that leads to the end of the list
            for concurrency in CONCURRENCY:
                taken, begun = servers.processor_seconds(), time.monotonic()
                rate = measured(act, concurrency, seconds, start)
                count = rate.per_second * (time.monotonic() - begun)
                cost = (servers.processor_seconds() - taken) / count
                rates[concurrency] = replace(rate, processor_ms=cost * 1000)
                start = _after(start, rates[concurrency], seconds)
        except SystemExit as wrong:
            if name in (table.OURS, table.FEW):
                raise
            # What a peer cannot do is left out of its column, and said.
            print(f"{name}: {act_name}: {str(wrong)[:300]}", flush=True)
        results.setdefault(name, {})[act_name] = rates
        shown = "  ".join(f"{rate.per_second:8.0f}/s {rate.median_ms:7.1f} ms" for rate in rates.values())
        print(f"{name:14} {act_name:10} {shown}", flush=True)


def _after(start: int, rate: Rate, seconds: float) -> int:
    """Return a number that no lane has used yet."""
    return start + (int(rate.per_second * seconds * 2) + 64) // 16 * 16


if __name__ == "__main__":
    main()
