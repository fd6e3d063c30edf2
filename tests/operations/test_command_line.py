"""`manage.py rollcall` as whoever runs it for the first time: help costs nothing, and a database without tables is said to be one."""

import subprocess
import sys

import pytest

from config.environment import ROOT
from tests.operations.machine import bare_environment


def manage(data, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=bare_environment() | {"ROLLCALL_DATA": str(data)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [("rollcall", "export", "--help"), ("rollcall", "schema")])
def test_what_needs_no_database_starts_none(tmp_path, arguments):
    ended = manage(tmp_path, *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout
    assert not (tmp_path / "postgres").exists()


def test_a_database_without_tables_is_no_traceback(tmp_path):
    ended = manage(tmp_path, "rollcall", "export", "-")
    assert ended.returncode == 1
    assert ended.stderr.startswith("CommandError: This database is not prepared")
    assert "manage.py up" in ended.stderr
