"""A token calls as often as its directory's limit says; a dead Valkey stops nobody."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings as settings_of
from django.db import connections

from identity import directories, tokens
from scim import allowance, throttle
from tests.conftest import SETUP
from tests.scim.talk import Scim, entries


def limited(client, limit):
    directories.change(client.directory, settings={"rate_limit": limit}, actor=SETUP)
    return Scim(client)


def test_requests_beyond_the_limit_are_told_when_to_come_back(okta):
    scim = limited(okta, {"requests": 3, "seconds": 3600})
    assert [scim.get("/Users").status for _ in range(3)] == [200, 200, 200]
    answer = scim.get("/Users")
    assert (answer.status, answer.headers["Content-Type"]) == (429, "application/scim+json")
    assert 1190 <= int(answer.headers["Retry-After"]) <= 1200
    assert answer.body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.body["status"] == "429"
    assert answer.body["detail"].startswith(
        f"Too many requests; wait {answer.headers['Retry-After']} seconds."
    )


def test_a_refused_request_does_nothing_and_fills_no_record(acme, okta):
    scim = limited(okta, {"requests": 1, "seconds": 3600})
    scim.get("/Users")
    before = len(entries(acme))
    for _ in range(20):
        assert scim.post("/Users", {"userName": "late"}).status == 429
    assert len(entries(acme)) == before


def test_each_token_has_its_own_count(okta, entra):
    scim = limited(okta, {"requests": 1, "seconds": 3600})
    second = Scim(tokens.issue(okta.directory, actor=SETUP)[1])
    other = limited(entra, {"requests": 1, "seconds": 3600})
    assert [each.get("/Users").status for each in (scim, second, other)] == [200, 200, 200]
    assert [each.get("/Users").status for each in (scim, second, other)] == [429, 429, 429]


def test_null_switches_the_limit_off_and_a_new_limit_begins_anew(okta):
    scim = limited(okta, {"requests": 1, "seconds": 3600})
    assert [scim.get("/Users").status for _ in range(2)] == [200, 429]
    limited(okta, None)
    assert [scim.get("/Users").status for _ in range(3)] == [200, 200, 200]
    limited(okta, {"requests": 2, "seconds": 3600})
    assert [scim.get("/Users").status for _ in range(3)] == [200, 200, 429]


def test_many_at_once_get_exactly_as_many_as_there_are(okta):
    limited(okta, {"requests": 20, "seconds": 3600})
    ready = threading.Barrier(8)

    def call(_):
        try:
            ready.wait()
            scim = Scim(okta)
            return [scim.get("/Users?count=0").status for _ in range(5)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(status for each in pool.map(call, range(8)) for status in each)
    assert statuses == [200] * 20 + [429] * 20


@pytest.mark.parametrize("requests", [1, 3, 7, 60, 999])
def test_the_whole_number_may_come_at_once(db, requests):
    name = f"test-{requests}-{threading.get_ident()}-{id(object())}"
    waits = [throttle.wait_seconds(name, requests, 86_400) for _ in range(requests + 1)]
    assert waits[:-1] == [0] * requests
    assert waits[-1] > 0


def test_a_token_that_hurries_asks_valkey_seldom_and_near_its_limit_each_time(db, monkeypatch):
    name = f"hurry-{id(object())}"
    asked = []
    ask = throttle._script(settings_of.REDIS_URL)
    monkeypatch.setattr(
        throttle, "_script", lambda _: lambda keys, args: asked.append(args[2]) or ask(keys=keys, args=args)
    )
    monkeypatch.setattr(allowance, "HURRY_SECONDS", 60.0)
    monkeypatch.setattr(allowance, "KEEP_SECONDS", 60.0)
    waits = [throttle.wait_seconds(name, 1000, 86_400) for _ in range(1001)]
    assert waits[:-1] == [0] * 1000, "none is lost to a token that uses what it takes"
    assert waits[-1] > 0
    assert asked[:7] == [1, 2, 4, 8, 16, 32, 32]
    assert asked[-16:] == [1] * 16
    assert len(asked) < 120


def test_what_is_taken_in_advance_is_not_kept_for_long(db, monkeypatch):
    name = f"slow-{id(object())}"
    monkeypatch.setattr(allowance, "HURRY_SECONDS", 60.0)
    for _ in range(4):
        assert throttle.wait_seconds(name, 1000, 86_400) == 0
    (held,) = [each for key, each in allowance._taken.items() if name in key]
    assert held.unused == 3
    held.at -= allowance.KEEP_SECONDS
    assert throttle.wait_seconds(name, 1000, 86_400) == 0
    assert held.unused == 7, "what was left of four is gone, and eight were taken, of which one is used"
    held.at -= 61
    assert throttle.wait_seconds(name, 1000, 86_400) == 0
    assert (held.unused, held.next) == (0, 2), "who does not hurry takes one"


def test_no_more_names_are_held_than_fit(db, monkeypatch):
    monkeypatch.setattr(allowance, "NAMES_MAX", 3)
    for number in range(8):
        allowance.took(f"name-{number}", 1, 100)
        assert len(allowance._taken) <= 3


def test_a_dead_valkey_stops_nobody(okta, settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # nobody listens there
    monkeypatch.setattr(throttle, "_rest_until", 0.0)
    scim = limited(okta, {"requests": 1, "seconds": 3600})
    assert [scim.get("/Users").status for _ in range(5)] == [200] * 5
    assert throttle._rest_until > 0


def test_a_dead_token_is_recorded_a_few_times_and_refused_each_time(acme, okta):
    token = tokens.find(okta.secret).token
    tokens.revoke(token, actor=SETUP)
    statuses = {Scim(okta).get("/Users").status for _ in range(throttle.NOTES_MAX + 15)}
    assert statuses == {401}
    assert len(entries(acme, event="scim.refuse", reason="token_revoked")) == throttle.NOTES_MAX
