"""Every line of a downloaded file is an entry, and the record says by its digest that it is whole and the one handed out."""

import hashlib

import pytest

from audit import export, files, sequencer
from audit.events import Event
from audit.record import Actor, Line, Subject, record_all
from identity import downloads, file_check, members, tenancy
from tests.api.client import recorded, token_of
from tests.command_line import rollcall
from tests.conftest import SETUP, join
from tests.console.conftest import visit

PATH = "/organizations/acme/entries"
FORMS = pytest.mark.parametrize("form", ["csv", "jsonl"])


@pytest.fixture
def lived(acme, jane):
    """Something has happened, also in words that need care."""
    members.suspend(jane, actor=SETUP, reason='=1+1 "quoted",\r\nZoë \u2028 end')
    join(acme, "#end@acme.example")
    with tenancy.change(acme):
        evil = Subject("member", "x", "#end,1,2\n#end")
        record_all([Line(Event.API_REFUSE, acme.pk, Actor("member", "y", "é" * 3000), evil)])
    sequencer.run()
    return acme


def downloaded(api, form, **query):
    sequencer.run()
    return b"".join(api.get(f"{PATH}.{form}", **query).streaming_content)


def checked(tmp_path, content, form, **options):
    path = tmp_path / f"record.{form}"
    path.write_bytes(content)
    return file_check.check(path, **options)


@FORMS
def test_every_line_is_an_entry_and_the_record_has_the_digest_of_all_of_them(lived, ada, form, tmp_path):
    content = downloaded(token_of(ada), form)
    found = checked(tmp_path, content, form)
    (begun,) = recorded(lived, "record.download")
    (finished,) = recorded(lived, "record.download_finish")
    assert finished["data"] == {
        "format": form, "download": begun["id"], "entries": found.entries, "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    # After the request, and yet of it.
    same = ("actor", "request_id", "source", "ip")
    assert [finished[name] for name in same] == [begun[name] for name in same]
    assert finished["request_id"]
    assert found.problems == []
    assert (found.first, found.last, found.gaps) == (1, found.entries, 0)
    assert checked(tmp_path, content, form, sha256=finished["data"]["sha256"]).problems == []
    other = checked(tmp_path, downloaded(token_of(ada), form), form, sha256=finished["data"]["sha256"])
    assert "not the one that is meant" in other.problems[0]


@FORMS
def test_a_download_that_the_client_broke_off_has_no_second_entry(lived, ada, form):
    answer = token_of(ada).get(f"{PATH}.{form}")
    pieces = iter(answer.streaming_content)
    for _ in range(4):
        next(pieces)
    answer.close()
    assert recorded(lived, "record.download_finish") == []


@FORMS
def test_every_way_to_cut_or_alter_a_file_is_found(lived, ada, form, tmp_path):
    content = downloaded(token_of(ada), form)
    sha256 = hashlib.sha256(content).hexdigest()
    lines = content.splitlines(keepends=True)
    for wrong in (
        b"",
        content[:-1],
        content[:-40],
        content + content,
        b"".join(lines[:-1]),
        b"".join(lines[:2] + lines[3:]),
        b"".join([lines[0], lines[2], lines[1], *lines[3:]]),
        content.replace(b"jane@", b"jade@", 1),
        b"\x00\xff" * 40,
    ):
        assert checked(tmp_path, wrong, form, sha256=sha256).problems, wrong[:80]
    # Without the digest, what can be seen from the lines alone.
    for wrong in (content[:-40], content + content, b"\x00\xff" * 40):
        assert checked(tmp_path, wrong, form).problems, wrong[:80]
    assert checked(tmp_path, b"".join(lines[:2] + lines[3:]), form).gaps == 1


def test_brackets_without_an_end_are_no_file_of_ours(tmp_path):
    assert "cannot be read" in checked(tmp_path, b"[" * 100_000 + b"\n", "jsonl").problems[0]


@FORMS
def test_a_file_that_cannot_be_read_to_its_end_says_so_in_its_last_line(
    lived, ada, form, tmp_path, monkeypatch
):
    whole = downloaded(token_of(ada), form)
    page = export.page
    asked = []

    def breaks(*arguments, **options):
        asked.append(options["after"])
        if len(asked) > 1:
            raise ConnectionError
        return page(*arguments, **{**options, "limit": 2})

    monkeypatch.setattr(downloads, "_PAGE", 2)
    monkeypatch.setattr(export, "page", breaks)
    content = broken_off(token_of(ada).get(f"{PATH}.{form}"))
    last = content.splitlines()[-1].decode()
    assert last.startswith(files.BROKEN if form == "csv" else '{"broken":')
    assert whole.startswith(content[: content.rindex(last.encode())])
    assert "not whole" in checked(tmp_path, content, form).problems[0]
    monkeypatch.undo()
    assert len(recorded(lived, "record.download_finish")) == 1


@FORMS
def test_a_file_of_which_the_record_cannot_know_is_not_whole(lived, ada, form, tmp_path, monkeypatch):
    def broken(*_args, **_values):
        raise ConnectionError

    answer = token_of(ada).get(f"{PATH}.{form}")
    monkeypatch.setattr(downloads, "record", broken)
    assert "not whole" in checked(tmp_path, broken_off(answer), form).problems[0]


def broken_off(answer):
    pieces = []
    with pytest.raises(ConnectionError):
        pieces.extend(answer.streaming_content)
    return b"".join(pieces)


def test_other_files_can_be_checked_in_the_same_way(lived, ada, tmp_path):
    api = token_of(ada)
    for path in ("access.csv", "sign-ins.csv", "sign-ins.jsonl"):
        content = b"".join(api.get(f"/organizations/acme/{path}").streaming_content)
        assert checked(tmp_path, content, path.rpartition(".")[2]).problems == [], path
    assert len(recorded(lived, "sign_in.download_finish")) == 2
    marked = b"".join(visit(ada).get("/o/acme/record.csv").streaming_content)
    assert marked.startswith(files.BYTE_ORDER_MARK.encode())
    assert checked(tmp_path, marked, "csv").problems == []


def test_a_file_without_any_entry_is_whole_too(acme, ada, tmp_path):
    for form in ("csv", "jsonl"):
        content = downloaded(token_of(ada), form, actor="nobody")
        assert content.count(b"\n") == (form == "csv")
        found = checked(tmp_path, content, form)
        assert (found.problems, found.entries) == ([], 0)
    digests = [entry["data"]["sha256"] for entry in recorded(acme, "record.download_finish")]
    assert digests[-1] == hashlib.sha256(b"").hexdigest()


@FORMS
def test_the_command_line_says_whether_a_file_is_whole(lived, ada, form, tmp_path):
    path = tmp_path / f"acme-record.{form}"
    content = downloaded(token_of(ada), form)
    path.write_bytes(content)
    (finished,) = recorded(lived, "record.download_finish")
    code, said = rollcall("verify", path, "--sha256", finished["data"]["sha256"])
    entries = finished["data"]["entries"]
    assert code == 0
    assert said.splitlines()[:2] == [
        f"{entries} entries, none of them broken.",
        f"They are the record's 1 to {entries}, none between them left out.",
    ]
    assert "as was to be" in said
    assert "It is whole if the record has this SHA-256" in rollcall("verify", path)[1]
    path.write_bytes(b"".join(content.splitlines(keepends=True)[:-1]))
    code, said = rollcall("verify", path, "--sha256", finished["data"]["sha256"])
    assert code == 1
    assert "not the one that is meant" in said
