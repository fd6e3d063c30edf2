"""A service provider that publishes its metadata on loopback, and a development identity provider that serves it."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from demo.address import base
from demo.idp_keys import key_pair
from saml import certificates
from saml.keys import load
from saml.metadata import service_provider
from saml.snapshot import ConnectionSnapshot, DecryptionKey
from tests.ports import free_port
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent.parent
OURS = key_pair("demo-sp")


def der(private) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    return private.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())


@dataclass(frozen=True)
class Running:
    """An identity provider's address, the server it serves, and that server's connection as the SAML floor knows it."""

    idp: str
    server: str
    connection: ConnectionSnapshot

    @property
    def key(self):
        return load(der(OURS.private), OURS.certificate_pem)


def start_idp(port: int, data: Path, server: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "demo.identity_provider",
            f"--port={port}",
            f"--data={data}",
            f"--server={server}",
        ],
        cwd=ROOT,
        env={**os.environ, "ROLLCALL_DEBUG": "true", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Running]:
    """Run both, and read the identity provider's certificate from its metadata as an administrator would."""
    documents: dict[str, bytes] = {}

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self):
            body = documents.get(self.path, b"")
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as publisher:
        threading.Thread(target=publisher.serve_forever, daemon=True).start()
        server = base(publisher.server_address[1])
        port = free_port()
        process = start_idp(port, tmp_path_factory.mktemp("idp"), server)
        assert "Development identity provider" in process.stdout.readline()
        metadata = httpx2.get(f"{base(port)}/meridian/metadata", timeout=PATIENCE).text
        certificate = certificates.read(re.search("<ds:X509Certificate>(.*?)<", metadata).group(1))
        here = f"{server}/saml2/0190"
        connection = ConnectionSnapshot(
            entity_id=f"{here}/metadata",
            acs_url=f"{here}/acs",
            sls_url=f"{here}/sls",
            idp_entity_id=f"{base(port)}/meridian/metadata",
            sso_url=f"{base(port)}/meridian/sso",
            slo_url=f"{base(port)}/meridian/slo",
            idp_keys=(certificates.trusted_key(certificate, "signing"),),
            decryption_keys=(DecryptionKey(certificates.fingerprint(OURS.certificate), OURS.private),),
        )
        key = load(der(OURS.private), OURS.certificate_pem)
        documents["/saml2/0190/metadata"] = service_provider(
            connection, key, published=[OURS.certificate_pem], wants_encryption=True, signs_requests=True
        )
        yield Running(base(port), server, connection)
        process.terminate()
        assert process.wait(PATIENCE) == 0
        process.stdout.close()
        publisher.shutdown()


def hidden(page: str, name: str) -> str:
    """Return the value of a field of a page's form."""
    return unescape(re.search(f'name="{name}" value="([^"]*)"', page).group(1))
