"""The Microsoft Graph connector against a process that answers like Graph, with Graph's faults."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from tasks.connectors.faults import (
    Misconfigured,
    NotUnderstood,
    RateLimited,
    ResyncNeeded,
    Unauthorized,
    Unreachable,
)
from tasks.connectors.graph import RIGHTS, GraphConnector
from tests.connectors.conftest import somebody, team
from tests.connectors.fake_directory import SECRET
from tests.connectors.listing import run


@pytest.fixture
def graph(fake):
    def build(credentials=None, **more):
        values = {
            "tenant_id": "tenant",
            "client_id": "client",
            "api_url": fake.url,
            "token_url": fake.url,
        } | more
        return GraphConnector(values, credentials or {"client_secret": SECRET})

    return build


def test_everybody_is_listed_at_first_and_then_only_what_changed(graph, fake):
    first = run(graph())
    assert {name: one.active for name, one in first.people.items()} == {
        f"person{number}@acme.example": number != 6 for number in range(7)
    }
    assert first.people["person1@acme.example"].profile == {
        "displayName": "Person Number1",
        "name": {"givenName": "Person", "familyName": "Number1"},
        "emails": [{"value": "person1@acme.example", "type": "work", "primary": True}],
        "title": "Trader",
    }
    assert first.members == {"traders": {(f"id-{number}", True) for number in range(4)}, "empty": set()}
    assert {group.members for group in first.groups.values()} == {"all"}
    assert (first.end.whole, set(first.end.cookie)) == (True, {"users", "groups"})

    nothing = run(graph(), cookie=first.end.cookie)
    assert (nothing.people, nothing.removed, nothing.groups, nothing.end.whole) == ({}, [], {}, False)

    people = fake.state["people"]
    people[1] |= {"last": "Married", "seq": 2}
    people[2] |= {"status": "deleted", "seq": 2}
    changed = team("traders", 0, 1, 3, 5, seq=2, joined=["id-5"], left=["id-2"])
    fake.put(seq=2, people=people, groups=[changed, team("empty", deleted=True, seq=2)])
    later = run(graph(), cookie=nothing.end.cookie)
    assert [one.profile["name"]["familyName"] for one in later.people.values()] == ["Married"]
    assert later.removed == ["id-2"]
    assert later.members == {"traders": {("id-5", True), ("id-2", False)}}
    assert later.groups["g-traders"].members == "changes"
    assert [key for page in later.pages for key in page.removed_groups] == ["g-empty"]


@pytest.mark.parametrize("fault", ["empty_page", "duplicate_pages", "reorder"])
def test_odd_pages_change_nothing(graph, fake, fault):
    expected = run(graph())
    fake.put(faults={fault: True})
    listing = run(graph())
    assert (listing.people, listing.members) == (expected.people, expected.members)


def test_a_listing_that_is_cut_off_has_no_end(graph, fake):
    fake.put(faults={"truncate": True})
    with pytest.raises(NotUnderstood, match="cut off"):
        run(graph())


@pytest.mark.parametrize(
    "stale", [[400, "syncStateNotFound"], [400, "Directory_ExpiredPageToken"], [410, "gone"]]
)
def test_a_delta_link_that_is_too_old_means_beginning_anew(graph, fake, stale):
    cookie = run(graph()).end.cookie
    fake.put(faults={"stale": stale})
    with pytest.raises(ResyncNeeded):
        run(graph(), cookie=cookie)


def test_guests_stay_out_unless_they_are_wanted(graph, fake):
    fake.put(people=[somebody(0), somebody(1, type="Guest")])
    assert (set(run(graph()).people), run(graph()).removed) == ({"person0@acme.example"}, ["id-1"])
    assert len(run(graph(guests=True)).people) == 2


def test_a_missing_flag_says_nothing_and_a_missing_name_is_unreadable(graph, fake):
    fake.put(faults={"missing_flag": ["id-2"], "nameless": ["id-3"]})
    listing = run(graph())
    assert listing.people["person2@acme.example"].active is None
    assert [one.place for one in listing.unreadable] == ["user id-3"]


def test_an_interrupted_listing_goes_on_where_it_was(graph):
    whole = run(graph())
    assert len(whole.pages) > 1
    for place, page in enumerate(whole.pages[:-1]):
        rest = run(graph(), checkpoint=page.checkpoint)
        assert {*whole.people} == {*rest.people} | {
            one.user_name for earlier in whole.pages[: place + 1] for one in earlier.people
        }
        assert (rest.end.whole, rest.end.cookie) == (True, whole.end.cookie)


def test_a_page_that_repeats_for_ever_ends_the_run(graph, fake):
    fake.put(faults={"loop": True})
    with pytest.raises(NotUnderstood, match="never end"):
        run(graph())


@pytest.mark.parametrize(
    "stale", [[410, "gone"], [400, "syncStateNotFound"], [400, "Directory_ExpiredPageToken"]]
)
def test_a_link_in_the_middle_that_graph_no_longer_knows_means_beginning_anew(graph, fake, stale):
    first = run(graph()).pages[0]
    fake.put(faults={"stale_middle": stale})
    with pytest.raises(ResyncNeeded):
        run(graph(), checkpoint=first.checkpoint)


def test_a_firewalls_page_at_the_token_address_is_a_refusal(graph, fake):
    fake.put(faults={"token_page": "<html>Blocked.</html>"})
    with pytest.raises(Unauthorized, match="403"):
        run(graph())


def test_our_token_goes_to_no_other_host(graph, fake):
    fake.put(faults={"other_host": True})
    with pytest.raises(NotUnderstood, match="another host"):
        run(graph())


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({"rate_limited": 9}, RateLimited),
        ({"rate_limited": 9, "after": 2}, RateLimited),
        ({"broken": 9}, Unreachable),
        ({"forbidden": 9}, Unauthorized),
    ],
)
def test_what_graph_refuses_is_a_fault_by_what_to_do(graph, fake, faults, expected):
    fake.put(faults=faults)
    with pytest.raises(expected) as raised:
        run(graph())
    if expected is Unauthorized:
        assert [missing.right for missing in raised.value.missing] == list(RIGHTS)


def test_a_certificate_signs_in_where_there_is_no_secret(graph, fake, signing_key):
    key = load_pem_private_key(signing_key[0].encode(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rollcall")])
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    ).sign(key, SHA256())
    credentials = {"certificate": made.public_bytes(Encoding.PEM).decode(), "private_key": signing_key[0]}
    assert len(run(graph(credentials)).people) == 7
    assertion = fake.state["assertion"]
    assert (assertion["claims"]["sub"], len(assertion["header"]["x5t#S256"])) == ("client", 43)


@pytest.mark.parametrize(
    ("credentials", "expected", "word"),
    [
        ({"client_secret": "wrong"}, Unauthorized, "AADSTS7000215"),
        ({"certificate": "x"}, Misconfigured, "secret"),
        ({"certificate": "x", "private_key": "y"}, Misconfigured, "certificate"),
    ],
)
def test_credentials_that_do_not_open_say_what_to_check(graph, credentials, expected, word):
    with pytest.raises(expected, match=word):
        graph(credentials).test()


def test_the_test_reads_a_few(graph):
    verdict = graph().test()
    assert (verdict.ok, verdict.people, verdict.groups) == (True, 5, 2)
