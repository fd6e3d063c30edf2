"""`manage.py rollcall` as whoever runs it for the first time: help costs nothing, and a database without tables is said to be one."""

import runpy
import subprocess
import sys

import pytest

from config import local
from config.environment import ROOT
from tests.operations.machine import bare_environment


def manage(data, *arguments, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=bare_environment() | {"ROLLCALL_DATA": str(data)} | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serve", "--help"), "--bind"),
        (("rollcall", "export", "-h"), "file"),
        (("rollcall", "schema"), "https://json-schema.org/"),
    ],
)
def test_what_needs_no_settings_reads_none_and_starts_nothing(tmp_path, arguments, said):
    """`serve --help` wanted five settings first, and an image for production said to none of its commands what it takes."""
    ended = manage(tmp_path / "none", *arguments, ROLLCALL_DEBUG="wrong", DATABASE_URL="postgresql://wrong")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert said in ended.stdout
    assert not (tmp_path / "none").exists()


def test_ctrl_c_at_any_moment_is_no_traceback(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "use", interrupted)
    monkeypatch.setattr(sys, "argv", ["manage.py", "up"])
    monkeypatch.setenv("PYTHONUTF8", "1")  # which it sets, and which ends with the test
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "manage.py"), run_name="__main__")
    assert ended.value.code == 130


def test_a_database_without_tables_is_no_traceback(tmp_path):
    ended = manage(tmp_path, "rollcall", "export", "-")
    assert ended.returncode == 1
    assert ended.stderr.startswith("CommandError: This database is not prepared")
    assert "manage.py up" in ended.stderr


def test_what_a_locale_has_no_letters_for_is_written_all_the_same(tmp_path):
    """`up` ended with its first line, which has an ellipsis, where the locale is ISO-8859-1."""
    empty = tmp_path / "Łódź….jsonl"
    empty.touch()
    # As Python sets itself up in such a locale; it need not be installed.
    ended = manage(
        tmp_path, "rollcall", "verify", empty.with_suffix(".zip"), PYTHONIOENCODING="iso8859-1:strict"
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("CommandError: file: ")
    empty.write_text("broken")
    ended = manage(tmp_path, "rollcall", "verify", empty, PYTHONIOENCODING="iso8859-1:strict")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert f"{empty} is not in order." in ended.stdout
