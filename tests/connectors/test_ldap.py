"""The LDAP connector against a real OpenLDAP: whole listings, changes, restarts, limits, rights, TLS."""

import shutil

import pytest

from tasks.connectors.faults import Misconfigured, ResyncNeeded, Unauthorized, Unreachable
from tasks.connectors.ldap import LdapConnector
from tests.connectors.listing import run
from tests.connectors.openldap import ADMIN, PASSWORD, SUFFIX, group, openldap, organization, person

PEOPLE = 1200
READER = {"bind_dn": f"uid=person1,ou=people,{SUFFIX}", "password": "of-person-1"}


@pytest.fixture
def slapd(tmp_path, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.1",)
    with openldap(tmp_path) as server:
        people = [person(number) for number in range(PEOPLE) if number != 1]
        reader = person(1, userPassword=READER["password"])
        server.load([*organization(), reader, *people, group("engineers", ["person1", "person2"])])
        server.start()
        yield server


@pytest.fixture
def change(slapd):
    def apply(verb, *arguments):
        import ldap

        opened = ldap.initialize(slapd.url)
        opened.simple_bind_s(ADMIN, PASSWORD)
        getattr(opened, verb)(*arguments)
        opened.unbind_s()

    return apply


def connector(slapd, credentials=None, **more):
    values = {
        "url": slapd.url,
        "start_tls": False,
        "base_dn": f"ou=people,{SUFFIX}",
        "groups_base_dn": f"ou=groups,{SUFFIX}",
    }
    return LdapConnector(values | more, credentials or {"bind_dn": ADMIN, "password": PASSWORD})


def dn(number):
    return f"uid=person{number},ou=people,{SUFFIX}"


def replace(name, value):
    return [(2, name, value)]  # LDAP_MOD_REPLACE


def key_of(listing, number):
    return listing.people[f"person{number}"].external_id


def test_everybody_is_listed_with_profile_id_and_version_also_beyond_a_page(slapd):
    listing = run(connector(slapd, page_size=100))
    assert (len(listing.people), len(listing.pages)) == (PEOPLE, PEOPLE // 100 + 2)
    assert (listing.end.whole, listing.end.incomplete, listing.unreadable) == (True, "", [])
    one = listing.people["person7"]
    assert one.profile == {
        "displayName": "Person 7",
        "name": {"givenName": "Person", "familyName": "Number7"},
        "emails": [{"value": "person7@acme.example", "type": "work", "primary": True}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "7"},
    }
    assert (one.active, len(one.external_id), one.version[-1]) == (True, 36, "Z")
    assert listing.members == {"engineers": {(key_of(listing, 1), True), (key_of(listing, 2), True)}}


def test_the_id_stays_when_somebody_is_renamed(slapd, change):
    before = run(connector(slapd))
    change("rename_s", dn(3), "uid=married")
    after = run(connector(slapd))
    assert "person3" not in after.people
    assert after.people["married"].external_id == key_of(before, 3)


def test_a_size_limit_makes_the_listing_incomplete_and_never_shorter_in_silence(slapd):
    slapd.limits = "limits users size.soft=500 size.hard=500 size.prtotal=500"
    slapd.restart()
    listing = run(connector(slapd, READER))
    assert listing.end.whole
    assert "limit of its own" in listing.end.incomplete
    assert len(listing.people) <= 500


def test_an_entry_that_cannot_be_read_whole_is_named(slapd):
    slapd.access = (f'access to dn.base="{dn(9)}" attrs=uid by * none', "access to * by * read")
    slapd.restart()
    listing = run(connector(slapd, READER))
    assert [(one.place, "uid" in one.reason) for one in listing.unreadable] == [(dn(9), True)]
    assert len(listing.people) == PEOPLE - 1


def test_a_subtree_without_rights_is_missing_in_silence_so_that_only_the_canary_tells(slapd):
    slapd.access = (f'access to dn.base="{dn(9)}" by * none', "access to * by * read")
    slapd.restart()
    reader = connector(slapd, READER, sentinel="person9")
    listing = run(reader)
    assert (listing.end.incomplete, reader.sentinel in listing.people) == ("", False)


def test_changes_are_read_by_content_synchronisation(slapd, change):
    first = run(connector(slapd, changes="syncrepl"))
    assert (len(first.people), first.end.whole) == (PEOPLE, True)

    nothing = run(connector(slapd, changes="syncrepl"), cookie=first.end.cookie)
    assert (nothing.people, nothing.removed, nothing.groups, nothing.end.whole) == ({}, [], {}, False)

    change("delete_s", dn(5))
    change("modify_s", dn(6), replace("title", b"Head"))
    change("modify_s", f"cn=engineers,ou=groups,{SUFFIX}", replace("member", dn(2).encode()))
    later = run(connector(slapd, changes="syncrepl"), cookie=nothing.end.cookie)
    assert list(later.people) == ["person6"]
    assert later.people["person6"].profile["title"] == "Head"
    assert key_of(first, 5) in later.removed
    assert key_of(first, 6) not in later.removed
    assert later.members == {"engineers": {(key_of(first, 2), True)}}
    assert not later.end.whole


def test_a_server_that_tells_them_slowly_has_the_worker_speak_between_them(slapd, monkeypatch):
    """The run's lease outlasts the time between two pages: all of five hundred entries may take longer."""
    from tasks.connectors import ldap_session

    monkeypatch.setattr(ldap_session, "BATCH_SECONDS", 0)
    first = run(connector(slapd, changes="syncrepl", page_size=500))
    assert (len(first.people), first.end.whole) == (PEOPLE, True)
    assert max(len(page.people) for page in first.pages) == 1


def test_a_group_that_is_deleted_is_told(slapd, change):
    first = run(connector(slapd, changes="syncrepl"))
    change("delete_s", f"cn=engineers,ou=groups,{SUFFIX}")
    later = run(connector(slapd, changes="syncrepl"), cookie=first.end.cookie)
    assert set(first.groups) <= {key for page in later.pages for key in page.removed_groups}


def test_after_a_restart_who_left_is_known_only_by_who_is_present(slapd, change):
    first = run(connector(slapd, changes="syncrepl"))
    change("delete_s", dn(5))
    change("modify_s", dn(6), replace("title", b"Head"))
    slapd.restart()
    later = run(connector(slapd, changes="syncrepl"), cookie=first.end.cookie)
    everybody = {person.external_id for person in first.people.values()}
    assert (later.end.whole, later.removed) == (True, [])
    assert everybody - later.present - {person.external_id for person in later.people.values()} == {
        key_of(first, 5)
    }
    assert list(later.groups.values()) == list(first.groups.values())


def test_a_replica_that_is_behind_is_waited_for(slapd, change):
    """Reading everything again would bring back whom it has not yet lost."""
    slapd.stop()
    shutil.copytree(slapd.folder / "data", slapd.folder / "behind")
    slapd.start()
    change("delete_s", dn(5))
    first = run(connector(slapd, changes="syncrepl"))
    slapd.stop()
    shutil.rmtree(slapd.folder / "data")
    (slapd.folder / "behind").rename(slapd.folder / "data")
    slapd.start()
    with pytest.raises(Unreachable, match="behind"):
        run(connector(slapd, changes="syncrepl"), cookie=first.end.cookie)


def test_content_synchronisation_wants_the_servers_own_ids(slapd):
    with pytest.raises(Misconfigured, match="entryUUID"):
        run(connector(slapd, changes="syncrepl", id_attribute="uid"))


def test_content_synchronisation_that_means_other_ids_is_refused(slapd, tmp_path):
    """As 389 Directory Server's, which then says that whoever did not change had not been named."""
    (tmp_path / "root.ldif").write_text("dn:\nvendorVersion: 389-Directory/2.3.1 B2025.016.1616\n")
    slapd.more = f"rootDSE {tmp_path / 'root.ldif'}"
    slapd.restart()
    with pytest.raises(Misconfigured, match="389"):
        run(connector(slapd, changes="syncrepl"), cookie={"people": "server#reader#0", "groups": None})
    with pytest.raises(Misconfigured, match="389"):
        connector(slapd, changes="syncrepl").test()
    assert connector(slapd).test().ok


def test_entries_of_content_synchronisation_must_have_the_ids_it_names():
    pytest.importorskip("ldap")
    from tasks.connectors.ldap_session import Session

    opened = Session("ldap://127.0.0.1:1")
    opened.said = []
    opened.syncrepl_entry("uid=a", {"entryUUID": [b"one"]}, "one")
    with pytest.raises(Misconfigured, match="entryUUID"):
        opened.syncrepl_entry("uid=b", {"entryUUID": [b"two"]}, "80db56e8-e6c5-11f1-9b38-b968fe3e9a3a")
    assert opened.said == [("entry", ("uid=a", {"entryUUID": [b"one"]}))]


def test_a_server_without_content_synchronisation_is_said_by_the_test(slapd):
    conf = slapd.folder / "slapd.conf"
    slapd.stop()
    conf.write_text(conf.read_text().replace("overlay syncprov\nsyncprov-sessionlog 1000\n", ""))
    slapd.start()
    with pytest.raises(Misconfigured, match="set changes to none"):
        connector(slapd, changes="syncrepl").test()


def test_a_cookie_that_means_nothing_to_the_server_begins_anew(slapd):
    with pytest.raises((ResyncNeeded, Misconfigured)):
        run(connector(slapd, changes="syncrepl"), cookie={"people": "rid=000,csn=nonsense", "groups": None})


@pytest.mark.parametrize(
    ("more", "credentials", "fault", "word"),
    [
        ({}, {"bind_dn": ADMIN, "password": "wrong"}, Unauthorized, "password"),
        ({"base_dn": "ou=nowhere,dc=acme,dc=example"}, None, Misconfigured, "base DN"),
        ({"base_dn": "no dn at all"}, None, Misconfigured, "base DN"),
        ({"people_filter": "(uid=*"}, None, Misconfigured, "filter"),
        ({"url": "http://127.0.0.1:1"}, None, Misconfigured, "ldaps://"),
        ({"url": "ldap://127.0.0.1:1"}, None, Unreachable, "cannot be reached"),
        ({"url": "ldap://10.1.2.3"}, None, Unreachable, "private network"),
        ({"start_tls": True}, None, Misconfigured, "TLS"),
        ({"mapping": {"user_name": "uid", "shoe_size": "x"}}, None, Misconfigured, "mapping"),
        ({"changes": "usn"}, None, Misconfigured, "Active Directory"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(slapd, more, credentials, fault, word):
    with pytest.raises(fault, match=word):
        run(connector(slapd, credentials, **more))


def test_the_test_of_the_connection_reads_a_few_and_names_what_is_missing(slapd):
    verdict = connector(slapd).test()
    assert (verdict.ok, verdict.people, verdict.groups, verdict.sample[0]) == (True, 5, 1, "person1")
    nobody = connector(slapd, people_filter="(uid=nobody)").test()
    assert (nobody.ok, nobody.code) == (False, "nobody")


def test_a_server_that_goes_away_in_the_middle_is_unreachable(slapd):
    pages = connector(slapd, page_size=100).fetch()
    next(pages)
    slapd.stop()
    with pytest.raises(Unreachable):
        list(pages)
