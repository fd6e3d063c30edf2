"""`manage.py rollcall bundle` and `verify`: what was written is found whole, and whatever was altered is found."""

import io
import json
import subprocess
import sys
import zipfile

import pytest
from django.core.management import CommandError
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import bundle_check, erasure, members
from identity.bundle_check import check
from tests.api.client import recorded
from tests.bundles.conftest import contents, on_disk, written
from tests.command_line import rollcall
from tests.conftest import ROOT, SETUP, join
from tests.waiting import PATIENCE


def make_bundle(acme, folder):
    """Write a bundle in which somebody is erased, and give its path."""
    gone = join(acme, "forgotten@acme.example")
    members.offboard(gone, actor=SETUP)
    erasure.erase(gone, actor=SETUP)
    return on_disk(written(acme), folder)


@pytest.fixture(scope="module")
def made_before():
    """Give the bytes of the bundle that was made for the first test: what is checked offline needs no organization."""
    return []


@pytest.fixture
def bundle(request, made_before, tmp_path):
    """Give the path of a bundle in which somebody is erased."""
    if not made_before:
        acme, _ = map(request.getfixturevalue, ("acme", "lived"))
        made_before.append(make_bundle(acme, tmp_path).read_bytes())
    path = tmp_path / "bundle.zip"
    path.write_bytes(made_before[0])
    return path


def altered(path, **changes):
    """Write the archive anew with other members: name → bytes, None to leave it out, or a function of what was there."""
    target = path.with_name("altered.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in [*old.namelist(), *(name for name in changes if name not in old.namelist())]:
            content = old.read(name) if name in old.namelist() else b""
            change = changes.get(name, content)
            content = change(content) if callable(change) else change
            if content is not None:
                new.writestr(name, content)
    return target


def of(path):
    return contents(path.read_bytes())


def test_a_bundle_as_it_was_written_is_in_order(bundle):
    found = check(bundle)
    assert found.problems == []
    assert found.manifest["record"]["seq"] == len(of(bundle)["record.jsonl"])
    assert check(bundle, sha256=found.sha256).problems == []


def test_another_archive_than_the_one_meant_is_told(bundle):
    assert "not the one that is meant" in check(bundle, sha256="0" * 64).problems[0]


def in_record(number, change):
    """Alter one line of the record."""

    def apply(content):
        lines = content.splitlines(keepends=True)
        row = json.loads(lines[number])
        lines[number] = json.dumps(change(row)).encode() + b"\n"
        return b"".join(lines)

    return apply


def consistent(path, name, content):
    """Alter a file and have the manifest agree with it: what a forger would do."""
    import hashlib

    with zipfile.ZipFile(path) as old:
        manifest = json.loads(old.read("manifest.json"))
        new = content(old.read(name))
    manifest["files"][name] = {
        "lines": new.count(b"\n"), "bytes": len(new), "sha256": hashlib.sha256(new).hexdigest(),
    }  # fmt: skip
    return altered(path, **{name: new, "manifest.json": json.dumps(manifest).encode()})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"members.jsonl": lambda old: old.replace(b"jane", b"june")}, "members.jsonl has SHA-256"),
        ({"members.jsonl": lambda old: old + b"{}\n"}, "longer than the manifest says"),
        ({"members.jsonl": lambda old: b"".join(old.splitlines(keepends=True)[:-1])}, "members.jsonl has lines"),
        ({"members.jsonl": lambda old: old.rstrip(b"\n")}, "not made of lines"),
        ({"members.jsonl": None}, "in the manifest and not in the archive"),
        ({"more.jsonl": b"{}\n"}, "in the archive and not in the manifest"),
        ({"manifest.json": None}, "There is no manifest.json"),
        ({"manifest.json": b"{"}, "cannot be understood"),
        ({"manifest.json": b"[]"}, "cannot be understood"),
        ({"manifest.json": lambda old: old.replace(b'"version": 1', b'"version": 2')}, "no bundle of version 1"),
        ({"manifest.json": lambda old: old.replace(b'"waiting": 0', b'"waiting": "x"')}, "cannot be understood"),
    ],
)  # fmt: skip
def test_what_is_altered_is_found(bundle, changes, told):
    assert told in " ".join(check(altered(bundle, **changes)).problems)


@pytest.mark.parametrize(
    ("number", "change", "told"),
    [
        (3, lambda row: row | {"event": "member.erase"}, "Entry 4 has been altered"),
        (3, lambda row: row | {"actor_id": "somebody"}, "Entry 4 has been altered"),
        (3, lambda row: row | {"happened_at": "2020-01-01T00:00:00Z"}, "Entry 4 has been altered"),
        (3, lambda row: row | {"commitment": "00" * 32}, "Entry 4 has been altered"),
        (3, lambda row: row | {"hash": "00" * 32}, "Entry 4 has been altered"),
        (3, lambda row: row | {"detail": row["detail"] | {"actor": "Mallory"}}, "The detail of entry 4 has been altered"),
        (3, lambda row: row | {"detail": None}, "The detail of entry 4 has been altered"),
        (3, lambda row: row | {"salt": "xx"}, "The detail of entry 4 has been altered"),
        (3, lambda row: row | {"seq": 9}, "Line 4 of record.jsonl is entry 9"),
        (3, lambda row: row | {"organization": "00000000-0000-0000-0000-000000000000"}, "Entry 4 is another organization's"),
        (3, lambda row: {"no": "entry"}, "Line 4 of record.jsonl is no entry"),
        (3, lambda row: [], "Line 4 of record.jsonl is no entry"),
    ],
)  # fmt: skip
def test_a_record_altered_with_a_manifest_to_fit_is_found(bundle, number, change, told):
    found = check(consistent(bundle, "record.jsonl", in_record(number, change)))
    assert told in " ".join(found.problems)


def test_a_record_without_its_end_or_without_an_entry_is_found(bundle):
    without_end = consistent(bundle, "record.jsonl", lambda old: b"".join(old.splitlines(keepends=True)[:-1]))
    assert "The record ends at" in " ".join(check(without_end).problems)
    without_one = consistent(
        bundle,
        "record.jsonl",
        lambda old: b"".join(
            line for number, line in enumerate(old.splitlines(keepends=True)) if number != 4
        ),
    )
    assert "entries are missing" in " ".join(check(without_one).problems)


def test_a_whole_forgery_is_consistent_and_has_another_hash(bundle):
    """Why `verify` takes the SHA-256 that the server's record names."""
    forged = consistent(bundle, "members.jsonl", lambda old: old.replace(b"jane", b"june"))
    assert check(forged).problems == []
    assert check(forged, sha256=check(bundle).sha256).problems != []


@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(1, 255))
@settings(max_examples=60)
def test_no_altered_byte_makes_the_check_fall_over(bundle_bytes, tmp_path_factory, place, value):
    content = bytearray(bundle_bytes)
    content[int(place * len(content))] ^= value
    path = tmp_path_factory.getbasetemp() / "byte.zip"
    path.write_bytes(content)
    assert check(path, sha256=bundle_check.hashlib.sha256(bundle_bytes).hexdigest()).problems


@pytest.fixture(scope="module")
def bundle_bytes():
    """Give a small archive of the same make."""
    out = io.BytesIO()
    manifest = {
        "format": "rollcall-bundle", "version": 1, "organization": {"id": "x", "name": "X"}, "begun_at": "",
        "record": {"seq": 0, "hash": "00" * 32, "waiting": 0},
        "files": {"record.jsonl": {"lines": 0, "bytes": 0, "sha256": bundle_check.hashlib.sha256().hexdigest()}},
    }  # fmt: skip
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("record.jsonl", b"")
        archive.writestr("manifest.json", json.dumps(manifest))
    return out.getvalue()


def test_no_bundle_at_all_is_told(tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(b"not a zip")
    assert "damaged" in check(path).problems[0]


def test_the_commands_write_and_check(acme, lived, tmp_path):
    path = tmp_path / "acme.zip"
    code, said = rollcall("bundle", "acme", "--out", path)
    assert (code, "SHA-256" in said) == (0, True)
    assert path.stat().st_mode & 0o777 == 0o600
    code, said = rollcall("verify", path)
    assert (code, "are as the manifest says" in said) == (0, True)
    entry = recorded(acme, "bundle.write")[0]
    assert (entry["actor"]["kind"], entry["data"]["sha256"]) == ("operator", check(path).sha256)
    assert rollcall("verify", path, "--sha256", entry["data"]["sha256"])[0] == 0
    assert rollcall("verify", path, "--sha256", "0" * 64)[0] == 1
    assert rollcall("verify", altered(path, **{"groups.jsonl": b""}))[0] == 1
    assert list(tmp_path.glob("*.partial")) == []


def test_a_record_that_went_back_is_told_by_an_older_bundle(acme, lived, tmp_path):
    """Whoever holds an older one can tell that the server was restored from a backup, and from where on its record is another."""
    folder = tmp_path / "later"
    folder.mkdir()
    bundle = make_bundle(acme, tmp_path)
    later = on_disk(written(acme), folder)
    before, after = (len(of(path)["record.jsonl"]) for path in (bundle, later))
    assert before < after
    code, said = rollcall("verify", later, "--continues", bundle)
    assert (code, f"has all of the record that {bundle} has" in said) == (0, True)
    assert rollcall("verify", later, "--continues", later)[0] == 0
    code, said = rollcall("verify", bundle, "--continues", later)
    assert (code, f"behind entry {before} it is not the one of {later}" in said) == (1, True)
    with pytest.raises(CommandError, match="not in order"):
        rollcall("verify", later, "--continues", altered(bundle, **{"groups.jsonl": b""}))


def test_the_command_overwrites_nothing_and_knows_no_stranger(acme, tmp_path):
    path = tmp_path / "acme.zip"
    path.write_bytes(b"mine")
    with pytest.raises(CommandError, match="there already"):
        rollcall("bundle", "acme", "--out", path)
    with pytest.raises(CommandError, match="no such organization"):
        rollcall("bundle", "nobody", "--out", tmp_path / "x.zip")
    with pytest.raises(CommandError, match="cannot be written"):
        rollcall("bundle", "acme", "--out", tmp_path / "no" / "x.zip")
    with pytest.raises(CommandError, match="cannot be read"):
        rollcall("verify", tmp_path / "absent.zip")
    (tmp_path / "proof.json").write_text("[" * 100_000)
    with pytest.raises(CommandError, match="no proof of deletion"):
        rollcall("verify", path, "--proof", tmp_path / "proof.json")
    assert path.read_bytes() == b"mine"


def test_verify_needs_no_server(bundle, environment):
    """A process of its own, whose database and broker are nowhere."""
    nowhere = {"DATABASE_URL": "postgresql://a:b@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    ended = subprocess.run(
        [sys.executable, "manage.py", "rollcall", "verify", str(bundle)],
        cwd=ROOT, env=environment | nowhere, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "The record is whole up to" in ended.stdout
