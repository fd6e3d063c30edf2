"""The embedded servers start, stop and come back with their data, as whoever runs them."""

import contextlib
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import Mock

import psutil
import psycopg
import pytest
import redis

from config import embedded
from config.embedded import postgres, state, valkey
from config.environment import ROOT
from tests.waiting import eventually

START = (
    "import sys; from config import embedded; print(embedded.ensure(sys.argv[1], durable=False).database_url)"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Give a data directory whose servers have run, and chose no port yet: to make one takes ten times as long as to copy it."""
    directory = tmp_path_factory.mktemp("data")
    embedded.ensure(directory, durable=False)
    embedded.release(directory)
    (directory / "ports.json").unlink()
    return directory


@pytest.fixture
def servers(tmp_path, data):
    subprocess.run(["cp", "-a", f"{data}/.", tmp_path], check=True)
    yield embedded.ensure(tmp_path, durable=False)
    embedded.stop(tmp_path)


def write(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def count(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) FROM kept").fetchone()[0]


def test_asking_again_changes_nothing(tmp_path, servers):
    before = postgres.pid(tmp_path), valkey.pid(tmp_path)
    assert embedded.ensure(tmp_path, durable=False) == servers
    assert (postgres.pid(tmp_path), valkey.pid(tmp_path)) == before


def test_a_stopped_server_comes_back_with_its_address_and_data(tmp_path, servers):
    write(servers.owner_url)
    embedded.stop(tmp_path)
    assert not embedded.running(tmp_path)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(servers.owner_url, connect_timeout=2)
    assert embedded.ensure_running(tmp_path, durable=False) == servers
    assert count(servers.owner_url) == 1
    assert redis.Redis.from_url(servers.redis_url).ping()


def test_a_killed_postgresql_loses_nothing_committed(tmp_path):
    servers = embedded.ensure(tmp_path)
    try:
        write(servers.owner_url)
        with psycopg.connect(servers.owner_url) as connection:
            # What it comes back from: pages that are written whole are written small.
            kept = connection.execute(
                "SELECT current_setting('full_page_writes'), current_setting('wal_compression')"
            )
            assert kept.fetchone() == ("on", "pglz")
        os.kill(postgres.pid(tmp_path), signal.SIGKILL)
        assert embedded.ensure_running(tmp_path) == servers
        assert count(servers.owner_url) == 1
    finally:
        embedded.release(tmp_path)


def test_a_pid_file_with_a_strangers_number_does_not_stop_the_start(tmp_path, servers):
    write(servers.owner_url)
    embedded.stop(tmp_path)
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "valkey" / "valkey.pid").write_text(f"{os.getpid()}\n")
    embedded.ensure_running(tmp_path, durable=False)
    assert count(servers.owner_url) == 1
    assert psutil.pid_exists(os.getpid())


def test_a_taken_port_is_replaced(tmp_path, servers):
    embedded.stop(tmp_path)
    port = int(servers.redis_url.rsplit(":", 1)[1].split("/")[0])
    with socket.create_server(("127.0.0.1", port)):
        again = embedded.ensure_running(tmp_path, durable=False)
    assert again.redis_url != servers.redis_url
    assert again.database_url == servers.database_url
    assert redis.Redis.from_url(again.redis_url).ping()


def test_passwords_are_asked_for_and_kept_private(tmp_path, servers):
    for name in ("secrets.json", "ports.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    wrong = servers.database_url.replace("rollcall_app:", "rollcall_app:wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(servers.redis_url.replace("//:", "//:wrong")).ping()
    assert "password" not in " ".join(psutil.Process(valkey.pid(tmp_path)).cmdline())
    for name in ("postgres.log", "valkey.log"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "how"), [(None, "missing"), ("", "damaged"), ("{", "damaged"), ("{}", "missing")]
)
def test_lost_secrets_are_told_and_not_made_anew(tmp_path, servers, content, how):
    """A new master key in place of the old one would open nothing, and be what the next backup holds."""
    embedded.stop(tmp_path)
    secrets = tmp_path / "secrets.json"
    kept = secrets.read_text()
    if content is None:
        secrets.unlink()
    else:
        secrets.write_text(content)
    with pytest.raises(embedded.EmbeddedError, match=f"secrets.json is {how}. .*from a backup"):
        embedded.ensure(tmp_path, durable=False)
    assert (secrets.read_text() if secrets.exists() else None) == content
    secrets.write_text(kept)
    assert embedded.ensure(tmp_path, durable=False) == servers


def test_damaged_ports_are_chosen_anew(tmp_path, servers):
    embedded.stop(tmp_path)
    (tmp_path / "ports.json").write_text("{")
    again = embedded.ensure(tmp_path, durable=False)
    write(again.superuser_url)


def test_a_machine_without_the_loopback_address_is_told(tmp_path, monkeypatch):
    """As one that knows IPv6 alone."""
    monkeypatch.setattr(state, "LOCALHOST", "203.0.113.9")
    with pytest.raises(embedded.EmbeddedError, match=r"does not have: .* DATABASE_URL and REDIS_URL"):
        embedded.ensure(tmp_path, durable=False)
    embedded.release(tmp_path)


@pytest.mark.parametrize("full", [OSError(28, "No space left"), psycopg.errors.DiskFull("No space left")])
def test_a_start_on_a_full_disk_is_told(tmp_path, monkeypatch, full):
    monkeypatch.setattr(embedded, "ensure_running", Mock(side_effect=full))
    with pytest.raises(embedded.EmbeddedError, match=f"ready in {tmp_path}: .*No space left"):
        embedded.ensure(tmp_path)
    embedded.release(tmp_path)


def test_the_last_process_that_leaves_stops_the_servers(tmp_path, servers):
    subprocess.run([sys.executable, "-c", START, tmp_path], cwd=ROOT, check=True, capture_output=True)
    assert embedded.running(tmp_path)  # we are still there
    embedded.release(tmp_path)
    assert not embedded.running(tmp_path)
    subprocess.run([sys.executable, "-c", START, tmp_path], cwd=ROOT, check=True, capture_output=True)
    assert not embedded.running(tmp_path)


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a directory that nobody owns, and not below pytest's own: each run of pytest that begins beside this one closes that again."""
    with TemporaryDirectory(prefix="rollcall-home-") as made:
        nobody = pwd.getpwnam("nobody")
        os.chown(made, nobody.pw_uid, nobody.pw_gid)
        yield Path(made)


def test_a_first_start_that_is_killed_leaves_the_next_one_nothing_half_made(tmp_path):
    first = subprocess.Popen([sys.executable, "-c", START, tmp_path], cwd=ROOT, stdout=subprocess.DEVNULL)
    assert eventually(lambda: list(tmp_path.glob("postgres*/PG_VERSION")))  # initdb's first file
    started = psutil.Process(first.pid).children(recursive=True)
    for each in (first, *started):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    first.wait()
    second = subprocess.run(
        [sys.executable, "-c", START, tmp_path], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert second.returncode == 0, second.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start processes as somebody else")
def test_an_ordinary_user_can_start_them(home):
    nobody = pwd.getpwnam("nobody")
    # Our own Python may lie where nobody may go; the system's serves as well when it is the same version.
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = (
        f"/usr/bin/python{version}"
        if os.path.realpath(sys.executable).startswith("/root/")
        else sys.executable
    )
    if not Path(python).exists():
        pytest.skip(f"no Python {version} that an ordinary user may run")
    result = subprocess.run(
        [python, "-c", START, home / "var"],
        cwd=ROOT, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
        env={"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("postgresql://rollcall_app:")


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root owns directories that PostgreSQL's user may not enter"
)
def test_root_can_start_them_below_a_closed_directory(tmp_path, monkeypatch):
    """A clone in /root, with the programs in it and the data."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "bin").symlink_to(postgres.BINARIES)
    monkeypatch.setattr(postgres, "BINARIES", closed / "bin")
    servers = embedded.ensure(closed / "var", durable=False)
    try:
        write(servers.owner_url)
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert psutil.Process(postgres.pid(closed / "var")).uids().real != 0
    finally:
        embedded.release(closed / "var")
