"""The table of what was measured, as ratios of one run."""

import os
import re
from argparse import Namespace
from pathlib import Path

from client import Rate

Results = dict[str, dict[str, dict[int, Rate]]]
OURS, FEW = "Rollcall", "with 10,000"
TITLES = {
    "get": "GET a person",
    "filter": "filter by userName",
    "external": "filter by externalId",
    "email": "filter by e-mail",
    "changed": "filter by lastModified",
    "list": "list page of 100",
    "deep": "the same at the end of the list",
    "jump": "the same by a jump to the last tenth",
    "cursor": "the same by cursor",
    "active": "the same of active eq true",
    "group": "GET a group of 1,000",
    "create": "POST a person",
    "put": "PUT a person",
    "okta": "PATCH active (Okta)",
    "entra": "PATCH active (Entra)",
    "add100": "add 100 members",
    "one-10": "one more in a group of 10",
    "groups": "groups by members eq",
    "bare": "GET a group of 100,000 without members",
    "one-100k": "one more in a group of 100,000",
    "bulk": "Bulk of 100 creations",
    "bulk-patch": "Bulk of 100 changes",
    "delete": "DELETE a person",
}
PEERS = ("scim2-server", "django-scim2")
ATTRIBUTES = {"short": "", "whole": " of 21 attributes"}


def written(results: Results, options: Namespace, seconds: float, load: float) -> str:
    """Return the table in Markdown: our rates with 1 and 16 clients, how far from the floors, how far from the better peer."""
    hello, members = results["hello"]["hello"], options.members
    people = f"{members:,} members{ATTRIBUTES[options.person]}"
    peers = f"{options.peers_members:,} in the peers, " if any(peer in results for peer in PEERS) else ""
    lines = [
        f"""{people}, {peers}{os.cpu_count()} cores, {seconds / 60:.0f} minutes; load average at the end
{load:.1f}. Hello: {hello[1].per_second:,.0f}/s with one client, {hello[16].per_second:,.0f}/s with 16.""",
        "",
    ]
    lines += _sizes(results, members) if FEW in results else _peers(results)
    return "\n".join(lines)


def _peers(results: Results) -> list[str]:
    lines = [
        "The last column is what the two floors leave: one hello and one statement of pgbench, one after the other on the same cores.",
        "",
        (
            "| request | 1 client | 16 clients | median / p95 at 16 | hello ÷ | pgbench ÷ | scim2-server | django-scim2"
            " | × the better peer | floors × it |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    hello = results["hello"]["hello"][16].per_second
    for name, rates in _measured(results):
        peers = [results.get(peer, {}).get(name, {}).get(16) for peer in PEERS]
        best = max((peer.per_second for peer in peers if peer), default=0.0)
        floor = results.get("pgbench", {}).get(name, {}).get(16)
        least = 1 / (1 / hello + 1 / floor.per_second) if floor else 0.0
        lines.append(
            f"{_own(results, name, rates)}"
            f" | {' | '.join(f'{peer.per_second:,.0f}/s' if peer else '' for peer in peers)}"
            f" | {f'{rates[16].per_second / best:.1f}' if best else ''}"
            f" | {f'{least / best:.1f}' if best and least else ''} |"
        )
    return lines


def _sizes(results: Results, members: int) -> list[str]:
    lines = [
        f"""Time and processor are those of {members:,} members ÷ those of 10,000, by 16 clients; the processor's in all processes of the
server, in milliseconds a request.""",
        "",
        "| request | 1 client | 16 clients | median / p95 at 16 | hello ÷ | pgbench ÷ | 10,000: 1 client | 16 | time | processor |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, rates in _measured(results):
        few = results[FEW].get(name)
        cells = [f"{rates[16].processor_ms:.1f}"]
        if few:
            costs = rates[16].processor_ms, few[16].processor_ms
            cells = [f"{few[clients].per_second:,.0f}/s" for clients in (1, 16)]
            cells.append(f"{few[16].per_second / rates[16].per_second:.2f}")
            cells.append(f"{costs[0]:.1f} ÷ {costs[1]:.1f} = {costs[0] / costs[1]:.2f}")
        lines.append(f"{_own(results, name, rates)} | {' | '.join([''] * (4 - len(cells)) + cells)} |")
    return lines


def _measured(results: Results) -> list[tuple[str, dict[int, Rate]]]:
    return [(name, results[OURS][name]) for name in TITLES if results[OURS].get(name)]


def _own(results: Results, name: str, rates: dict[int, Rate]) -> str:
    rate, floor = rates[16], results.get("pgbench", {}).get(name, {}).get(16)
    return (
        f"| {TITLES[name]} | {rates[1].per_second:,.0f}/s | {rate.per_second:,.0f}/s | {rate.median_ms:.1f} / {rate.slow_ms:.1f} ms"
        f" | {results['hello']['hello'][16].per_second / rate.per_second:.1f}"
        f" | {f'{floor.per_second / rate.per_second:.1f}' if floor else ''}"
    )


def put(file: Path, text: str, options: Namespace) -> None:
    """Write the table between the marks of so many members like these, which the file has."""
    name = f"{options.members} {options.person}"
    begin, end = f"<!-- bench {name} -->", f"<!-- /bench {name} -->"
    known = file.read_text()
    if begin not in known:
        raise SystemExit(f"{file} has no place for {name} members: {begin} … {end}")
    file.write_text(re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{text}\n{end}", known, flags=re.DOTALL))
