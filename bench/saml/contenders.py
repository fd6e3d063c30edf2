"""The two servers that are compared: Rollcall as it is installed, and a project of djangosaml2's as its documentation has it."""

import http.client
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
from clients import IDP

from config import embedded
from demo.idp_keys import key_pair
from demo.idp_logout import idp_metadata

ROOT = Path(__file__).parents[2]
STOCK = Path(__file__).parent / "stock"
# As Rollcall's own settings have them.
PROCESSES, THREADS = 2, 4


class Rollcall:
    """Rollcall with one organization and one connection, which takes sign-ins that begin at the identity provider."""

    signed_in = http.client.SEE_OTHER

    def __init__(self, port: int, data: Path) -> None:
        self.port, self.data, self.token = port, data, secrets.token_urlsafe(32)
        self.acs_path = self.acs_url = self.entity_id = ""
        command = [sys.executable, "manage.py", "up", "--empty", "--port", str(port), "--data", str(data)]
        environment = {
            **os.environ,
            "ROLLCALL_OPERATOR_TOKEN": self.token,
            "ROLLCALL_LOG_LEVEL": "WARNING",
            "ROLLCALL_WEB_WORKERS": str(PROCESSES),
            "ROLLCALL_WEB_THREADS": str(THREADS),
        }
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )

    def set_up(self) -> None:
        """Make organization, proved domain and connection over the API."""
        root = "/api/v1/organizations"
        self._post(root, {"name": "Bench", "slug": "bench", "access_model": "company_shop"})
        domain = self._post(f"{root}/bench/domains", {"name": "bench.example"})
        self._post(f"{root}/bench/domains/{domain['id']}/confirm", {})
        made = self._post(
            f"{root}/bench/connections",
            {
                "name": "bench", "idp_entity_id": IDP.entity_id, "sso_url": IDP.sso_url, "certificates": [IDP.keys.certificate_pem],
                "allow_idp_initiated": True, "defaults": {"grants": [], "roles": []}, "active": True, "activate_untested": True,
            },
        )  # fmt: skip
        self.acs_url, self.entity_id = str(made["acs_url"]), str(made["entity_id"])
        self.acs_path = f"/saml2/{made['id']}/acs"

    def _post(self, path: str, body: object) -> dict[str, object]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status not in {http.client.OK, http.client.CREATED}:
            raise SystemExit(f"{path}: {answer.status} {content[:600]!r}")
        found: dict[str, object] = json.loads(content)
        return found


class Stock:
    """djangosaml2 with the program xmlsec1, on a database of its own beside Rollcall's."""

    signed_in = http.client.FOUND

    def __init__(self, port: int, data: Path, xmlsec: str) -> None:
        self.port = port
        public_url = f"http://127.0.0.1:{port}"
        self.acs_path = "/saml2/acs/"
        self.acs_url, self.entity_id = f"{public_url}/saml2/acs/", f"{public_url}/saml2/metadata/"
        folder = data / "stock"
        folder.mkdir()
        (folder / "idp.xml").write_bytes(idp_metadata(IDP))
        ours = key_pair("stock")
        (folder / "sp.key").write_bytes(ours.private_pem)
        (folder / "sp.pem").write_text(ours.certificate_pem)
        environment = {
            **os.environ,
            "STOCK_FOLDER": str(folder),
            "STOCK_PUBLIC_URL": public_url,
            "STOCK_DATABASE_URL": self._database(data),
            "STOCK_XMLSEC": xmlsec,
            "DJANGO_SETTINGS_MODULE": "stock_settings",
            "PYTHONPATH": str(STOCK),
        }
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
        subprocess.run(migrate, env=environment, check=True)  # noqa: S603 - our own command
        command = [
            str(Path(sys.executable).with_name("granian")), "--interface=wsgi", "--host=127.0.0.1", f"--port={port}",
            f"--workers={PROCESSES}", f"--blocking-threads={THREADS}", "--blocking-threads-idle-timeout=600", "--no-ws", "--no-access-log",
            "--log-level=warning", f"--working-dir={STOCK}", "stock_wsgi:application",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own command

    @staticmethod
    def _database(data: Path) -> str:
        """Make an empty database on Rollcall's PostgreSQL and return its address."""
        servers = embedded.urls(data)
        with psycopg.connect(servers.superuser_url, autocommit=True) as superuser:
            superuser.execute("CREATE DATABASE bench_stock OWNER rollcall_owner")
        return servers.owner_url.rpartition("/")[0] + "/bench_stock"
