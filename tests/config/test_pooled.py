"""Behind a PgBouncer that loses prepared statements every other request would be a 500: it is refused at the start. Skipped without one."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from config import suited
from config.embedded.unprivileged import user_for
from tests.ports import free_port
from tests.settings import SERVERS
from tests.waiting import PATIENCE, eventually

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no PgBouncer is installed")
KEEPS = (1, 21)  # the first version that can keep prepared statements in transaction mode


def version() -> tuple[int, ...]:
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.search(r"PgBouncer (\d+)\.(\d+)", said).groups())


@contextmanager
def pooled(**settings: object) -> Iterator[str]:
    """Give the address of a PgBouncer before the tests' PostgreSQL. It refuses root, so its files lie where another user may read them."""
    server, port = conninfo_to_dict(SERVERS.database_url), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = {
            "listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "", "auth_type": "scram-sha-256",
            "auth_file": folder / "users", "ignore_startup_parameters": "options",
        } | settings  # fmt: skip
        text = f"[databases]\n* = host={server['host']} port={server['port']}\n[pgbouncer]\n"
        (folder / "ini").write_text(text + "".join(f"{key} = {value}\n" for key, value in lines.items()))
        (folder / "users").write_text(f'"{server["user"]}" "{server["password"]}"\n')
        user = user_for(folder) or (None, None)
        if user[0] is not None:
            for path in (folder, *folder.iterdir()):
                os.chown(path, *user)
        process = subprocess.Popen(
            [PROGRAM, "-q", folder / "ini"], user=user[0], group=user[1], stderr=subprocess.PIPE, text=True
        )
        try:
            assert eventually(lambda: process.poll() is not None or listens(port))
            assert process.poll() is None, process.stderr.read()
            yield SERVERS.database_url.replace(f":{server['port']}/", f":{port}/")
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_pooler_that_loses_prepared_statements_is_refused():
    forgets = {"max_prepared_statements": 0} if version() >= KEEPS else {}
    with (
        pooled(pool_mode="transaction", **forgets) as url,
        pytest.raises(suited.UnsuitedError, match="a pooler stands before it and loses prepared statements"),
    ):
        suited.refuse_unsuited(url)


def test_one_that_keeps_them_suits():
    keeps = (
        {"pool_mode": "transaction", "max_prepared_statements": 200}
        if version() >= KEEPS
        else {"pool_mode": "session"}
    )
    with pooled(**keeps) as url:
        suited.refuse_unsuited(url)


def test_one_that_lets_no_options_in_says_so_at_the_start():
    """Every connection of a request has some, and that of the check had none: it started, and answered 503 to everything."""
    with (
        pooled(pool_mode="session", ignore_startup_parameters="") as url,
        pytest.raises(psycopg.OperationalError, match="unsupported startup parameter"),
    ):
        suited.refuse_unsuited(url)
