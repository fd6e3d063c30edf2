"""A downloaded file says by its last line that it is whole, and the record says by its digest that it is the one handed out."""

import hashlib
import io

import pytest
from django.core.management import call_command

from audit import files, sequencer
from audit.events import Event
from audit.record import Actor, Line, Subject, record_all
from identity import file_check, members, tenancy
from tests.api.client import recorded, token_of
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


def before_the_last_line(content):
    return b"".join(content.splitlines(keepends=True)[:-1])


@FORMS
def test_the_last_line_counts_and_proves_what_is_before_it(lived, ada, form, tmp_path):
    content = downloaded(token_of(ada), form)
    last = content.rstrip(b"\r\n").rpartition(b"\n")[2].decode()
    head = content[: content.rstrip(b"\r\n").rindex(b"\n") + 1]
    found = checked(tmp_path, content, form)
    assert found.problems == []
    assert found.entries == found.said["entries"] == found.said["upto"] > 5
    assert found.sha256 == hashlib.sha256(head).hexdigest()
    assert found.sha256 in last
    assert last.startswith(files.END if form == "csv" else '{"end":')


@FORMS
def test_the_record_keeps_the_digest_of_what_was_handed_out(lived, ada, form, tmp_path):
    content = downloaded(token_of(ada), form, event="member.*")
    found = checked(tmp_path, content, form)
    (begun,) = recorded(lived, "record.download")
    (finished,) = recorded(lived, "record.download_finish")
    assert finished["data"] == {
        "format": form, "download": begun["id"], "entries": found.entries, "sha256": found.sha256,
    }  # fmt: skip
    # After the request, and yet of it.
    same = ("actor", "request_id", "source", "ip")
    assert [finished[name] for name in same] == [begun[name] for name in same]
    assert finished["request_id"]
    assert checked(tmp_path, content, form, sha256=finished["data"]["sha256"]).problems == []
    other = checked(tmp_path, downloaded(token_of(ada), form), form, sha256=finished["data"]["sha256"])
    assert "not the one that is meant" in other.problems[0]


@FORMS
def test_a_download_that_broke_off_has_no_end_and_no_entry(lived, ada, form, tmp_path):
    answer = token_of(ada).get(f"{PATH}.{form}")
    pieces = iter(answer.streaming_content)
    part = b"".join(next(pieces) for _ in range(4))
    answer.close()
    assert recorded(lived, "record.download_finish") == []
    assert "broke off" in checked(tmp_path, part, form).problems[0]


@FORMS
def test_every_way_to_cut_or_alter_a_file_is_found(lived, ada, form, tmp_path):
    content = downloaded(token_of(ada), form)
    lines = content.splitlines(keepends=True)
    for wrong in (
        b"",
        content[:-1],
        content[:-40],
        content + content,
        before_the_last_line(content),
        b"".join(lines[:2] + lines[3:]),
        b"".join([lines[0], lines[2], lines[1], *lines[3:]]),
        content.replace(b"jane@", b"jade@", 1),
        content.replace(lines[-1], lines[-1].replace(b"sha256", b"sha255").replace(b"#end", b"#fin")),
        b"\x00\xff" * 40,
    ):
        assert checked(tmp_path, wrong, form).problems, wrong[:80]


@FORMS
def test_what_filters_leave_out_is_no_gap_and_a_gap_is_one(lived, ada, form, tmp_path):
    assert checked(tmp_path, downloaded(token_of(ada), form, event="member.*"), form).problems == []
    assert checked(tmp_path, downloaded(token_of(ada), form, after=3), form).problems == []
    assert checked(tmp_path, downloaded(token_of(ada), form, after=10**6), form).problems == []
    columns, rows = ["seq", "a", "b", "c"], [["1", "", "", ""], ["3", "", "", ""]]
    about = {"filters": {}, "after": 0, "upto": 3}
    values = [{"seq": 1}, {"seq": 3}]
    made = (
        files.csv_file(columns, rows, about=about) if form == "csv" else files.jsonl_file(values, about=about)
    )
    assert checked(tmp_path, "".join(made).encode(), form).problems == ["Entries 2 to 2 are missing."]


def test_other_files_end_in_the_same_way(lived, ada, tmp_path):
    api = token_of(ada)
    for path in ("access.csv", "sign-ins.csv", "sign-ins.jsonl"):
        content = b"".join(api.get(f"/organizations/acme/{path}").streaming_content)
        assert checked(tmp_path, content, path.rpartition(".")[2]).problems == [], path
    assert len(recorded(lived, "sign_in.download_finish")) == 2
    marked = b"".join(visit(ada).get("/o/acme/record.csv").streaming_content)
    assert checked(tmp_path, marked, "csv").problems == []


def test_a_file_without_any_entry_is_whole_too(acme, ada, tmp_path):
    for form in ("csv", "jsonl"):
        found = checked(tmp_path, downloaded(token_of(ada), form, actor="nobody"), form)
        assert (found.problems, found.entries) == ([], 0)


def test_an_end_that_could_not_be_recorded_is_not_there(acme, ada, monkeypatch):
    from identity import downloads

    def broken(*_args, **_values):
        raise ConnectionError

    answer = token_of(ada).get(f"{PATH}.jsonl")
    monkeypatch.setattr(downloads, "record", broken)
    pieces = []
    with pytest.raises(ConnectionError):
        pieces.extend(answer.streaming_content)
    assert not any(b'{"end"' in piece for piece in pieces)


def rollcall(*arguments):
    out = io.StringIO()
    code = 0
    try:
        call_command("rollcall", *map(str, arguments), stdout=out)
    except SystemExit as ended:
        code = ended.code
    return code, out.getvalue()


@FORMS
def test_the_command_line_says_whether_a_file_is_whole(lived, ada, form, tmp_path):
    path = tmp_path / f"acme-record.{form}"
    content = downloaded(token_of(ada), form)
    path.write_bytes(content)
    (finished,) = recorded(lived, "record.download_finish")
    code, said = rollcall("verify", path, "--sha256", finished["data"]["sha256"])
    assert (code, said.splitlines()[0]) == (
        0,
        f"The file is whole: {finished['data']['entries']} entries.",
    )
    assert "filters: none" in said
    assert "as was to be" in said
    path.write_bytes(before_the_last_line(content))
    code, said = rollcall("verify", path)
    assert code == 1
    assert "broke off" in said
