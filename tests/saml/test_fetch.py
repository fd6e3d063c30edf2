"""Metadata by address: resolved once, never inside our own network (row 63), within limits."""

from http.server import BaseHTTPRequestHandler

import pytest

from demo.idp_logout import idp_metadata
from saml import fetch
from saml.refusals import Refused
from tests.saml.documents import IDP
from tests.site import opened

DOCUMENT = idp_metadata(IDP)


class Idp(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        body = b"x" * 2_200_000 if self.path == "/large" else DOCUMENT
        self.server.hosts.append(self.headers["Host"])
        self.wfile.write(body)


@pytest.fixture
def site():
    with opened(Idp, hosts=[]) as server:
        yield server


def test_a_name_that_is_allowed_is_loaded_under_its_own_name(site, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    assert fetch.metadata_document(f"{site.root}/metadata") == DOCUMENT
    assert site.hosts == [f"localhost:{site.server_address[1]}"]


@pytest.mark.parametrize("path", ["/away", "/missing", "/large"])
def test_redirects_errors_and_floods_are_refused(site, settings, path):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    with pytest.raises(Refused) as refused:
        fetch.metadata_document(site.root + path)
    assert refused.value.code == "metadata_fetch"


def test_whoever_loads_a_federation_is_told_of_its_single_entries(site, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    with pytest.raises(Refused, match=r"larger than 2 MiB.*MDQ"):
        fetch.metadata_document(f"{site.root}/large")


def test_our_own_network_is_not_asked(site, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ()
    with pytest.raises(Refused) as refused:
        fetch.metadata_document(f"{site.root}/metadata")
    assert (refused.value.code, site.hosts) == ("metadata_fetch", [])


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "[::1]", "[fd00::1]", "[::ffff:10.0.0.1]",
     "100.64.0.1", "224.0.0.1", "[fe80::1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::1]", "[2002:a9fe:a9fe::]",
     "[::127.0.0.1]", "[::ffff:0:10.0.0.1]", "[64:ff9b:1::a00:1]", "[fec0::1]", "[ff0e::1]", "[5f00::1]"],
)  # fmt: skip
def test_private_addresses_are_refused_unasked(settings, address):
    settings.ROLLCALL_OUTBOUND_ALLOW = ()
    with pytest.raises(Refused) as refused:
        fetch.metadata_document(f"https://{address}/metadata")
    assert "private" in refused.value.detail


def test_a_server_that_is_not_there_is_told(settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.1",)
    with pytest.raises(Refused) as refused:
        fetch.metadata_document("http://127.0.0.1:9/metadata")
    assert refused.value.code == "metadata_fetch"
