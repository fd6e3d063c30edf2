"""The benches run: a figure that nobody can measure again is worth nothing."""

import re
import subprocess
import sys

from config.environment import ROOT
from tests.operations.machine import bare_environment


def test_the_bench_of_scim_measures_the_product_and_says_what_it_cannot() -> None:
    command = [sys.executable, "bench/scim/run.py", "--members", "1200", "--seconds", "0.1", "--peers", "no"]
    ran = subprocess.run(
        [*command, "--only", "get,create"],
        cwd=ROOT, env=bare_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "| GET a person |" in ran.stdout
    assert "| POST a person |" in ran.stdout

    few = subprocess.run(
        [*command, "--peers-members", "10"],
        cwd=ROOT, env=bare_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert few.returncode == 2
    assert "the peers need 1000 people" in few.stderr


def test_the_bench_of_the_processor_measures_what_writes_cost() -> None:
    command = [
        sys.executable,
        "bench/scim/processor.py",
        "create,add100",
        "--members",
        "1200",
        "--rounds",
        "1",
    ]
    ran = subprocess.run(
        [*command, "--requests", "3"],
        cwd=ROOT, env=bare_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    costs = re.findall(r"^(\w+) +([\d,]+) \+ +([\d,]+) µs", ran.stdout, re.MULTILINE)
    assert [name for name, _, _ in costs] == ["create", "add100"]
    # Of this process, and of its PostgreSQL.
    assert all("0" not in parts for _, *parts in costs), ran.stdout
