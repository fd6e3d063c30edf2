"""Files fetched by SFTP from a real server: which one, from whom, and not while it is written."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import pytest

from tasks.connectors.csv import CsvConnector
from tasks.connectors.faults import Misconfigured, Unauthorized, Unreachable
from tests.connectors.listing import run
from tests.connectors.sftp_server import PASSWORD, USER
from tests.waiting import PATIENCE

OLD, NEW = "id,login\n1,jane\n", "id,login\n1,jane\n2,john\n"


class Site:
    """The folder that is served, the port and the host key."""

    def __init__(self, folder: Path, line: str, key: asyncssh.SSHKey) -> None:
        self.files = folder / "files"
        port, self.host_key = line.strip().split(" ", 1)
        self.port = int(port)
        self.key = key


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sftp")
    (folder / "files" / "out").mkdir(parents=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    (folder / "authorized").write_bytes(key.export_public_key())
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.connectors.sftp_server", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield Site(folder, process.stdout.readline(), key)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


def read(connector, **more):
    """Read in a thread of its own: where browser tests ran before, playwright's event loop still runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run, connector, **more).result()


@pytest.fixture
def fetch(site, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.1",)
    for path in (site.files / "out").iterdir():
        path.unlink()
    (site.files / "out" / "people-2026-01.csv").write_text(OLD)
    (site.files / "out" / "people-2026-02.csv").write_text(NEW)
    (site.files / "out" / "payroll-2026-03.csv").write_text("secret")

    def start(path="/out/people-*.csv", credentials=None, **more):
        values = {
            "mapping": {"external_id": "id", "user_name": "login"},
            "sftp_url": f"sftp://{USER}@127.0.0.1:{site.port}{path}",
            "sftp_host_key": site.host_key,
        }
        return read(CsvConnector(values | more, credentials or {"sftp_password": PASSWORD}))

    return start


def test_the_last_file_that_matches_is_read(fetch):
    listing = fetch()
    assert set(listing.people) == {"jane", "john"}
    assert listing.end.whole


def test_a_file_may_be_named_and_a_key_may_open(fetch, site):
    key = site.key.export_private_key().decode()
    assert set(fetch("/out/people-2026-01.csv", {"sftp_private_key": key}).people) == {"jane"}


def test_the_host_key_may_be_the_whole_line_of_ssh_keyscan(fetch, site):
    assert set(fetch(sftp_host_key=f"[127.0.0.1]:{site.port} {site.host_key}").people) == {"jane", "john"}


def test_the_same_file_twice_is_no_second_word(fetch, site, settings):
    first = fetch()
    values = {"mapping": {"external_id": "id", "user_name": "login"}, "sftp_host_key": site.host_key}
    values["sftp_url"] = f"sftp://{USER}@127.0.0.1:{site.port}/out/people-*.csv"
    again = read(CsvConnector(values, {"sftp_password": PASSWORD}), cookie=first.end.cookie)
    assert (again.people, again.end.whole) == ({}, False)


@pytest.mark.parametrize(
    ("path", "credentials", "more", "fault", "word"),
    [
        ("/out/people-*.csv", {"sftp_password": "wrong"}, {}, Unauthorized, "password"),
        ("/out/nobody-*.csv", None, {}, Misconfigured, "Nothing matches"),
        ("/out/absent.csv", None, {}, Misconfigured, "no /out/absent.csv"),
        ("/out", None, {}, Misconfigured, "is a folder"),
        ("/out/", None, {}, Misconfigured, "is a folder"),
        ("/absent/*.csv", None, {}, Misconfigured, "no /absent"),
        ("/../../../../etc/passwd", None, {}, Misconfigured, "no /"),
        ("", None, {}, Misconfigured, "sftp://"),
        ("/x", None, {"sftp_url": "sftp://rollcall@10.1.2.3/x"}, Unreachable, "private network"),
        ("/x", None, {"sftp_url": "sftp://rollcall@127.0.0.1:1/x"}, Unreachable, "does not answer"),
        ("/x", None, {"sftp_url": "sftp://rollcall@127.0.0.1:99999/x"}, Misconfigured, "sftp://"),
        ("/x", None, {"sftp_url": "https://127.0.0.1/x"}, Misconfigured, "sftp://"),
        ("/x", None, {"sftp_host_key": ""}, Misconfigured, "host key"),
        ("/x", None, {"sftp_host_key": "ssh-ed25519 nonsense"}, Misconfigured, "host key"),
        ("/x", {"sftp_private_key": "nonsense"}, {}, Misconfigured, "private key"),
    ],
)
def test_what_leads_nowhere_says_what_to_do(fetch, path, credentials, more, fault, word):
    with pytest.raises(fault, match=word):
        fetch(path, credentials, **more)


def test_another_host_key_than_the_pinned_one_is_refused(fetch):
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(Misconfigured, match="another host key"):
        fetch(sftp_host_key=other)


def test_a_file_that_is_being_written_waits_for_the_next_run(fetch, site, monkeypatch):
    from tasks.connectors import sftp

    path = site.files / "out" / "people-2026-02.csv"
    path.write_text(NEW + "".join(f"{number},person{number}\n" for number in range(3, 5000)))
    read = asyncssh.SFTPClientFile.read

    async def read_while_somebody_writes(self, *arguments):
        with path.open("a") as file:
            file.write("9999,late\n")
        return await read(self, *arguments)

    monkeypatch.setattr(sftp, "_CHUNK", 4096)
    monkeypatch.setattr(asyncssh.SFTPClientFile, "read", read_while_somebody_writes)
    with pytest.raises(Unreachable, match="being written"):
        fetch()
