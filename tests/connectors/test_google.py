"""The Google Workspace connector against a process that answers like Google, with Google's faults."""

import json

import pytest

from tasks.connectors.faults import (
    Misconfigured,
    NotUnderstood,
    RateLimited,
    ResyncNeeded,
    Unauthorized,
    Unreachable,
)
from tasks.connectors.google import SCOPES, GoogleConnector
from tests.connectors.conftest import somebody, team
from tests.connectors.listing import piecemeal, run

ADMIN = "person0@acme.example"


@pytest.fixture
def google(fake, signing_key):
    account = {
        "client_email": "rollcall@project.example",
        "private_key": signing_key[0],
        "private_key_id": "key-1",
    }

    def build(**more):
        values = {"admin_email": ADMIN, "api_url": fake.url, "token_url": f"{fake.url}/token"} | more
        return GoogleConnector(values, {"service_account": json.dumps(account)})

    return build


def test_everybody_is_listed_with_who_was_deleted_lately_and_who_is_in_which_group(google, fake):
    listing = run(google())
    assert {name: one.active for name, one in listing.people.items()} == {
        f"person{number}@acme.example": number != 6 for number in range(7)
    }
    assert listing.people[ADMIN].profile == {
        "name": {"givenName": "Person", "familyName": "Number0"},
        "displayName": "Person Number0",
        "emails": [{"value": ADMIN, "type": "work", "primary": True}],
        "title": "Trader",
    }
    assert listing.removed == ["id-7"]
    assert listing.members == {"traders": {(f"id-{number}", True) for number in range(4)}, "empty": set()}
    assert (listing.end.whole, listing.end.incomplete, listing.unreadable) == (True, "", [])


def test_the_service_account_asks_in_the_administrators_name_for_three_scopes(google, fake):
    run(google())
    assertion = fake.state["assertion"]
    claims = assertion["claims"]
    assert (claims["iss"], claims["sub"]) == ("rollcall@project.example", ADMIN)
    assert claims["scope"].split() == list(SCOPES)
    assert claims["exp"] - claims["iat"] <= 3600
    assert assertion["header"]["kid"] == "key-1"


def test_a_flag_that_is_missing_says_nothing(google, fake):
    fake.put(faults={"missing_flag": ["id-2"]})
    assert run(google()).people["person2@acme.example"].active is None


def test_an_archived_person_is_out(google, fake):
    fake.put(people=[somebody(0), somebody(1, "archived")])
    assert run(google()).people["person1@acme.example"].active is False


def test_a_user_without_an_address_is_named_as_unreadable(google, fake):
    fake.put(faults={"nameless": ["id-3"]})
    listing = run(google())
    assert [one.place for one in listing.unreadable] == ["user id-3"]
    assert len(listing.people) == 6


def test_a_page_that_repeats_for_ever_ends_the_run(google, fake):
    fake.put(faults={"loop": True})
    with pytest.raises(NotUnderstood, match="never end"):
        run(google())


@pytest.mark.parametrize("fault", ["empty_page", "duplicate_pages", "reorder"])
def test_odd_pages_change_nothing(google, fake, fault):
    expected = run(google())
    fake.put(faults={fault: True})
    listing = run(google())
    assert (listing.people, listing.members, set(listing.removed)) == (
        expected.people, expected.members, set(expected.removed),
    )  # fmt: skip


@pytest.mark.parametrize("status", [404, 412])
def test_a_group_that_goes_while_it_is_read_is_unknown_and_not_empty(google, fake, status):
    fake.put(faults={"gone": ["g-traders"], "gone_status": status})
    assert run(google()).groups["g-traders"].members == "unknown"


def test_groups_are_left_alone_where_nobody_wants_them(google, fake):
    listing = run(google(groups=False))
    assert (listing.groups, [path for path in fake.state["asked"] if "/groups" in path]) == ({}, [])


def test_an_interrupted_listing_goes_on_where_it_was(google, fake):
    whole = run(google())
    for place, page in enumerate(whole.pages[:-1]):
        fake.put(asked=[])
        rest = run(google(), checkpoint=page.checkpoint)
        assert {*whole.people} == {*rest.people} | {
            one.user_name for earlier in whole.pages[: place + 1] for one in earlier.people
        }
        assert rest.end == whole.end
    assert len([path for path in fake.state["asked"] if "/users" in path]) == 0


def test_a_page_of_groups_may_take_more_calls_than_there_are_at_a_time(google, fake):
    fake.put(groups=[team(f"team{number}", *range(8)) for number in range(5)])
    whole = run(google())
    told = [one for page in whole.pages for one in page.memberships]
    for place, page in enumerate(whole.pages[:-1]):
        rest = run(google(), checkpoint=page.checkpoint)
        before = [one for earlier in whole.pages[: place + 1] for one in earlier.memberships]
        assert before + [one for later in rest.pages for one in later.memberships] == told
    listing = piecemeal(google, lambda: fake.put(faults={"rate_limited": 1, "after": 4}))
    assert (listing.people, listing.members) == (whole.people, whole.members)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({"rate_limited": 9}, RateLimited),
        ({"unavailable": 9}, RateLimited),
        ({"broken": 9}, Unreachable),
        ({"forbidden": 9}, Unauthorized),
        ({"forbidden": 9, "after": 2}, Unauthorized),
    ],
)
def test_what_google_refuses_is_a_fault_by_what_to_do(google, fake, faults, expected):
    fake.put(faults=faults)
    with pytest.raises(expected) as raised:
        run(google())
    if expected is RateLimited and "rate_limited" in faults:
        assert raised.value.retry_after_seconds == 7
    if expected is Unauthorized:
        assert [missing.right for missing in raised.value.missing] == list(SCOPES)


def test_a_page_that_google_no_longer_knows_means_beginning_anew(google, fake):
    fake.put(faults={"stale_token": True})
    with pytest.raises(ResyncNeeded):
        run(google(), checkpoint={"stage": "users", "token": "3"})


def test_an_expired_token_is_renewed_once(google, fake):
    issued = fake.state["issued"]
    fake.put(faults={"expire_after": 2})
    assert len(run(google()).people) == 7
    assert fake.state["issued"] == issued + 2


@pytest.mark.parametrize(
    ("change", "expected", "word"),
    [
        ({"admin_email": "nobody@acme.example"}, Misconfigured, "administrator"),
        ({"mapping": {"shoe_size": "x"}}, Misconfigured, "shoe_size"),
    ],
)
def test_settings_that_lead_nowhere_say_so(google, change, expected, word):
    with pytest.raises(expected, match=word):
        connector = google(**change)
        connector.test()
        run(connector)


def test_a_scope_that_was_not_delegated_says_where_to_do_it(google, fake):
    fake.put(wanted={"sub": "somebody-else@acme.example"})
    with pytest.raises(Unauthorized, match="Domain-wide delegation") as raised:
        google().test()
    assert len(raised.value.missing) == 3


@pytest.mark.parametrize("account", ["no json", "{}", '{"client_email": "x", "private_key": "no key"}', "[]"])
def test_a_key_that_is_none_is_refused(fake, account):
    values = {"admin_email": ADMIN, "api_url": fake.url, "token_url": f"{fake.url}/token"}
    with pytest.raises(Misconfigured, match="key"):
        GoogleConnector(values, {"service_account": account}).test()


def test_the_test_reads_a_few_and_the_canary_is_the_administrator(google):
    verdict = google().test()
    assert (verdict.ok, verdict.people, verdict.groups, verdict.sample[0]) == (True, 3, 2, ADMIN)
    assert (google().sentinel, google(org_unit="/Staff").sentinel, google(sentinel="x").sentinel) == (
        ADMIN,
        "",
        "x",
    )
