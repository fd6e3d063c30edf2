"""What LDAP entries say about a person: locked or not, readable or not; and whose DN is whose."""

import pytest

from tasks.connectors.interface import Person, Unreadable
from tasks.connectors.ldap import MAPPING
from tasks.connectors.ldap_entries import People, Reader

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


def test_several_addresses_are_kept_the_first_being_primary():
    one = read({"mail": [b"jane@acme.example", b"j@acme.example"]})
    assert isinstance(one, Person)
    assert one.profile["emails"] == [
        {"value": "jane@acme.example", "type": "work", "primary": True},
        {"value": "j@acme.example", "type": "work"},
    ]


def test_members_are_found_however_the_server_writes_their_dn():
    people = People()
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
