"""Everything on one machine with one command: servers, database, demonstration, web, worker and clock."""

import os
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import embedded, local, metrics, roles, start
from config.children import Child
from config.embedded.state import load_secrets
from config.environment import ROOT
from config.readiness import wait_until_ready
from config.supervisor import TICK_SECONDS, AlreadyRunningError, Supervisor, alone

OPERATOR: Final = "operator@rollcall.example"
READY_SECONDS: Final = 60.0
WORKER_PROCESSES: Final = 3  # two slow directories leave one to everything else


class Command(BaseCommand):
    help = "Start PostgreSQL and Valkey (unless the environment names some), migrate, and run everything until Ctrl-C."
    requires_system_checks: list[str] = []  # every child runs them
    _trouble = ""  # why a server of ours that died cannot be started

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the web server (default 8000)")
        parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--empty", action="store_true", help="no demonstration data")
        parser.add_argument("--data", type=Path, help="directory of everything that is kept (default var/)")

    def handle(self, *_: Any, port: int, bind: str, empty: bool, **__: Any) -> None:
        """Run until told to stop."""
        data: Path = settings.ROLLCALL_DATA
        try:
            with alone(data):
                start.refuse_busy(bind, port)
                start.check_semaphores()
                self._run(data, bind, port, empty=empty)
        except (AlreadyRunningError, embedded.EmbeddedError, roles.RoleError) as error:
            raise CommandError(str(error)) from error

    def _run(self, data: Path, bind: str, port: int, *, empty: bool) -> None:
        first = not (data / "operator.shown").exists()
        own_servers = not local.servers_named()
        supervisor = Supervisor(data, _children(data, bind, port, empty=empty), self._say)
        if own_servers:
            supervisor.mend = partial(self._mend, data, supervisor)
        supervisor.listen()
        try:
            if own_servers:
                self._say("Starting PostgreSQL and Valkey …")
                embedded.ensure(data, tied=True)
            self._say("Preparing the database …")
            if not _prepare(data, supervisor, empty=empty):
                self._say("Told to stop while the database is prepared: the next start goes on from there.")
                return
            supervisor.tick()
            if wait_until_ready(bind, port, READY_SECONDS, supervisor):
                self._greet(data, first=first, empty=empty)
                (data / "operator.shown").touch()
            supervisor.run()
        finally:
            self._say("Stopping …")
            supervisor.stop()
            if own_servers:
                embedded.release(data)

    def _mend(self, data: Path, supervisor: Supervisor) -> None:
        if embedded.running(data):
            return
        if not self._trouble:
            self._say("PostgreSQL or Valkey has died; starting it again.")
        before = embedded.urls(data)
        try:
            after = embedded.ensure_running(data, tied=True)
        except (embedded.EmbeddedError, OSError) as error:  # the next tick tries again
            if self._trouble != str(error):
                self._say(str(error))
            self._trouble = str(error)
            return
        self._trouble = ""
        if after != before:
            self._say("Somebody else has its port now; starting everything again with its new one.")
            supervisor.renew()

    def _greet(self, data: Path, *, first: bool, empty: bool) -> None:
        url = settings.ROLLCALL_PUBLIC_URL
        shown = (
            load_secrets(data).operator_password
            if first
            else f"as shown at the first start; kept in {data}/secrets.json"
        )
        self._say(
            f"\nRollcall is up.\n"
            f"  Console      {url}/\n"
            f"  Sign in as   {OPERATOR}\n"
            f"  Password     {shown}\n"
            f"  SCIM         {url}/scim/v2/\n"
            f"  SAML         {url}/saml2/<connection>/metadata, …/acs, …/login\n"
            f"  Logs         {data}/log/\n"
        )
        if not empty and find_spec("demo"):
            self._say("\n".join(import_module("demo.address").greeting(data)))
        self._say("Ctrl-C stops everything.\n")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _children(data: Path, bind: str, port: int, *, empty: bool) -> list[Child]:
    """List the processes, in the order of their start; the preparation has checked the role that they use."""
    environment = dict(os.environ)
    counters = Path(environment.setdefault("PROMETHEUS_MULTIPROC_DIR", str(metrics.directory())))
    metrics.forget(counters)
    commands = {
        "web": start.web(bind, port),
        "worker": start.worker(WORKER_PROCESSES),
        "clock": start.clock(),
    }
    if settings.ROLLCALL_DEBUG and not empty and find_spec("demo") and find_spec("demo.identity_provider"):
        commands["identity-provider"] = [sys.executable, "-m", "demo.identity_provider"]
    return [
        Child(name, command, data / "log" / f"{name}.log", environment, working_directory=ROOT)
        for name, command in commands.items()
    ]


def _prepare(data: Path, supervisor: Supervisor, *, empty: bool) -> bool:
    """Bring the database up to date in a process of its own, which reads the addresses of the servers just started.

    Tells whether it was brought there, and not told to stop. A terminal's Ctrl-C reaches us alone; each migration stands or falls as one.
    """
    command = [sys.executable, str(ROOT / "manage.py"), "prepare_database", "--verbosity=0"]
    environment = dict(os.environ)
    if settings.ROLLCALL_DEBUG:
        environment.setdefault("ROLLCALL_OPERATOR_EMAIL", OPERATOR)
        environment.setdefault("ROLLCALL_OPERATOR_PASSWORD", load_secrets(data).operator_password)
        command += [] if empty else ["--demonstration"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True) as preparing:  # noqa: S603 - our own command
        while preparing.poll() is None:
            if supervisor.stopping:
                preparing.terminate()
                return False
            time.sleep(TICK_SECONDS)
    if preparing.returncode:
        raise CommandError("The database could not be prepared; the lines above say why.")
    return True
