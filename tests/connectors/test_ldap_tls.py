"""LDAP over TLS: under the authority that was given, for the name that was asked for, and not for ever."""

# ruff: noqa: F811 - the fixture of another file is asked for by its name

import socket
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tasks.connectors.faults import Misconfigured, Unreachable
from tasks.connectors.ldap import LdapConnector
from tests.connectors.openldap import ADMIN, PASSWORD, SUFFIX
from tests.connectors.test_ldap import (
    connector,
    slapd,  # noqa: F401 - a fixture
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return where a certificate for 127.0.0.1 lies, which signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "slapd")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(made.public_bytes(Encoding.PEM))
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*plain))
    return folder


@pytest.fixture(params=["ldap", "ldaps"])
def secure(slapd, certificate, request):
    slapd.tls = (
        f"TLSCertificateFile {certificate}/certificate.pem\nTLSCertificateKeyFile {certificate}/key.pem"
    )
    slapd.scheme = request.param
    slapd.restart()
    return slapd


def test_tls_is_used_under_the_authority_that_was_given(secure, certificate):
    authority = (certificate / "certificate.pem").read_text()
    for text in (authority, authority.replace("\n", "\r\n"), f"Prüfstelle für Müller & Söhne\n{authority}"):
        assert connector(secure, ca_certificate=text, start_tls=True).test().ok, text


@pytest.mark.parametrize(
    "text", ["our own", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ü"]
)
def test_an_authority_that_is_none_is_said(secure, text):
    with pytest.raises(Misconfigured, match="PEM"):
        connector(secure, ca_certificate=text, start_tls=True).test()


def test_a_certificate_that_nobody_vouches_for_is_refused(secure):
    with pytest.raises(Misconfigured, match="self-signed certificate"):
        connector(secure, start_tls=True).test()


def test_a_certificate_for_another_name_is_refused(secure, certificate, settings):
    """Its name is not the one in the address, though the authority is right."""
    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.2",)
    secure.host = "127.0.0.2"
    secure.restart()
    authority = (certificate / "certificate.pem").read_text()
    with pytest.raises(Misconfigured, match=r"IP address mismatch.*authority"):
        connector(secure, ca_certificate=authority, start_tls=True).test()


@pytest.mark.parametrize("answer", [None, b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"])
def test_a_server_that_stalls_in_the_handshake_keeps_no_worker(settings, monkeypatch, answer):
    """Without an answer by ldaps://, with StartTLS's by ldap://: libldap would wait in it for ever."""
    pytest.importorskip("ldap")
    from tasks.connectors import ldap_session

    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.1",)
    monkeypatch.setattr(ldap_session, "SECONDS_MAX", 1)
    taken = []

    def stall(listening):
        opened, _ = listening.accept()
        taken.append(opened)
        if answer:
            opened.recv(100)
            opened.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=stall, args=(listening,))
        thread.start()
        scheme = "ldap" if answer else "ldaps"
        values = {"url": f"{scheme}://127.0.0.1:{listening.getsockname()[1]}", "base_dn": SUFFIX}
        with pytest.raises(Unreachable, match="does not answer to TLS"):
            LdapConnector(values, {"bind_dn": ADMIN, "password": PASSWORD}).test()
        thread.join()
    for opened in taken:
        opened.close()
