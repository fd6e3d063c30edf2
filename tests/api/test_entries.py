"""The record through the API: pages, filters, files, and the download that is itself an entry."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from audit import context, export, sequencer
from audit.events import Event
from audit.record import Actor, Line, Subject, record_all
from identity import members, tenancy
from tests.api.client import csv_of, jsonl_of, token_of
from tests.conftest import SETUP, join


def _write(organization, count, label="x"):
    lines = [
        Line(Event.MEMBER_CHANGE, organization.pk, SETUP, Subject("member", str(number), label))
        for number in range(count)
    ]
    with tenancy.change(organization):
        record_all(lines)


def _all(api, **query):
    """Read to the end, page by page."""
    items, after = [], 0
    while True:
        answer = api.get("/organizations/acme/entries", after=after, **query)
        assert answer.status_code == 200, answer.content
        items += answer.json()["items"]
        if answer.json()["next"] is None:
            return items
        after = answer.json()["next"]


def test_an_entry_tells_who_did_what_to_whom(acme, ada, jane):
    api = token_of(ada, "record.read")
    with context.bind(source="console", request_id="edge-0123456789", ip="192.0.2.7", user_agent="é" * 500):
        members.suspend(jane, actor=Actor("member", str(ada.pk), ada.user_name), reason="on leave")
    sequencer.run()
    answer = api.get("/organizations/acme/entries", event="member.suspend")
    (entry,) = answer.json()["items"]
    assert answer.json()["next"] is None
    assert {name: entry[name] for name in ("event", "outcome", "reason", "source", "request_id", "ip")} == {
        "event": "member.suspend",
        "outcome": "success",
        "reason": "",
        "source": "console",
        "request_id": "edge-0123456789",
        "ip": "192.0.2.7",
    }
    assert entry["user_agent"] == "é" * 400
    assert entry["actor"] == {"kind": "member", "id": str(ada.pk), "label": "ada@acme.example"}
    assert entry["subject"] == {"kind": "member", "id": str(jane.pk), "label": "jane@acme.example"}
    assert entry["changes"] == {"state": ["active", "suspended"]}
    assert entry["data"] == {"reason": "on leave", "sessions": 0, "tokens": 0}


def test_pages_follow_the_sequence_without_gap(acme, ada):
    _write(acme, 25)
    api = token_of(ada)
    sequencer.run()
    sequences = [entry["seq"] for entry in _all(api, limit=7)]
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) > 25


def test_a_reader_who_knows_more_than_the_record_is_told_that_it_went_back(acme, ada):
    """Restored from a backup, the record gives the same places anew: who waits for the next one would miss all of them."""
    _write(acme, 5)
    api = token_of(ada)
    sequencer.run()
    last = _all(api)[-1]
    for path in ("entries", "entries.csv", "entries.jsonl"):
        answer = api.get(f"/organizations/acme/{path}", after=last["seq"] + 1)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
            409,
            "record_went_back",
            "after",
        )
    assert f"ends at {last['seq']}" in api.get("/organizations/acme/entries", after=10**6).json()["detail"]


def test_a_reader_who_names_the_last_entry_is_told_where_another_stands_in_its_place(acme, ada):
    """Once the restored record has grown past the reader's place, the number alone says nothing."""
    _write(acme, 5)
    api = token_of(ada)
    sequencer.run()
    entries = _all(api)
    third = entries[2]
    answer = api.get("/organizations/acme/entries", after=3, seen=third["id"], limit=1)
    assert [entry["seq"] for entry in answer.json()["items"]] == [4]
    for query in (
        {"after": 3, "seen": entries[3]["id"]},
        {"after": 10**6, "seen": third["id"]},
        {"seen": third["id"]},
    ):
        for path in ("entries", "entries.jsonl"):
            answer = api.get(f"/organizations/acme/{path}", **query)
            assert (answer.status_code, answer.json()["code"]) == (409, "record_went_back")


def test_filters_choose(acme, ada, jane):
    api = token_of(ada)
    before = timezone.now()
    members.suspend(jane, actor=SETUP)
    sequencer.run()

    def events(**query):
        return {entry["event"] for entry in _all(api, **query)}

    assert events(event="member.*") == {"member.create", "member.suspend"}
    assert events(event=["member.suspend", "role.*"]) == {"member.suspend", "role.assign"}
    assert {"member.create", "member.suspend"} <= events(subject=str(jane.pk))
    assert "member.suspend" not in events(subject=str(ada.pk))
    assert events(actor="nobody") == set()
    assert events(since=before.isoformat()) == {"member.suspend"}
    assert "member.suspend" not in events(until=before.isoformat())
    assert events(outcome="refused") == set()
    assert events(subject=str(jane.pk), since=before.isoformat(), outcome="success") == {"member.suspend"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": "-1"}, "after"),
        ({"after": "9" * 30}, "after"),
        ({"after": "x"}, "after"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"since": "2026-01-01"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"until": "yesterday"}, "until"),
        ({"event": "member.nonsense"}, "event"),
        ({"event": "nonsense.*"}, "event"),
        ({"outcome": "maybe"}, "outcome"),
        ({"actor": "a\0b"}, "actor"),
        ({"actors": "x"}, "actors"),
        ({"outcome": ["success", "refused"]}, "outcome"),
    ],
)
def test_wrong_filters_are_refused_by_name(acme, ada, query, field):
    for name in ("entries", "entries.csv", "entries.jsonl"):
        answer = token_of(ada).get(f"/organizations/acme/{name}", **query)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "invalid", field)


def test_reading_along_loses_nothing_while_entries_are_added(acme, ada):
    api = token_of(ada)
    stop = threading.Event()

    def write():
        try:
            for number in range(30):
                _write(acme, 10, f"batch {number}")
                sequencer.run()
        finally:
            stop.set()
            connections.close_all()

    writer = threading.Thread(target=write)
    writer.start()
    seen, after, finished = [], 0, False
    while True:
        items = api.get("/organizations/acme/entries", after=after, limit=13).json()["items"]
        seen += [entry["seq"] for entry in items]
        if items:
            after = items[-1]["seq"]
        elif finished:
            break
        else:
            finished = stop.is_set()
    writer.join()
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= 300


def test_the_record_needs_its_capability(acme, jane, ada):
    answer = token_of(ada, "members.read").get("/organizations/acme/entries.csv")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert token_of(jane).get("/organizations/acme/entries").status_code == 403


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_download_is_an_entry_before_its_first_byte(acme, ada, form):
    api = token_of(ada)
    sequencer.run()
    answer = api.get(f"/organizations/acme/entries.{form}", event="member.*", subject=str(ada.pk))
    assert answer.status_code == 200
    sequencer.run()
    (entry,) = _all(api, event="record.download")
    assert entry["actor"]["kind"] == "token"
    assert entry["source"] == "api"
    assert entry["data"]["format"] == form
    assert entry["data"]["filters"] == {
        "events": [*export.events_matching("member.*")],
        "subject": str(ada.pk),
    }
    assert b"record.download" not in b"".join(answer.streaming_content)


def test_both_files_show_what_the_pages_show(acme, ada, jane):
    members.suspend(jane, actor=SETUP)
    api = token_of(ada)
    sequencer.run()
    shown = _all(api)
    answer = api.get("/organizations/acme/entries.jsonl")
    assert answer["Content-Type"] == "application/jsonl"
    assert answer["Content-Disposition"].startswith('attachment; filename="acme-record-')
    assert jsonl_of(answer) == shown
    answer = api.get("/organizations/acme/entries.csv")
    rows = csv_of(answer)
    assert tuple(rows[0]) == export.COLUMNS
    for row, entry in zip(rows, shown, strict=True):
        assert (int(row["seq"]), row["id"], row["happened_at"]) == (
            entry["seq"],
            entry["id"],
            entry["happened_at"],
        )
        assert row["subject_label"] == entry["subject"]["label"]
        assert json.loads(row["changes"]) == entry["changes"]
        assert json.loads(row["data"]) == entry["data"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20"])
def test_no_cell_is_a_formula(acme, ada, start):
    evil = f'{start}HYPERLINK("https://evil.example","x")'
    with tenancy.change(acme):
        record_all(
            [Line(Event.API_REFUSE, acme.pk, Actor("member", evil, evil), Subject("member", evil, evil))]
        )
    api = token_of(ada)
    sequencer.run()
    (row,) = csv_of(api.get("/organizations/acme/entries.csv", event="api.refuse"))
    assert [row[name] for name in ("actor_id", "actor_label", "subject_id", "subject_label")] == [
        f"'{evil}"
    ] * 4
    assert not any(cell.startswith(start) for cell in row.values())


def test_a_name_with_quotes_and_lines_stays_in_its_cell(acme, ada):
    name = 'Zoë "the\r\nboss", Ltd; \u2028 end'
    _write(acme, 1, name)
    api = token_of(ada)
    sequencer.run()
    (row,) = csv_of(api.get("/organizations/acme/entries.csv", event="member.change"))
    assert row["subject_label"] == name


def test_a_download_ends_where_the_record_was_when_asked(acme, ada):
    api = token_of(ada)
    _write(acme, 5, "before")
    sequencer.run()
    answer = api.get("/organizations/acme/entries.jsonl", event="member.change")
    _write(acme, 5, "after")
    sequencer.run()
    assert [entry["subject"]["label"] for entry in jsonl_of(answer)] == ["before"] * 5


def test_another_organizations_entries_are_never_among_them(acme, globex, ada):
    join(globex, "hank@globex.example")
    sequencer.run()
    api = token_of(ada)
    assert not any("globex" in json.dumps(entry) for entry in _all(api))
    assert b"globex" not in b"".join(api.get("/organizations/acme/entries.jsonl").streaming_content)


def test_an_unfinished_day_is_filtered_to_the_microsecond(acme, ada):
    api = token_of(ada)
    sequencer.run()
    first = _all(api)[0]["happened_at"]
    assert _all(api, until=first) == []
    assert _all(api, since=first)[0]["happened_at"] == first
    assert _all(api, since=(timezone.now() + timedelta(days=1)).isoformat()) == []
