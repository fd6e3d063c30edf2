"""People leaving, through the API: a list previewed, then gone or going; receipts and times."""

from datetime import timedelta

import pytest
from django.utils import timezone

from identity import members, organizations, receipts, tokens
from tests.api.client import bearer, token_of
from tests.conftest import SETUP, join

PATH = "/organizations/acme/offboardings"


def test_a_pasted_list_is_previewed_and_goes_with_receipts(acme, ada, jane):
    rita = join(acme, "rita@acme.example")
    service, secret = tokens.issue(jane, scopes=["members.read"], service=True, actor=SETUP)
    api = token_of(ada)
    seen = api.post(
        f"{PATH}/preview", {"text": "jane@acme.example\nRita <rita@acme.example>, nobody@acme.example"}
    )
    assert seen.status_code == 200
    items = seen.json()["items"]
    assert [(item["user_name"], item["problem"]) for item in items] == [
        ("jane@acme.example", ""),
        ("rita@acme.example", ""),
        ("", "unknown"),
    ]
    assert [token["id"] for token in items[0]["service_tokens"]] == [str(service.pk)]
    assert items[0]["ends"]["tokens"] == 1
    wanted = [item["member"] for item in items if item["member"]]
    body = {"members": wanted, "reason": "team closed", "hand_over_to": str(ada.pk)}
    left = api.post(PATH, body).json()["items"]
    assert [item["user_name"] for item in left] == ["jane@acme.example", "rita@acme.example"]
    assert left[0]["handed_over"] == [str(service.pk)]
    assert bearer(secret).get("/me").json()["member"]["id"] == str(ada.pk)
    (kept,) = api.get(f"/organizations/acme/members/{rita.pk}/receipts").json()["items"]
    assert receipts.digest(kept["body"]) == kept["digest"]
    assert kept["body"]["reason"] == "team closed"
    times = api.get(f"{PATH}/times").json()
    assert times["count"] == 2
    assert 0 <= times["p50_seconds"] <= times["p95_seconds"] <= times["max_seconds"]


def test_people_are_scheduled_in_the_organizations_hours(acme, ada, jane):
    organizations.change(acme, time_zone="Asia/Tokyo", actor=SETUP)
    day = (timezone.now() + timedelta(days=40)).date()
    answer = token_of(ada).post(PATH, {"members": [str(jane.pk)], "at": f"{day}T18:00"})
    (item,) = answer.json()["items"]
    assert (item["receipt"], item["ends_at"]) == (None, f"{day}T09:00:00Z")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "members"),
        ({"members": ["x"]}, "members[0]"),
        ({"members": [], "at": "soon"}, "at"),
        ({"members": [], "at": "2020-01-01T00:00"}, "at"),
    ],
)
def test_wrong_lists_are_refused_by_name(ada, body, field):
    answer = token_of(ada).post(PATH, body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_a_stranger_on_the_list_spares_everybody(acme, ada, jane, gus):
    assert token_of(ada).post(PATH, {"members": [str(jane.pk), str(gus.pk)]}).status_code == 404
    assert token_of(ada).get(f"/organizations/acme/members/{jane.pk}").json()["state"] == "active"


def test_strangers_and_those_without_the_right_are_refused(ada, gus, jane):
    members.offboard(jane, actor=SETUP)
    calls = (
        lambda api: api.post(f"{PATH}/preview", {"members": [str(ada.pk)]}),
        lambda api: api.post(PATH, {"members": [str(ada.pk)]}),
        lambda api: api.get(f"{PATH}/times"),
        lambda api: api.get(f"/organizations/acme/members/{jane.pk}/receipts"),
    )
    for call in calls:
        assert call(token_of(gus)).status_code == 404
        assert call(token_of(ada, "record.read")).status_code == 403
    assert token_of(gus).get(f"/organizations/globex/members/{jane.pk}/receipts").status_code == 404
