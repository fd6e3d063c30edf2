"""The Okta connector against a process that answers like Okta, with Okta's faults."""

import time
from datetime import datetime
from types import SimpleNamespace

import pytest

from identity.outbound import Answer
from tasks.connectors.faults import Misconfigured, NotUnderstood, RateLimited, Unauthorized, Unreachable
from tasks.connectors.http import Api, retry_after
from tasks.connectors.okta import OktaConnector
from tests.connectors.conftest import somebody, team
from tests.connectors.fake_directory import API_TOKEN
from tests.connectors.listing import piecemeal, run

NOW = "2099-01-01T00:00:00.000Z"


def rate(*, left, ahead=0):
    """Give what Okta says of its rate limit, by a clock that is so many seconds ahead of ours."""
    return {
        "X-Rate-Limit-Limit": "600",
        "X-Rate-Limit-Remaining": str(left),
        "X-Rate-Limit-Reset": str(int(time.time()) + ahead + 60),
    }


@pytest.fixture
def okta(fake):
    def build(credentials=None, **more):
        return OktaConnector({"api_url": fake.url} | more, credentials or {"api_token": API_TOKEN})

    return build


def test_everybody_is_listed_also_who_is_deprovisioned(okta, fake):
    fake.put(people=[*fake.state["people"], somebody(8, "staged")])
    listing = run(okta())
    assert {name: one.active for name, one in listing.people.items()} == {
        f"person{number}@acme.example": number < 6 for number in range(9)
    }
    assert listing.people["person1@acme.example"].profile == {
        "name": {"givenName": "Person", "familyName": "Number1"},
        "emails": [{"value": "person1@acme.example", "type": "work", "primary": True}],
        "title": "Trader",
    }
    assert listing.members == {"traders": {(f"id-{number}", True) for number in range(4)}, "empty": set()}
    assert listing.end.whole


def test_between_whole_listings_only_changes_are_read(okta, fake):
    first = run(okta())
    people = fake.state["people"]
    people[1] |= {"last": "Married", "changed": NOW}
    people[2] |= {"status": "deleted", "changed": NOW}
    fake.put(people=people, groups=[team("traders", 0, 1, changed=NOW), team("empty")])
    later = run(okta(), cookie=first.end.cookie)
    assert {one.external_id: one.active for one in later.people.values()} == {"id-1": True, "id-2": False}
    assert later.members == {"traders": {("id-0", True), ("id-1", True)}}
    assert (later.end.whole, later.end.cookie["whole_at"]) == (False, first.end.cookie["whole_at"])
    again = run(okta(whole_hours=0), cookie=later.end.cookie)
    assert (again.end.whole, len(again.people)) == (True, 8)


def test_changes_overlap_since_they_may_become_visible_late(okta, fake):
    cookie = run(okta()).end.cookie
    fake.put(asked=[])
    run(okta(), cookie=cookie)
    [asked] = [path for path in fake.state["asked"] if path.startswith("/api/v1/users")]
    assert cookie["since"][:16] not in asked.replace("%3A", ":")


@pytest.mark.parametrize("elsewhere", ["http://127.0.0.2:1", "https://127.0.0.1"])
def test_a_link_to_another_host_or_scheme_is_not_followed(okta, fake, elsewhere):
    fake.put(faults={"elsewhere": elsewhere})
    with pytest.raises(NotUnderstood, match="another host"):
        run(okta())


def test_a_page_that_repeats_for_ever_ends_the_run(okta, fake):
    fake.put(faults={"loop": True})
    with pytest.raises(NotUnderstood, match="never end"):
        run(okta())


@pytest.mark.parametrize("fault", ["empty_page", "duplicate_pages", "reorder"])
def test_odd_pages_change_nothing(okta, fake, fault):
    expected = run(okta())
    fake.put(faults={fault: True})
    listing = run(okta())
    assert (listing.people, listing.members) == (expected.people, expected.members)


def test_an_interrupted_listing_goes_on_where_it_was(okta):
    whole = run(okta())
    assert len(whole.pages) > 1
    for place, page in enumerate(whole.pages[:-1]):
        rest = run(okta(), checkpoint=page.checkpoint)
        assert {*whole.people} == {*rest.people} | {
            one.user_name for earlier in whole.pages[: place + 1] for one in earlier.people
        }
        assert rest.end == whole.end


def test_the_group_of_everyone_says_nothing(okta, fake):
    fake.put(groups=[team("Everyone", 0, 1, type="BUILT_IN"), team("traders")])
    assert list(run(okta()).groups) == ["g-traders"]


def test_a_missing_status_says_nothing_and_a_missing_login_is_unreadable(okta, fake):
    fake.put(faults={"missing_flag": ["id-2"], "nameless": ["id-3"]})
    listing = run(okta())
    assert listing.people["person2@acme.example"].active is None
    assert [one.place for one in listing.unreadable] == ["user id-3"]


def test_half_of_the_rate_limit_is_left_to_others(okta, fake):
    fake.put(faults={"rate": rate(left=299)})
    with pytest.raises(RateLimited) as raised:
        run(okta())
    assert 40 < raised.value.retry_after_seconds <= 60
    fake.put(faults={"rate": rate(left=301)})
    assert len(run(okta()).people) == 8


def test_what_was_answered_beyond_our_share_is_kept(okta, fake):
    fake.put(faults={"rate": rate(left=1)})
    # Others use the limit up, always: each turn brings two answers, and so it comes to its end.
    assert len(piecemeal(okta, lambda: None).people) == 8


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_times_are_by_oktas_own_clock(okta, fake, ahead):
    fake.put(clock_ahead=ahead)
    began = datetime.fromisoformat(run(okta()).end.cookie["since"]).timestamp()
    assert abs(began - ahead - time.time()) < 60
    fake.put(faults={"rate": rate(left=1, ahead=ahead)})
    with pytest.raises(RateLimited) as raised:
        run(okta())
    assert 40 < raised.value.retry_after_seconds <= 60
    fake.put(faults={"rate_limited": 9, "rate": rate(left=0, ahead=ahead)})
    with pytest.raises(RateLimited) as raised:
        run(okta())
    assert 40 < raised.value.retry_after_seconds <= 61


def test_a_group_that_goes_while_it_is_read_is_unknown_and_not_empty(okta, fake):
    fake.put(faults={"gone": ["g-traders"]})
    listing = run(okta())
    assert (listing.groups["g-traders"].members, listing.end.whole) == ("unknown", True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "86400"}, 3600),
        ({}, 30),
        ({"retry-after": "soon"}, 30),
        ({"retry-after": "²"}, 30),
        # By the directory's own clock, which may be years behind ours.
        ({"retry-after": "Wed, 21 Oct 2015 07:30:00 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 120),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:30:00 GMT"}, 1),
        ({"retry-after": "Wed, 21 Oct 2015 07:30:00 GMT"}, 1),
    ],
)
def test_how_long_a_directory_asks_to_wait(headers, seconds):
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://Acme.Okta.com", "https://acme.okta.com/x"),
        ("https://acme.okta.com", "https://acme.okta.com:443/x"),
        ("http://acme.example:80", "HTTP://acme.example/x"),
    ],
)
def test_one_host_may_be_written_in_several_ways(typed, meant):
    asked = []
    caller = SimpleNamespace(call=lambda _method, url, **_: asked.append(url) or Answer(200, {}, b"[]"))
    assert Api(caller, typed, lambda _: "").get(meant) == ([], {})
    assert asked == [meant]


@pytest.mark.parametrize(
    ("faults", "expected", "code"),
    [
        ({"rate_limited": 9}, RateLimited, "rate_limited"),
        ({"broken": 9, "after": 1}, Unreachable, "unreachable"),
        ({"forbidden": 9}, Unauthorized, "unauthorized"),
    ],
)
def test_what_okta_refuses_is_a_fault_by_what_to_do(okta, fake, faults, expected, code):
    fake.put(faults=faults)
    with pytest.raises(expected) as raised:
        run(okta())
    assert raised.value.code == code


@pytest.mark.parametrize("body", ["<html>We are back soon.</html>", '[{"id": "id-1", "sta', ""])
def test_a_page_of_something_in_between_or_half_an_answer_passes(okta, fake, body):
    whole = run(okta())
    fake.put(faults={"stray": 1, "after": 2, "body": body})
    pages = []
    with pytest.raises(Unreachable, match="no JSON"):
        pages.extend(okta().fetch())
    rest = run(okta(), checkpoint=pages[-1].checkpoint)
    assert {one.user_name for page in (*pages, *rest.pages) for one in page.people} == {*whole.people}


def test_a_service_app_signs_in_by_its_key(okta, fake, signing_key):
    credentials = {"private_key": signing_key[0], "key_id": "kid-1"}
    assert len(run(okta(credentials, client_id="app")).people) == 8
    assertion = fake.state["assertion"]
    assert (assertion["claims"]["iss"], assertion["header"]["kid"]) == ("app", "kid-1")


@pytest.mark.parametrize(
    ("credentials", "expected", "word"),
    [
        ({"api_token": "wrong"}, Unauthorized, "read-only administrator"),
        ({"private_key": "x"}, Misconfigured, "client id"),
        ({}, Misconfigured, "API token"),
    ],
)
def test_credentials_that_do_not_open_say_what_to_check(fake, credentials, expected, word):
    with pytest.raises(expected, match=word):
        OktaConnector({"api_url": fake.url}, credentials).test()


def test_the_test_reads_a_few(okta):
    verdict = okta().test()
    assert (verdict.ok, verdict.people, verdict.groups) == (True, 3, 2)
