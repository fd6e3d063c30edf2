"""The table of what was measured, as ratios of one run."""

import os
import re
from pathlib import Path

from client import Rate

Results = dict[str, dict[str, dict[int, Rate]]]
TITLES = {
    "get": "GET a person",
    "filter": "filter by userName",
    "list": "list page of 100",
    "deep": "the same at the end of the list",
    "group": "GET a group of 1,000",
    "create": "POST a person",
    "put": "PUT a person",
    "okta": "PATCH active (Okta)",
    "entra": "PATCH active (Entra)",
    "add100": "add 100 members",
    "one-10": "one more in a group of 10",
    "one-100k": "one more in a group of 100,000",
}
PEERS = ("scim2-server", "django-scim2")


def written(results: Results, members: int, peers_members: int, seconds: float, load: float) -> str:
    """Return the table in Markdown: our rates with 1 and 16 clients, how far from the floors, how far from the better peer."""
    hello = results["hello"]["hello"]
    lines = [
        f"""{members:,} members, {peers_members:,} in the peers, {os.cpu_count()} cores, {seconds / 60:.0f} minutes; load average at the end
{load:.1f}. Hello: {hello[1].per_second:,.0f}/s with one client, {hello[16].per_second:,.0f}/s with 16.""",
        "",
        "| request | 1 client | 16 clients | median / p95 at 16 | hello ÷ | pgbench ÷ | scim2-server | django-scim2 | × the better peer |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, title in TITLES.items():
        mine = results["Rollcall"].get(name)
        if not mine:
            continue
        rate = mine[16].per_second
        floor = results.get("pgbench", {}).get(name, {}).get(16)
        peers = [results.get(peer, {}).get(name, {}).get(16) for peer in PEERS]
        best = max((peer.per_second for peer in peers if peer), default=0.0)
        lines.append(
            f"| {title} | {mine[1].per_second:,.0f}/s | {rate:,.0f}/s | {mine[16].median_ms:.1f} / {mine[16].slow_ms:.1f} ms"
            f" | {hello[16].per_second / rate:.1f} | {f'{floor.per_second / rate:.1f}' if floor else ''}"
            f" | {' | '.join(f'{peer.per_second:,.0f}/s' if peer else '' for peer in peers)}"
            f" | {f'{rate / best:.1f}' if best else ''} |"
        )
    return "\n".join(lines)


def put(file: Path, text: str, members: int) -> None:
    """Write the table between the marks of so many members, which the file has."""
    begin, end = f"<!-- bench {members} -->", f"<!-- /bench {members} -->"
    known = file.read_text()
    if begin not in known:
        raise SystemExit(f"{file} has no place for {members} members: {begin} … {end}")
    file.write_text(re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{text}\n{end}", known, flags=re.DOTALL))
