"""What web, worker and clock check before they start, and the programs that they then become."""

import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

import psycopg
from django.conf import settings
from django.core.management.base import CommandError

from audit.schema import EVERYWHERE_SETTING
from config import clients, roles, suited
from identity.master_keys import masters

WAIT_SECONDS: Final = 30.0
# For the headers of a request, and between two requests of a connection.
HEADER_SECONDS: Final = 20
HEADER_BYTES: Final = 64 * 1024
# Of each web process. An idle one costs it some kilobytes.
CONNECTIONS: Final = 4096


def web(bind: str, port: int) -> list[str]:
    """Give the command of the web processes: granian, each thread keeping its database connection."""
    return [
        sys.executable,
        "-m",
        "config.granian_loaded",
        "--interface=wsgi",
        f"--host={bind}",
        f"--port={port}",
        f"--workers={settings.ROLLCALL_WEB_WORKERS}",
        # Most of them are held back until others wait for clients (config/granian_threads.py).
        f"--blocking-threads={settings.ROLLCALL_WEB_THREADS + clients.THREADS}",
        "--blocking-threads-idle-timeout=600",
        # Told to expect HTTP/2 too, hyper waits for the first byte of a connection without end.
        "--http=1",
        f"--http1-header-read-timeout={HEADER_SECONDS * 1000}",
        f"--http1-buffer-size={HEADER_BYTES}",
        f"--backlog={CONNECTIONS}",
        f"--backpressure={CONNECTIONS}",
        "--respawn-interval=0.5",
        "--respawn-failed-workers",
        "--workers-kill-timeout=5",
        "--no-ws",
        "--no-access-log",
        "--log-level=warning",
        # Without handlers of its own: its lines go the way of ours.
        f"--log-config={Path(__file__).with_name('granian_log.json')}",
        "config.wsgi:application",
    ]


def worker(processes: int, queue: str = "") -> list[str]:
    """Give the command of a Celery worker that does so many jobs at once: of one queue, or of all."""
    return [
        *_celery("tasks.celery", "worker"),
        *([f"--queues={queue}"] if queue else []),
        f"--concurrency={processes}",
        "--without-gossip",
        "--without-mingle",
    ]


def clock() -> list[str]:
    """Give the command of the clock (Celery beat), which keeps nothing on disk."""
    return [*_celery("tasks.clock", "beat"), "--pidfile="]


def check_database() -> None:
    """Refuse a database that cannot hold us, or a role that row-level security does not bind; wait a while for one that is starting."""
    try:
        when_it_answers("DATABASE_URL", partial(suited.refuse_unsuited, settings.DATABASE_URL))
        roles.refuse_powerful(settings.DATABASE_URL)
        _refuse_other_keys(settings.DATABASE_URL)
    except (suited.UnsuitedError, roles.RoleError) as error:
        raise CommandError(str(error)) from error


def check_semaphores() -> None:
    """Refuse a system without semaphores: a worker ends at once for want of them, with a word that says nothing of it."""
    try:
        multiprocessing.get_context("fork").Lock()
    except OSError as error:
        message = f"Workers need the system's semaphores, and it gives none: {error}. On Linux they are files in /dev/shm, a tmpfs."
        raise CommandError(message) from error


def refuse_busy(bind: str, port: int) -> None:
    """End with a clear sentence when somebody listens there, before anything is started."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        message = f"Cannot listen on {bind} port {port}: {error}. `--port` chooses another one."
        raise CommandError(message) from error


def when_it_answers(setting: str, ask: Callable[[], None]) -> None:
    """Ask the database of a setting, again and again while it is starting. Raises CommandError when it does not answer in time.

    The first refusal is told at once: a wrong password or certificate looks no other than a server that is starting, and somebody waits.
    """
    deadline, told = time.monotonic() + WAIT_SECONDS, False
    while True:
        try:
            ask()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise CommandError(f"{setting}: the database does not answer: {error}") from error
            if not told:
                sys.stderr.write(f"{setting}: no answer yet, trying for {WAIT_SECONDS:.0f} s: {error}\n")
            told = True
            time.sleep(0.5)
        else:
            return


def become(command: list[str]) -> NoReturn:
    """Turn this process into another program."""
    os.execv(command[0], command)  # noqa: S606 - our own programs


def _refuse_other_keys(url: str) -> None:
    """Raise CommandError where our master keys open nothing of what is sealed there: they would seal what comes, beside it."""
    with psycopg.connect(url, connect_timeout=suited.CONNECT_SECONDS) as connection:
        connection.execute("SELECT set_config(%s, 'on', true)", [EVERYWHERE_SETTING])
        try:
            rows = connection.execute("SELECT DISTINCT master_key_id FROM identity_datakey").fetchall()
        except psycopg.errors.UndefinedTable:
            return  # not prepared: no news of ours
    wrapped, known = {str(row[0]) for row in rows}, {master_id for master_id, _ in masters()}
    if wrapped and not wrapped & known:
        message = (
            f"ROLLCALL_MASTER_KEY opens nothing of what is sealed in this database, which is under the master key {min(wrapped)}"
            " (the first 16 digits of its SHA-256). Give that one, or if it was changed, name it in ROLLCALL_MASTER_KEYS_OLD."
        )
        raise CommandError(message)


def _celery(app: str, part: str) -> list[str]:
    return [_program("celery"), "--quiet", f"--app={app}", part, "--loglevel=WARNING"]


def _program(name: str) -> str:
    """Find a program of the virtual environment beside its Python."""
    return str(Path(sys.executable).with_name(name))
