"""The counters of a web process have their room on the disk before it serves: a full disk doesn't end it."""

import os
import subprocess
import sys

from config.environment import ROOT
from tests.operations.machine import bare_environment

RESERVE = """
import django; django.setup()
from config import metrics
metrics.reserve()
metrics.count_request("scim", "users", 200, 0.1)
for number in range(200):
    metrics.count_request("console", f"page {number}", 200, 0.1)
"""


def run(environment: dict[str, str], folder: str, before: str = "") -> subprocess.CompletedProcess[str]:
    settings = {
        **environment,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PROMETHEUS_MULTIPROC_DIR": folder,
    }
    return subprocess.run(
        [sys.executable, "-c", before + RESERVE],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_will_be_written_has_its_room_before(tmp_path):
    result = run(
        bare_environment(ROLLCALL_DEBUG="true", ROLLCALL_DATA=str(tmp_path / "data")),
        str(tmp_path / "counters"),
    )
    assert (result.returncode, result.stderr) == (0, "")
    files = list((tmp_path / "counters").iterdir())
    assert sorted(file.name.partition("_")[0] for file in files) == ["counter", "histogram"]
    for file in files:
        assert file.stat().st_blocks * 512 >= file.stat().st_size == 1024 * 1024, os.fspath(file)


def test_a_process_that_finds_no_room_counts_for_itself_alone(tmp_path):
    counters = tmp_path / "counters"
    counters.mkdir()
    environment = bare_environment(ROLLCALL_DEBUG="true", ROLLCALL_DATA=str(tmp_path / "data"))
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    result = run(environment, str(counters), full)
    assert result.returncode == 0, result.stderr
    assert "counters_without_room" in result.stderr
    assert list(counters.iterdir()) == []
