"""A real OpenLDAP in a temporary folder: slapd with mdb and syncprov on a free loopback port, filled by slapadd."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.waiting import PATIENCE, eventually

SUFFIX = "dc=acme,dc=example"
ADMIN = f"cn=admin,{SUFFIX}"
PASSWORD = "only-for-this-test"

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
{more}
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
pidfile {folder}/slapd.pid
{tls}
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw {password}
directory {folder}/data
maxsize 268435456
{access}
index objectClass,uid,entryUUID,entryCSN eq
{limits}
overlay syncprov
syncprov-sessionlog 1000
"""


@dataclass
class OpenLdap:
    """A server that can be filled, stopped and started again; `url` is where it listens."""

    folder: Path
    port: int
    limits: str = "limits users size=unlimited"  # slapd's own default is 500 entries
    tls: str = ""
    more: str = ""
    scheme: str = "ldap"
    host: str = "127.0.0.1"
    access: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The address for `ldap.initialize`."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def configure(self) -> None:
        """Write slapd.conf, which a restart reads anew."""
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "slapd.conf").write_text(
            CONFIGURATION.format(
                folder=self.folder,
                limits=self.limits,
                tls=self.tls,
                more=self.more,
                suffix=SUFFIX,
                admin=ADMIN,
                password=PASSWORD,
                access="\n".join(self.access),
            )
        )

    def load(self, entries: Iterable[str]) -> None:
        """Add LDIF entries while the server is stopped."""
        ldif = self.folder / "load.ldif"
        ldif.write_text("\n\n".join(entries) + "\n")
        subprocess.run(
            [_slapd().replace("slapd", "slapadd"), "-q", "-w", "-f", self.folder / "slapd.conf", "-l", ldif],
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Start and wait until it accepts a connection."""
        self.process = subprocess.Popen(
            [_slapd(), "-d", "0", "-f", self.folder / "slapd.conf", "-h", self.url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert eventually(self._listens), "slapd did not start"

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "slapd ended at once"
        with socket.socket() as probe:
            probe.settimeout(5)
            return probe.connect_ex((self.host, self.port)) == 0

    def stop(self) -> None:
        """Stop it; the data stay, the session log of syncprov does not."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None

    def restart(self) -> None:
        """Stop, configure anew and start: what a maintenance window does."""
        self.stop()
        self.configure()
        self.start()


def organization() -> list[str]:
    """Return the entries above the people."""
    return [
        f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: Acme\ndc: acme",
        *(f"dn: ou={ou},{SUFFIX}\nobjectClass: organizationalUnit\nou: {ou}" for ou in ("people", "groups")),
    ]


def person(number: int, **attributes: str) -> str:
    """Return one inetOrgPerson as LDIF; `attributes` replace or add."""
    values = {
        "uid": f"person{number}",
        "cn": f"Person {number}",
        "sn": f"Number{number}",
        "givenName": "Person",
        "mail": f"person{number}@acme.example",
        "employeeNumber": str(number),
    } | attributes
    lines = [f"dn: uid={values['uid']},ou=people,{SUFFIX}", "objectClass: inetOrgPerson"]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in values.items())])


def group(name: str, members: Iterable[str]) -> str:
    """Return a groupOfNames as LDIF of people by uid."""
    lines = [f"dn: cn={name},ou=groups,{SUFFIX}", "objectClass: groupOfNames", f"cn: {name}"]
    return "\n".join([*lines, *(f"member: uid={uid},ou=people,{SUFFIX}" for uid in members)])


def _slapd() -> str:
    return shutil.which("slapd") or shutil.which("slapd", path="/usr/sbin:/usr/local/sbin") or ""


@contextmanager
def openldap(folder: Path, **settings: object) -> Iterator[OpenLdap]:
    """Give a configured, empty, stopped server; whoever is left without slapd or python-ldap skips."""
    if not _slapd() or find_spec("ldap") is None:
        if os.environ.get("ROLLCALL_LDAP_TESTS"):
            pytest.fail(
                "ROLLCALL_LDAP_TESTS asks for slapd and python-ldap (`make ldap`), and one is missing."
            )
        pytest.skip("needs Debian's slapd and python-ldap (`make ldap`)")
    server = OpenLdap(folder, free_port(), **settings)
    server.configure()
    try:
        yield server
    finally:
        server.stop()
