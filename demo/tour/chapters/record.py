"""The record is downloaded, and tells every step so far: who, when, from what to what."""

import csv
import io
import json
import time
from typing import Any

from demo.tour.screen import Broken, holds, same
from demo.tour.stage import Stage

TITLE = "The record tells it all"
SECONDS_MAX = 60
Entry = dict[str, Any]


def play(stage: Stage) -> None:
    """Download the record in both forms, and look for each step."""
    with stage.step("Every entry has its place: the numbers have no gap"):
        entries = wait_for(stage, "sign_in.refuse")
        same("the numbers", [entry["seq"] for entry in entries], list(range(1, len(entries) + 1)))
    with stage.step("JSON Lines: who did what to Ines, when, from what to what"):
        entries = _downloaded(stage)
        ines = [entry for entry in entries if entry["subject"]["id"] == stage.ids["ines"]]
        _check_life(ines)
        # rcm, the prefix that may be shown, and the secret, which may hold underscores itself.
        secret = stage.member_token.split("_", 2)[2]
        same("her token's secret in the record", secret in json.dumps(entries), expected=False)
        for entry in ines:
            stage.screen.heard(told(entry))
    with stage.step("CSV: the same entries, safe to open in a spreadsheet"):
        text = str(stage.operator.call("GET", f"{stage.here}/entries.csv"))
        rows = list(csv.DictReader(io.StringIO(text)))
        numbers = [int(row["seq"]) for row in rows]
        same("the numbers", numbers, list(range(1, len(rows) + 1)))
        starts = {value[0] for row in rows for value in row.values() if value} & set("=+-@")
        same("cells that a spreadsheet takes for a formula", sorted(starts), [])
    with stage.step("Each download is an entry itself"):
        downloads = [
            entry for entry in wait_for(stage, "record.download", 2) if entry["event"] == "record.download"
        ]
        same("who downloaded", {entry["actor"]["kind"] for entry in downloads}, {"operator"})


def wait_for(stage: Stage, event: str, times: int = 1) -> list[Entry]:
    """Return all entries once the event stands there so many times; the sequencer numbers entries just after commit."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        entries = _paged(stage)
        found = [entry for entry in entries if entry["event"] == event]
        if len(found) >= times:
            stage.screen.heard(f"{len(entries)} entries, {len(found)} of them {event}")
            return entries
        if time.monotonic() > deadline:
            raise Broken(f"entries {event} within {SECONDS_MAX} s", times, len(found))
        time.sleep(0.2)


def told(entry: Entry) -> str:
    """Return an entry as one line: when, who, what, and from what to what."""
    changes = ", ".join(f"{path}: {old} → {new}" for path, (old, new) in entry["changes"].items())
    data = entry["data"]
    what = f" {data['kind']} {data['resource']}" if "resource" in data else ""
    reason = f" ({entry['reason']})" if entry["reason"] else ""
    clock = entry["happened_at"][11:19]
    return f"{clock}  {entry['actor']['kind']} {entry['actor']['label']}  {entry['event']}{what}{reason}  {changes}".rstrip()


def _paged(stage: Stage) -> list[Entry]:
    entries: list[Entry] = []
    after: int | None = 0
    while after is not None:
        page = stage.operator.quietly(
            "GET", f"{stage.here}/entries", query={"after": str(after), "limit": "50"}
        )
        entries += page["items"]
        after = page["next"]
    return entries


def _downloaded(stage: Stage) -> list[Entry]:
    text = str(stage.operator.call("GET", f"{stage.here}/entries.jsonl"))
    return [json.loads(line) for line in text.split("\n")[:-1]]


def _check_life(ines: list[Entry]) -> None:
    """Check that the steps stand there in their order, each by the one who did it, with the values before and after."""
    expected = [
        ("member.create", "directory", "state", [None, "active"]),
        ("member.change", "directory", "title", [None, "Asset manager"]),
        ("grant.end", "connection", "permission", ["view", None]),
        ("grant.give", "connection", "permission", [None, "edit"]),
        ("grant.end", "token", "permission", ["edit", None]),
        ("grant.give", "token", "permission", [None, "view"]),
        ("member.suspend", "directory", "state", ["active", "suspended"]),
    ]
    remaining = iter(ines)
    for event, actor, path, change in expected:
        found = any(
            entry["event"] == event
            and entry["actor"]["kind"] == actor
            and entry["changes"].get(path) == change
            for entry in remaining
        )
        if not found:
            raise Broken(
                "an entry in its place",
                f"{event} by a {actor}, {path}: {change}",
                [told(entry) for entry in ines],
            )
    refused = [(entry["event"], entry["reason"]) for entry in ines if entry["outcome"] == "refused"]
    holds("the refused access stands there", ("grant.refuse", "unknown_resource") in refused, refused)
    holds(
        "every entry says when and from where",
        all(entry["happened_at"] and entry["ip"] for entry in ines),
        ines,
    )
