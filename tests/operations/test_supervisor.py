"""The supervisor goes on whatever the machine has no room for, and makes up for it later."""

import json
import os
import sys
from pathlib import Path

import pytest

from config.children import Child
from config.embedded import EmbeddedError
from config.supervisor import Supervisor, alone
from tests.waiting import eventually

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


class Watched:
    """A supervisor of one child, and what it told."""

    def __init__(self, data: Path) -> None:
        self.told: list[str] = []
        self.child = Child("sleeper", SLEEPER, data / "log" / "sleeper.log", dict(os.environ), data)
        self.supervisor = Supervisor(data, [self.child], self.told.append)

    def runs_anew(self, before: int) -> bool:
        self.supervisor.tick()
        return self.child.process is not None and self.child.process.pid != before


@pytest.fixture
def watched(tmp_path):
    watched = Watched(tmp_path)
    watched.child.pause = 0.0
    yield watched
    watched.supervisor.stop()


def test_what_cannot_be_written_down_stops_nobody_and_is_written_later(tmp_path, watched):
    # As on a full disk, where the file beside it cannot be made: in its place is a folder.
    beside = tmp_path / f".up.json.{os.getpid()}"
    beside.mkdir()
    watched.supervisor.tick()
    assert watched.child.process.poll() is None
    assert not (tmp_path / "up.json").exists()
    beside.rmdir()
    watched.supervisor.tick()
    assert list(json.loads((tmp_path / "up.json").read_text())) == [str(watched.child.process.pid)]


def test_a_directory_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(EmbeddedError, match="file is no directory that data can be kept in: "),
        alone(tmp_path / "file"),
    ):
        pass


def test_a_log_is_for_us_alone_also_one_that_an_older_release_wrote(tmp_path, watched):
    log = tmp_path / "log" / "sleeper.log"
    log.parent.mkdir()
    log.write_text("before\n")
    log.chmod(0o644)
    watched.supervisor.tick()
    assert (log.stat().st_mode & 0o777, log.read_text()) == (0o600, "before\n")


def test_a_child_that_cannot_be_started_is_started_later(tmp_path, watched):
    watched.supervisor.tick()
    before = watched.child.process
    # Its log cannot be opened.
    log = tmp_path / "log" / "sleeper.log"
    log.unlink()
    log.mkdir()
    before.kill()
    assert eventually(lambda: watched.supervisor.tick() or len(watched.told) > 1)
    assert "could not be started: [Errno 21] Is a directory" in watched.told[1]
    log.rmdir()
    assert eventually(lambda: watched.runs_anew(before.pid))
