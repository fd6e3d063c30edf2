"""What LDAP entries say about a person: locked or not, readable or not; and whose DN is whose."""

from contextlib import closing

import pytest

from tasks.connectors import ldap_listing
from tasks.connectors.interface import Person, Unreadable
from tasks.connectors.ldap import LdapConnector
from tasks.connectors.ldap_entries import People, Reader
from tasks.connectors.ldap_listing import MAPPING

BASE = {"entryUUID": [b"one"], "uid": [b"jane"], "cn": [b"Jane"]}


def read(attributes, mapping=MAPPING):
    return Reader(mapping, "entryUUID", active_directory=False).person("uid=jane", BASE | attributes)


@pytest.mark.parametrize(
    ("attributes", "active"),
    [
        ({}, True),
        ({"nsAccountLock": [b"TRUE"]}, False),
        ({"nsaccountlock": [b"true"]}, False),
        ({"nsAccountLock": [b"FALSE"]}, True),
        ({"pwdAccountLockedTime": [b"000001010000Z"]}, False),
        ({"pwdAccountLockedTime": [b"20261122065630Z"]}, True),  # locked out for a while is not gone
    ],
)
def test_a_lock_for_good_is_a_leaver(attributes, active):
    assert read(attributes).active is active


@pytest.mark.parametrize(
    ("control", "expires", "active"),
    [
        (b"512", None, True),
        (b"66048", b"0", True),  # its password never expires, and neither does it
        (b"512", b"9223372036854775807", True),
        (b"512", b"132539328000000000", False),  # at the end of 2020
        (b"512", b"2650467744000000000", True),  # at the end of 9999
        (b"514", None, False),
        (b"546", None, False),  # and it needs no password
        (b"66050", b"0", False),
        (b"-2147483134", None, False),  # a sign in front of the same bits
        (b"", None, None),
        (b"disabled", None, None),
        (None, b"0", None),
    ],
)
def test_active_directory_says_by_a_bit_and_a_time_who_is_out(control, expires, active):
    attributes = {"userAccountControl": control, "accountExpires": expires, "entryUUID": b"1", "uid": b"jane"}
    reader = Reader(MAPPING, "entryUUID", active_directory=True)
    one = reader.person("", {name: [value] for name, value in attributes.items() if value is not None})
    assert one.active is active


@pytest.mark.parametrize(("number", "group"), [(b"513", ""), (b"514", ""), (b"1105", "1105")])
def test_the_primary_group_of_everybody_says_nothing(number, group):
    assert (
        Reader(MAPPING, "objectGUID", active_directory=True).primary_group({"primaryGroupID": [number]})
        == group
    )


@pytest.mark.parametrize(
    ("value", "active"), [(b"TRUE", True), (b"active", True), (b"0", False), (b"inactive", False), (b"maybe", None), (None, None)]
)  # fmt: skip
def test_an_attribute_may_say_who_is_active(value, active):
    attributes = {"employeeStatus": [value]} if value else {}
    assert read(attributes, MAPPING | {"active": "employeeStatus"}).active is active


@pytest.mark.parametrize(
    ("attributes", "word"),
    [
        ({"uid": []}, "uid"),
        ({"entryUUID": []}, "entryUUID"),
        ({"cn": [b"\xff"]}, "UTF-8"),
        ({"uid": [b"\xff"]}, "UTF-8"),
    ],
)
def test_an_entry_that_cannot_be_read_is_no_person_and_says_why(attributes, word):
    one = read(attributes)
    assert isinstance(one, Unreadable)
    assert word in one.reason


@pytest.mark.parametrize("raw", [b"\xff\x00", b"\x01\x05\x00\x00"])
def test_an_id_of_bytes_is_kept_whole(raw):
    assert read({"entryUUID": [raw]}).external_id == raw.hex()


def test_several_addresses_are_kept_the_first_being_primary():
    one = read({"mail": [b"jane@acme.example", b"j@acme.example"]})
    assert isinstance(one, Person)
    assert one.profile["emails"] == [
        {"value": "jane@acme.example", "type": "work", "primary": True},
        {"value": "j@acme.example", "type": "work"},
    ]


@pytest.fixture
def people():
    with closing(People()) as kept:
        yield kept


def test_members_are_found_however_the_server_writes_their_dn(people):
    people.add("uid=jane,ou=people,dc=acme,dc=example", "one", "Jane")
    people.add("cn=Doe\\, John,ou=people,dc=acme,dc=example", "two")
    written = [
        b"UID=Jane, OU=people, DC=acme,DC=example",
        b"cn=Doe\\, John,ou=people,dc=acme,dc=example",
        b"jane",
        b"nobody",
        b"uid=nobody,dc=x",
    ]
    assert list(people.keys(written)) == ["one", "two", "one"]


def test_the_last_word_about_a_dn_counts(people):
    people.add("uid=jane,dc=acme", "one", "jane")
    people.add("uid=jane,dc=acme", "two", "jane")
    assert list(people.keys([b"uid=jane,dc=acme", b"jane"])) == ["two", "two"]


def test_a_group_of_everybody_comes_in_several_pages(people, monkeypatch):
    monkeypatch.setattr(ldap_listing, "_MEMBERSHIPS_MAX", 4)
    listing = LdapConnector({"url": "ldap://x", "base_dn": "dc=acme"}, {}).listing
    for place in range(10):
        people.add(f"uid={place},dc=acme", f"p{place}")
    everybody = [f"uid={place},dc=acme".encode() for place in range(10)]
    entries = [
        ("cn=all", {"entryUUID": [b"a"], "cn": [b"All"], "member": everybody}),
        ("cn=none", {"entryUUID": [b"n"], "cn": [b"None"]}),
        ("cn=bad", {"cn": [b"Bad"]}),
        ("cn=two", {"entryUUID": [b"t"], "cn": [b"Two"], "member": everybody[:2]}),
    ]
    pages = list(listing.teams(None, entries, people))
    assert [len(page.memberships) for page in pages] == [4, 4, 4, 0]
    assert [[group.external_id for group in page.groups] for page in pages] == [["a"], [], ["n", "t"], []]
    said = [(item.group, item.member) for page in pages for item in page.memberships]
    assert said == [("a", f"p{place}") for place in range(10)] + [("t", "p0"), ("t", "p1")]
    assert [len(page.unreadable) for page in pages] == [0, 0, 0, 1]
