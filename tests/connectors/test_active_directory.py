"""The LDAP connector where it speaks Active Directory's dialect, over the wire."""

import pytest

from tasks.connectors.faults import ResyncNeeded
from tasks.connectors.ldap import LdapConnector
from tasks.connectors.ldap_entries import members
from tests.connectors import active_directory as ad
from tests.connectors.listing import run
from tests.connectors.openldap import ADMIN, PASSWORD, SUFFIX, openldap, organization


@pytest.fixture
def controller(tmp_path, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.1",)
    with openldap(tmp_path) as server:
        server.more = ad.root(tmp_path, highest=100)
        server.configure()
        server.load(
            [
                *organization(),
                ad.service(b"controller-one"),
                ad.deleted_objects(),
                ad.user(1, usn=10),
                ad.user(2, usn=20, control=ad.DISABLED),
                ad.user(3, usn=30, control=None),
                ad.team(9, 40, 1, 2),
            ]
        )
        server.start()
        yield server


@pytest.fixture
def change(controller):
    def apply(verb, *arguments):
        import ldap

        opened = ldap.initialize(controller.url)
        opened.simple_bind_s(ADMIN, PASSWORD)
        getattr(opened, verb)(*arguments)
        opened.unbind_s()

    return apply


def connector(controller, **more):
    values = {
        "url": controller.url, "start_tls": False, "flavour": "active_directory", "changes": "usn", "base_dn": f"ou=people,{SUFFIX}",
        "groups_base_dn": f"ou=groups,{SUFFIX}",
    }  # fmt: skip
    return LdapConnector(values | more, {"bind_dn": ADMIN, "password": PASSWORD})


def dn(number):
    return f"cn=Person {number},ou=people,{SUFFIX}"


def test_ids_locks_and_members_are_read_as_active_directory_writes_them(controller):
    listing = run(connector(controller))
    assert {name: (one.external_id, one.active, one.version) for name, one in listing.people.items()} == {
        "person1@acme.example": (str(ad.guid(1)), True, ""),
        "person2@acme.example": (str(ad.guid(2)), False, ""),
        "person3@acme.example": (str(ad.guid(3)), None, ""),
    }
    assert listing.members == {"Team 9": {(str(ad.guid(1)), True), (str(ad.guid(2)), True)}}
    assert listing.end.whole
    assert listing.end.cookie["usn"] == 100


def test_only_higher_update_numbers_are_read_next_with_who_was_deleted(controller, change, tmp_path):
    first = run(connector(controller))
    change("modify_s", dn(1), [(2, "uSNChanged", b"101"), (2, "sn", b"Married")])
    change("delete_s", dn(2))
    controller.stop()
    gone = ad.user(2, usn=102, below=f"cn=Deleted Objects,{SUFFIX}", more="isDeleted: TRUE")
    controller.more = ad.root(tmp_path, highest=102)
    controller.configure()
    controller.load([gone])
    controller.start()
    later = run(connector(controller), cookie=first.end.cookie)
    assert [(one.external_id, one.profile["name"]) for one in later.people.values()] == [
        (str(ad.guid(1)), {"familyName": "Married"})
    ]
    assert (later.removed, later.groups, later.end.whole) == ([str(ad.guid(2))], {}, False)
    assert later.end.cookie == first.end.cookie | {"usn": 102}


def test_a_group_that_changed_is_read_with_all_its_members(controller, change):
    first = run(connector(controller))
    change(
        "modify_s",
        f"cn=Team 9,ou=groups,{SUFFIX}",
        [(2, "uSNChanged", b"103"), (2, "member", dn(3).encode())],
    )
    later = run(connector(controller), cookie=first.end.cookie)
    assert later.people == {}
    assert later.members == {"Team 9": {(str(ad.guid(3)), True)}}


def test_another_domain_controller_means_reading_everything_again(controller):
    first = run(connector(controller))
    with pytest.raises(ResyncNeeded, match="domain controller"):
        run(connector(controller), cookie=first.end.cookie | {"controller": b"controller-two".hex()})


def test_everybody_is_listed_once_in_a_while(controller):
    first = run(connector(controller))
    again = run(connector(controller, whole_hours=0), cookie=first.end.cookie)
    assert (len(again.people), again.end.whole) == (3, True)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"member": [b"a"]}, ([b"a"], "")),
        ({}, ([], "")),
        ({"member": [], "member;range=0-1499": [b"a", b"b"]}, ([b"a", b"b"], "member;range=1500-*")),
        ({"member;range=1500-*": [b"c"]}, ([b"c"], "")),
        ({"Member;Range=0-0": [b"a"]}, ([b"a"], "member;range=1-*")),
    ],
)
def test_long_lists_of_members_come_in_ranges(attributes, expected):
    assert members(attributes, "member") == expected
