"""The request log, replays, bursts and settings over the REST API; strangers find nothing."""

from urllib.parse import urlencode

import pytest

from identity import tenancy
from scim.models import Burst, LoggedRequest
from tests.api.client import token_of
from tests.conftest import states
from tests.scim.talk import Scim, entries
from tests.scim_admin.leavers import DOWN, guarded, people


def at(client, rest=""):
    return f"/organizations/acme/directories/{client.directory.pk}{rest}"


def row_of(organization):
    with tenancy.of(organization):
        return LoggedRequest.objects.order_by("id").last().pk


@pytest.fixture
def traffic(okta, ada):
    """Send a creation, a refused one, a bent PATCH and a read."""
    scim = Scim(okta)
    jane = scim.create("jane")
    scim.post("/Users", {"userName": "jane"})
    scim.patch(f"/Users/{jane['id']}", {"op": "Replace", "path": "title", "value": "CTO"})
    scim.get("/Groups")
    return jane["id"]


FILTERS = [
    ({}, ["GET /Groups", "PATCH", "POST /Users", "POST /Users"]),
    ({"status_class": 4}, ["POST /Users"]),
    ({"outcome": "success"}, ["GET /Groups", "PATCH", "POST /Users"]),
    ({"outcome": "refused"}, ["POST /Users"]),
    ({"code": "user_name_taken"}, ["POST /Users"]),
    ({"method": "POST"}, ["POST /Users", "POST /Users"]),
    ({"path": "group"}, ["GET /Groups"]),
    ({"path": "100%"}, []),
    ({"warnings": "true"}, ["PATCH", "POST /Users", "POST /Users"]),
    ({"warnings": "false"}, ["GET /Groups"]),
    ({"warnings": "false", "method": "PATCH"}, []),
    ({"until": "2020-01-01T00:00:00Z"}, []),
    ({"since": "2020-01-01T00:00:00Z", "method": "GET"}, ["GET /Groups"]),
    # Before there were keys, and so far from now that an hour more is no date.
    ({"since": "0001-01-01T00:00:00Z", "method": "GET"}, ["GET /Groups"]),
    ({"since": "9999-12-31T23:59:59Z"}, []),
    ({"until": "0001-01-01T00:00:00Z"}, []),
    ({"until": "9999-12-31T23:59:59Z", "method": "GET"}, ["GET /Groups"]),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_requests_are_found_by_what_is_known_of_them(okta, ada, traffic, query, expected):
    answer = token_of(ada).get(at(okta, f"/requests?{urlencode(query)}"))
    assert answer.status_code == 200
    shown = [f"{item['method']} {item['path']}" for item in answer.json()["items"]]
    assert [each.removesuffix(f" /Users/{traffic}") for each in shown] == expected


def test_pages_follow_each_other_without_gap_or_double(okta, ada, traffic):
    api = token_of(ada)
    seen, after = [], {}
    while after is not None:
        page = api.get(at(okta, "/requests"), limit=1, **after).json()
        seen += [item["id"] for item in page["items"]]
        after = {"after": page["next"]} if page["next"] else None
    assert len(seen) == len(set(seen)) == 4
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("query", [{"status_class": 7}, {"method": "TRACE"}, {"sort": "x"}, {"limit": 0}])
def test_a_wrong_filter_is_refused(okta, ada, query):
    assert token_of(ada).get(at(okta, "/requests"), **query).status_code == 400


def test_a_request_in_full_shows_body_answer_and_entries(acme, okta, ada):
    Scim(okta).create("jane", password="hunter2hunter2")
    shown = token_of(ada).get(at(okta, f"/requests/{row_of(acme)}")).json()
    assert shown["raw"] == '{"userName": "jane", "password": "***"}'
    assert shown["normalised"] == [{"attributes": {"userName": "jane"}}]
    assert '"userName":"jane"' in shown["answer"]
    assert [entry["event"] for entry in shown["entries"]] == ["member.create"]
    assert {"code": "password", "path": "password", "note": "not kept"} in shown["request"]["warnings"]


def test_a_request_is_rehearsed_and_then_applied(acme, okta, ada, traffic):
    scim = Scim(okta)
    scim.patch(f"/Users/{traffic}", {"op": "replace", "path": "title", "value": "CEO"})
    row = row_of(acme)
    scim.patch(f"/Users/{traffic}", {"op": "replace", "path": "title", "value": "Chair"})
    api = token_of(ada)
    shown = api.post(at(okta, f"/requests/{row}/rehearse"))
    assert (shown.status_code, shown.json()["changes"]) == (200, {"title": ["Chair", "CEO"]})
    assert scim.get(f"/Users/{traffic}").body["title"] == "Chair"
    assert api.post(at(okta, f"/requests/{row}/apply"), {}).status_code in {409, 412}
    done = api.post(at(okta, f"/requests/{row}/apply"), {"despite_later": True})
    assert (done.status_code, done.json()["is_applied"]) == (200, True)
    assert scim.get(f"/Users/{traffic}").body["title"] == "CEO"
    (entry,) = entries(acme, event="scim.replay")
    assert (entry.source, entry.request_id) == ("api", done.headers["X-Request-ID"])


def test_a_burst_is_seen_and_rolled_back(acme, okta, ada):
    scim = guarded(okta)
    for each in people(scim)[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    api = token_of(ada)
    (burst,) = api.get(at(okta, "/bursts")).json()["items"]
    assert (burst["decision"], burst["departures"]) == ("", {"suspend": 4})
    shown = api.get(at(okta, f"/bursts/{burst['id']}")).json()
    assert [item["user_name"] for item in shown["items"]] == ["p0", "p1", "p2", "p3"]
    done = api.post(at(okta, f"/bursts/{burst['id']}/roll-back"))
    assert (done.status_code, done.json()["decision"]) == (200, "roll_back")
    assert "suspended" not in states(acme).values()
    assert api.post(at(okta, f"/bursts/{burst['id']}/confirm")).status_code in {409, 412}


def test_a_burst_is_confirmed(acme, okta, ada):
    scim = guarded(okta)
    for each in people(scim)[:4]:
        scim.delete(f"/Users/{each}")
    (burst,) = token_of(ada).get(at(okta, "/bursts")).json()["items"]
    assert token_of(ada).post(at(okta, f"/bursts/{burst['id']}/confirm")).status_code == 200
    assert list(states(acme).values()).count("offboarded") == 4


def test_settings_are_read_and_changed_one_by_one(okta, ada):
    api = token_of(ada)
    assert api.get(at(okta)).json()["settings"]["burst_guard"]["percent"] == 5
    limit = {"requests": 1, "seconds": 3600}
    api.patch(at(okta), {"settings": {"rate_limit": limit}})
    answer = api.patch(at(okta), {"settings": {"burst_guard": None}})
    assert (answer.json()["settings"]["rate_limit"], answer.json()["settings"]["burst_guard"]) == (
        limit,
        None,
    )
    assert [Scim(okta).get("/Users").status for _ in range(2)] == [200, 429]
    for wrong in ({"rate_limit": 1}, {"speed": 1}, {"request_log_days": -1}, {"burst_guard": {"members": 5}}):
        assert api.patch(at(okta), {"settings": wrong}).status_code == 400


ADDRESSES = [
    ("GET", "/requests"),
    ("GET", "/requests/{row}"),
    ("POST", "/requests/{row}/rehearse"),
    ("POST", "/requests/{row}/apply"),
    ("GET", "/bursts"),
    ("GET", "/bursts/{burst}"),
    ("POST", "/bursts/{burst}/confirm"),
    ("POST", "/bursts/{burst}/roll-back"),
    ("GET", "/doctor"),
]


@pytest.mark.parametrize(("method", "rest"), ADDRESSES)
def test_nobody_of_another_organization_finds_anything(acme, globex, okta, ada, gus, method, rest):
    scim = guarded(okta)
    for each in people(scim)[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    with tenancy.of(acme):
        rest = rest.format(row=LoggedRequest.objects.order_by("id").last().pk, burst=Burst.objects.get().pk)
    before = states(acme)
    there = token_of(gus).send(method, at(okta, rest))
    own = token_of(gus).send(method, at(okta, rest).replace("/acme/", "/globex/"))
    assert (there.status_code, own.status_code) == (404, 404)
    assert states(acme) == before
    assert token_of(ada).send(method, at(okta, rest)).status_code != 404


@pytest.mark.parametrize(("method", "rest"), ADDRESSES)
def test_a_right_is_needed(acme, okta, ada, method, rest):
    rest = rest.format(row=okta.directory.pk, burst=okta.directory.pk)
    assert token_of(ada, "record.read").send(method, at(okta, rest)).status_code == 403


def test_a_request_is_found_below_its_own_directory_alone(acme, okta, entra, ada, traffic):
    assert token_of(ada).get(at(entra, f"/requests/{row_of(acme)}")).status_code == 404
