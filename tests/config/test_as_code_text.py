"""The text of a file of organizations as code: which is read, which is refused, and that it is read as it was written."""

import tracemalloc

import pytest
import yaml
from django.core.management import CommandError

from config.as_code import events
from config.as_code.shapes import Document
from identity import tenancy
from identity.models import Organization
from tests.config.test_as_code import exported, rollcall


@pytest.mark.parametrize(
    "text",
    ["", "- a", "version: 2\norganizations: []", "version: 1\nversion: 1\norganizations: []", "a: &x [1]\nb: *x", "{", "\x00",
     "version: 1\norganizations: [{slug: a}, {slug: a}]", "!!python/object/apply:os.system [echo]"],
)  # fmt: skip
def test_what_is_no_such_file_is_refused(db, tmp_path, text):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(CommandError):
        rollcall("plan", path)
    with pytest.raises(CommandError, match="cannot be read"):
        rollcall("plan", tmp_path / "absent.yaml")


@pytest.mark.parametrize("name", ["No", "yes", "off", "ON", "y"])
def test_no_is_a_word_and_not_a_boolean(acme, tmp_path, name):
    path = tmp_path / "no.yaml"
    path.write_text(f"version: 1\norganizations:\n- slug: acme\n  name: {name}\n  email_unique: true\n")
    assert rollcall("apply", path)[0] == 0
    with tenancy.of(acme):
        found = Organization.objects.get()
    assert (found.name, found.email_unique) == (name, True)
    assert exported(tmp_path / "out.yaml", "acme")["organizations"][0]["name"] == name
    assert rollcall("plan", tmp_path / "out.yaml") == (0, "Nothing would change.\n")


@pytest.mark.parametrize("text", ["? [a, b]\n: c\n", "? {a: b}\n: c\n"])
def test_a_list_is_no_key(db, tmp_path, text):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(CommandError, match="is not YAML"):
        rollcall("plan", path)


@pytest.mark.parametrize(
    "text", ["version: 1\n---\nversion: 1\n", "!!set {a}", "a: !!binary [b]", "=: 1", "<<: {version: 1}"]
)
def test_what_a_file_has_no_use_for_is_refused(db, tmp_path, text):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(CommandError, match="is not YAML"):
        rollcall("plan", path)


@pytest.mark.parametrize(
    "value",
    [
        {}, {"list": [], "object": {}, "nothing": None}, {"yes": True, "no": False, "count": 12, "share": 1.5},
        {name: name for name in ("no", "Yes", "true", "null", "~", "12", "1.5", "2026-11-23", "- a", "a: b", "# a", "*a", "&a", "!a", "")},
        {"lines": "one\ntwo\n", "long": "word " * 60, "spaces": "  a  ", "odd": "é 中 🙂 \u2028 \x7f \t"},
        {"list": [[["deep"], []], {"a": [{"b": "c"}]}]},
    ],
)  # fmt: skip
def test_what_is_written_is_read_as_it_was(value):
    written = events.write(value)
    assert events.read(written.encode()) == value
    assert yaml.safe_load(written) == value


def test_one_value_in_two_places_is_written_out_in_both():
    same = {"grants": [{"kind": "asset"}]}
    assert events.read(events.write({"a": same, "b": same}).encode()) == {"a": same, "b": same}


def test_of_a_long_file_little_more_is_kept_than_what_it_says():
    grants = [{"kind": "asset", "id": f"asset {number}", "permission": "view"} for number in range(100)]
    raw = events.write(
        {"mappings": [{"group": f"Team {number}", "grants": grants} for number in range(50)]}
    ).encode()
    tracemalloc.start()
    try:
        read = events.read(raw)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(read["mappings"]) == 50
    assert most < kept + 2 * len(raw)


def test_what_very_many_are_exported_as_can_be_read_again():
    directories = [{"name": f"Directory {number}", "idp": "okta"} for number in range(5000)]
    several = [{"slug": f"org-{number}", "name": f"Org {number}"} for number in range(5000)]
    shape = Document(
        data={"version": 1, "organizations": [{"slug": "acme", "directories": directories}, *several]}
    )
    assert shape.is_valid(), shape.errors
    shape = Document(
        data={"version": 1, "organizations": [*several, {"slug": "org-7"}, {"slug": "org-4999"}]}
    )
    assert not shape.is_valid()
    assert str(shape.errors["organizations"][0]) == "org-4999 stands here twice."
