"""The LDAP connector where it speaks Active Directory's dialect, over the wire."""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.connectors.faults import ResyncNeeded, Unauthorized
from tasks.connectors.interface import kind_of
from tasks.connectors.ldap import LdapConnector
from tasks.connectors.ldap_entries import members
from tests.connectors import active_directory as ad
from tests.connectors.listing import run
from tests.connectors.openldap import ADMIN, PASSWORD, SUFFIX, openldap, organization
from tests.connectors.test_ldap_referrals import referral


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
    change("delete_s", f"cn=Team 9,ou=groups,{SUFFIX}")
    controller.stop()
    below = f"cn=Deleted Objects,{SUFFIX}"
    gone = ad.user(2, usn=102, below=below, more="isDeleted: TRUE")
    no_group = ad.team(9, 102).replace(f"ou=groups,{SUFFIX}", below) + "\nisDeleted: TRUE"
    controller.more = ad.root(tmp_path, highest=102)
    controller.configure()
    controller.load([gone, no_group])
    controller.start()
    later = run(connector(controller), cookie=first.end.cookie)
    assert [(one.external_id, one.profile["name"]) for one in later.people.values()] == [
        (str(ad.guid(1)), {"familyName": "Married"})
    ]
    assert (later.removed, later.groups, later.end.whole) == ([str(ad.guid(2))], {}, False)
    assert [key for page in later.pages for key in page.removed_groups] == [str(ad.guid(9))]
    assert later.end.cookie == first.end.cookie | {"usn": 102, "read_at": later.end.cookie["read_at"]}


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


def test_an_account_that_expires_is_out_though_no_update_number_tells(controller, change):
    now = datetime.now(UTC)

    def expires(number, moment):
        value = moment if isinstance(moment, int) else ad.ticks(moment)
        change("modify_s", dn(number), [(2, "accountExpires", str(value).encode())])

    expires(1, now - timedelta(days=1))
    change("modify_s", dn(3), [(2, "userAccountControl", b"512")])
    first = run(connector(controller))
    assert {name: one.active for name, one in first.people.items()} == {
        "person1@acme.example": False, "person2@acme.example": False, "person3@acme.example": True,
    }  # fmt: skip
    for never in (0, 2**63 - 1, now + timedelta(days=1)):
        expires(1, never)
        assert run(connector(controller)).people["person1@acme.example"].active, never
    earlier = (now - timedelta(minutes=5)).isoformat()
    expires(3, now - timedelta(minutes=1))
    later = run(connector(controller), cookie=first.end.cookie | {"read_at": earlier})
    assert {name: one.active for name, one in later.people.items()} == {"person3@acme.example": False}
    assert later.end.cookie["read_at"] > first.end.cookie["read_at"]
    assert run(connector(controller), cookie=later.end.cookie).people == {}, "and is told once"


def test_changes_are_read_also_where_a_part_of_the_tree_is_another_domains(controller, change):
    first = run(connector(controller))
    controller.stop()
    controller.load([referral("ou=child", 1), referral("ou=child", 1, base=f"ou=groups,{SUFFIX}")])
    controller.start()
    change("modify_s", dn(1), [(2, "uSNChanged", b"101")])
    change("modify_s", f"cn=Team 9,ou=groups,{SUFFIX}", [(2, "uSNChanged", b"102")])
    later = run(connector(controller), cookie=first.end.cookie)
    assert (list(later.people), later.members, later.end.whole) == (
        ["person1@acme.example"],
        first.members,
        False,
    )


def test_built_in_accounts_are_nobody(controller, change):
    change("modify_s", dn(1), [(2, "isCriticalSystemObject", b"TRUE"), (2, "userPrincipalName", None)])
    listing = run(connector(controller))
    assert (set(listing.people), listing.unreadable) == (
        {"person2@acme.example", "person3@acme.example"},
        [],
    )


def test_whoever_has_a_group_as_their_primary_one_is_in_it(controller, change):
    first = run(connector(controller))
    change("modify_s", dn(3), [(2, "primaryGroupID", b"1009"), (2, "uSNChanged", b"104")])
    change("modify_s", dn(2), [(2, "primaryGroupID", b"513")])  # Domain Users, which everybody has
    change(
        "modify_s",
        f"cn=Team 9,ou=groups,{SUFFIX}",
        [(2, "uSNChanged", b"105"), (2, "member", dn(1).encode())],
    )
    expected = {"Team 9": {(str(ad.guid(1)), True), (str(ad.guid(3)), True)}}
    assert run(connector(controller)).members == expected
    assert run(connector(controller), cookie=first.end.cookie).members == expected


def test_people_told_apart_by_what_groups_lack_leave_groups_their_own_ids(controller, change):
    for number in (1, 2, 3):
        change("modify_s", dn(number), [(2, "employeeNumber", str(number).encode())])
    listing = run(connector(controller, id_attribute="employeeNumber"))
    assert (list(listing.groups), listing.unreadable) == ([str(ad.guid(9))], [])
    assert listing.members == {"Team 9": {("1", True), ("2", True)}}


def test_the_test_says_that_the_server_is_active_directory(controller):
    def verdict(**more):
        tried = connector(controller, **more)
        return kind_of(LdapConnector).test(tried.settings, tried.credentials, None)

    told = verdict(flavour="ldap", changes="none", people_filter="(objectClass=user)")
    assert (told.ok, told.code) == (False, "misconfigured")
    assert "active_directory" in told.sentence
    assert verdict().ok


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


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v893", "wrong"),
        (
            "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 533, v893",
            "disabled",
        ),
        ("80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 773, v893", "changed"),
        (
            "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data fff, v893",
            "password.",
        ),
        ("password expired!", "password expired!"),  # 389 Directory Server
    ],
)
def test_why_an_account_is_not_let_in_is_told(said, word):
    ldap = pytest.importorskip("ldap")
    from tasks.connectors.ldap_faults import faults

    with pytest.raises(Unauthorized) as told, faults():
        raise ldap.INVALID_CREDENTIALS({"desc": "Invalid credentials", "info": said})
    assert word in told.value.message
