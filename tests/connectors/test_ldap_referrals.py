"""A directory that refers to another server: nobody is asked there, least of all with our password, and nobody counts as gone."""

import socket
import threading
from dataclasses import dataclass, field

import pytest

from tasks.connectors.faults import Fault, Misconfigured
from tasks.connectors.interface import kind_of
from tasks.connectors.ldap import LdapConnector
from tests.connectors.listing import run
from tests.connectors.openldap import SUFFIX, group, openldap, organization, person
from tests.connectors.test_ldap import connector

PEOPLE = 5


@dataclass
class Foreign:
    """Another company's server."""

    port: int
    came: list[bytes] = field(default_factory=list)


@pytest.fixture
def foreign():
    """Give a server that only notes whether anybody came, and what they said first."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        found = Foreign(listening.getsockname()[1])
        going = threading.Event()

        def listen():
            while not going.is_set():
                try:
                    opened, _ = listening.accept()
                except TimeoutError:
                    continue
                with opened:
                    opened.settimeout(1)
                    found.came.append(opened.recv(1000))

        thread = threading.Thread(target=listen)
        thread.start()
        yield found
        going.set()
        thread.join()


def referral(rdn, port, base=f"ou=people,{SUFFIX}", there="ou=people,dc=foreign,dc=example"):
    name, _, value = rdn.partition("=")
    return (
        f"dn: {rdn},{base}\nobjectClass: referral\nobjectClass: extensibleObject\n{name}: {value}\n"
        f"ref: ldap://127.0.0.1:{port}/{there}"
    )


@pytest.fixture
def slapd(tmp_path, settings, foreign):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.1",)
    with openldap(tmp_path) as server:
        server.load(
            [*organization(), *[person(number) for number in range(PEOPLE)], group("engineers", ["person1"])]
        )
        server.start()
        yield server


def refer(slapd, foreign, rdn="ou=moved", **more):
    """Have a part of the tree lie elsewhere, from now on."""
    slapd.stop()
    slapd.load([referral(rdn, foreign.port, **more)])
    slapd.start()


@pytest.mark.parametrize("changes", ["none", "syncrepl"])
def test_a_part_that_lies_elsewhere_makes_the_listing_incomplete(slapd, foreign, changes):
    refer(slapd, foreign)
    listing = run(connector(slapd, changes=changes))
    assert listing.end.incomplete, "nobody may count as gone"
    assert (len(listing.people), set(listing.members)) == (PEOPLE, {"engineers"}), "who is here is read"
    assert foreign.came == []


@pytest.mark.parametrize("changes", ["none", "syncrepl"])
@pytest.mark.parametrize(
    "there",
    [
        "CN=Configuration,DC=acme,DC=example",
        "DC=DomainDnsZones,DC=acme,DC=example",
        "DC%3DForestDnsZones,DC=acme,DC=example",
    ],
)
def test_what_active_directory_keeps_beside_its_people_is_no_part_of_them(slapd, foreign, changes, there):
    refer(slapd, foreign, there=there)
    listing = run(connector(slapd, changes=changes))
    assert (len(listing.people), listing.end.incomplete) == (PEOPLE, "")
    assert listing.end.cookie or changes == "none"
    assert foreign.came == []


def test_a_part_that_moves_between_two_refreshes_makes_the_second_incomplete(slapd, foreign):
    first = run(connector(slapd, changes="syncrepl"))
    assert (len(first.people), first.end.incomplete) == (PEOPLE, "")
    refer(slapd, foreign)
    second = run(connector(slapd, changes="syncrepl"), cookie=first.end.cookie)
    assert second.end.incomplete
    assert foreign.came == []


@pytest.mark.parametrize("changes", ["none", "syncrepl"])
def test_a_base_that_lies_elsewhere_is_refused_with_what_to_do(slapd, foreign, changes):
    refer(slapd, foreign)
    with pytest.raises(Misconfigured, match="refers"):
        run(connector(slapd, changes=changes, base_dn=f"ou=moved,ou=people,{SUFFIX}"))
    assert foreign.came == []


def test_an_account_that_lies_elsewhere_is_no_bind_there(slapd, foreign):
    refer(slapd, foreign)
    account = {"bind_dn": f"uid=reader,ou=moved,ou=people,{SUFFIX}", "password": "our-secret"}
    with pytest.raises(Fault):
        run(connector(slapd, account))
    assert foreign.came == []


def test_the_test_of_the_connection_says_so_too(slapd, foreign):
    refer(slapd, foreign)
    tried = connector(slapd)
    verdict = kind_of(LdapConnector).test(tried.settings, tried.credentials, None)
    assert (verdict.ok, verdict.code) == (False, "cut_off")
    assert "another server" in verdict.sentence
    assert foreign.came == []
