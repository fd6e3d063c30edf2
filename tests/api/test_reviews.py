"""A review by the API, from its opening to the evidence."""

# ruff: noqa: F811 - the fixture of another file is asked for by its name

from datetime import timedelta

from django.utils import timezone

from identity import roles
from tests.api.client import browser_of, csv_of, token_of
from tests.conftest import SETUP, join
from tests.identity.test_reviews import people  # noqa: F401 - a fixture

PATH = "/organizations/acme/reviews"


def test_by_api_from_the_beginning_to_the_evidence(acme, people):
    api = token_of(people["ada"])
    body = {
        "name": "Spring",
        "reviewers": [str(people["rita"].pk)],
        "due_at": "2030-01-01T00:00:00Z",
        "rule": "keep",
    }
    refused = api.post(PATH, body)
    assert (refused.status_code, refused.json()["field"]) == (400, "due_at")
    body["due_at"] = (timezone.now() + timedelta(days=9)).isoformat()
    made = api.post(PATH, body)
    assert (made.status_code, made.json()["items"], made.json()["open"]) == (201, 6, 6)
    path = f"{PATH}/{made.json()['id']}"

    rita = browser_of(people["rita"])
    csrf = "x" * 32
    rita.client.cookies["rollcall_csrf"], rita.headers = csrf, {"X-CSRFToken": csrf}
    mine = rita.get(f"{path}/items", undecided="true").json()["items"]
    assert len(mine) == 6
    chosen = next(row for row in mine if row["user_name"] == "jane@acme.example" and row["resource"] == "p1")
    answer = rita.post(f"{path}/decisions", {"decisions": [{"item": chosen["id"], "decision": "remove"}]})
    assert answer.json() == {"decided": 1}
    assert rita.post(f"{path}/close", {}).status_code == 403
    assert rita.get(f"{path}/evidence.json").status_code == 403
    # Neither a token without the right, nor somebody who reviews nothing.
    assert token_of(people["rita"]).post(f"{path}/decisions", {"decisions": []}).status_code == 403
    assert browser_of(people["jane"]).get(path).status_code == 404

    assert api.post(f"{path}/close", {}).json()["closed_at"]
    assert api.get(PATH).json()["items"][0]["digest"]
    rows = csv_of(api.get(f"{path}/evidence.csv"))
    row = next(row for row in rows if row["item"] == chosen["id"])
    assert (row["decision"], row["outcome"], row["decided_by"], row["by_rule"]) == (
        "remove",
        "removed",
        "rita@acme.example",
        "false",
    )
    assert api.get(f"{path}/evidence.json").json()["digest"]


def test_nobody_takes_by_a_review_what_they_could_not_give(acme, people):
    manager = join(acme, "max@acme.example", role="member_manager")
    body = {
        "name": "Coup", "reviewers": [str(manager.pk)], "due_at": (timezone.now() + timedelta(days=9)).isoformat(), "rule": "remove",
    }  # fmt: skip
    assert token_of(manager).post(PATH, body).status_code == 403
    body["scope"] = {"roles": False}
    assert token_of(manager).post(PATH, body).status_code == 201


def test_nobody_decides_in_anothers_place_about_what_they_could_not_give(acme, people):
    manager = token_of(join(acme, "max@acme.example", role="member_manager"))
    due = (timezone.now() + timedelta(days=9)).isoformat()
    body = {"name": "Spring", "reviewers": [str(people["rita"].pk)], "due_at": due, "rule": "keep"}
    path = f"{PATH}/{token_of(people['ada']).post(PATH, body).json()['id']}"
    items = {
        (row["user_name"], row["role"] or row["resource"]): row["id"]
        for row in manager.get(f"{path}/items").json()["items"]
    }
    for decision in ("keep", "remove"):
        said = {"item": items["ada@acme.example", "organization_admin"], "decision": decision}
        refused = manager.post(f"{path}/decisions", {"decisions": [said]})
        assert (refused.status_code, refused.json()["field"]) == (403, "decisions")
    said = {"item": items["jane@acme.example", "p1"], "decision": "remove"}
    assert manager.post(f"{path}/decisions", {"decisions": [said]}).json() == {"decided": 1}


def test_nobody_but_an_operator_takes_an_operators_role_by_a_review(operators, opal):
    roles.define(operators, "everything", capabilities=list(roles.CAPABILITIES), actor=SETUP)
    other, path = (
        join(operators, "otto@operators.example", role="everything"),
        "/organizations/operators/reviews",
    )
    body = {
        "name": "Coup",
        "reviewers": [str(other.pk)],
        "due_at": (timezone.now() + timedelta(days=9)).isoformat(),
        "rule": "remove",
    }
    assert token_of(other).post(path, body).status_code == 403
    begun = token_of(opal).post(path, body).json()["id"]
    assert token_of(other).post(f"{path}/{begun}/close", {}).status_code == 403
    assert token_of(opal).post(f"{path}/{begun}/close", {}).status_code == 200
