"""No key is parsed for a request: a connection's keys are read once for each of its versions and process."""

import pytest

from demo.idp_messages import respond
from saml import certificates, connections, keys, trust
from tests.conftest import SETUP
from tests.saml.door import Browser, connect, prove


@pytest.fixture
def parsed(monkeypatch):
    """Count what is parsed: our private keys, and the identity provider's certificates."""
    counted = {"private": 0, "trusted": 0}

    def counting(name, function):
        def count(*args):
            counted[name] += 1
            return function(*args)

        return count

    monkeypatch.setattr(keys, "load", counting("private", keys.load))
    monkeypatch.setattr(certificates, "trusted_key", counting("trusted", certificates.trusted_key))
    return counted


def sign_in(connection):
    browser = Browser(connection)
    assert browser.post(respond(browser.idp, browser.answer(None))).status_code == 303


def test_many_sign_ins_parse_no_key_after_the_first(acme, parsed):
    prove(acme, "acme.example")
    connection = connect(acme, allow_idp_initiated=True)
    trust._cached.cache_clear()
    sign_in(connection)
    once = dict(parsed)
    for _ in range(5):
        sign_in(connection)
    assert parsed == once
    connections.change(connection, actor=SETUP, skew_seconds=90)
    sign_in(connection)
    assert parsed["private"] == once["private"] + 1, "another version is read anew"
