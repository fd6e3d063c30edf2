"""The benches run: a figure that nobody can measure again is worth nothing."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from config.environment import ROOT
from tests.operations.machine import bare_environment
from tests.ports import free_port


@pytest.fixture
def apart(tmp_path) -> Iterator[dict[str, str]]:
    """Give the environment of a bench, and look afterwards that it has left none of its servers' data."""
    yield bare_environment(TMPDIR=str(tmp_path))
    assert list(tmp_path.glob("bench-*")) == []


def test_the_bench_of_scim_measures_the_product_and_says_what_it_cannot(apart) -> None:
    command = [sys.executable, "bench/scim/run.py", "--members", "1200", "--seconds", "0.1", "--peers", "no"]
    ran = subprocess.run(
        [*command, "--only", "get,create"],
        cwd=ROOT, env=apart, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "| GET a person |" in ran.stdout
    assert "| POST a person |" in ran.stdout

    few = subprocess.run(
        [*command, "--peers-members", "10"],
        cwd=ROOT, env=apart, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert few.returncode == 2
    assert "the peers need 1000 people" in few.stderr


def test_the_bench_of_the_processor_measures_what_writes_cost(apart) -> None:
    command = [
        sys.executable,
        "bench/scim/processor.py",
        "create,add100",
        "--members",
        "1200",
        "--rounds",
        "1",
        "--person",
        "whole",
    ]
    ran = subprocess.run(
        [*command, "--requests", "3"],
        cwd=ROOT, env=apart, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    costs = re.findall(r"^(\w+) +([\d,]+) \+ +([\d,]+) µs", ran.stdout, re.MULTILINE)
    assert [name for name, _, _ in costs] == ["create", "add100"]
    # Of this process, and of its PostgreSQL.
    assert all("0" not in parts for _, *parts in costs), ran.stdout


def test_a_server_that_does_not_listen_in_time_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench" / "scim"))
    servers = import_module("servers")
    monkeypatch.setattr(servers, "START_SECONDS", 0)
    with (
        pytest.raises(SystemExit, match="sleep does not listen"),
        servers.running(["sleep", "600"], free_port(), tmp_path / "log"),
    ):
        raise AssertionError("nobody listens there")
