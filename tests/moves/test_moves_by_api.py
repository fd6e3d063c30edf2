"""Moving people between directories through the API: asked for first, done then, and refused to whoever has not the right."""

import pytest

from audit.record import Actor
from identity import members, roles, tenancy
from identity.models import Link
from tests.api.client import recorded, token_of
from tests.conftest import SETUP, join, scim_client


@pytest.fixture
def people(acme, okta):
    """Give two people of Okta's."""
    actor = Actor("directory", str(okta.directory.pk), "okta")
    return [
        members.provision(
            acme, user_name=f"{key}@acme.example", directory=okta.directory, external_id=key, actor=actor
        ).member
        for key in "ab"
    ]


@pytest.fixture
def path(okta):
    return f"/organizations/acme/directories/{okta.directory.pk}/moves"


def owners(acme):
    with tenancy.of(acme):
        rows = Link.objects.filter(tombstoned_at=None)
        return dict(rows.values_list("member__user_name", "directory__name"))


def test_a_dry_run_tells_and_a_move_does(acme, ada, entra, people, path):
    api = token_of(ada)
    body = {"to": str(entra.directory.pk), "members": [{"member": str(people[0].pk), "external_id": "e-1"}]}
    asked = api.post(path, body | {"dry_run": True})
    assert asked.status_code == 200
    mover = {
        "member": str(people[0].pk), "user_name": "a@acme.example", "state": "active", "former_id": "a", "external_id": "e-1",
    }  # fmt: skip
    said = {"people": [mover], "problems": [], "groups": [], "staying_groups": [], "next": None}
    assert asked.json() == {"dry_run": True, **said}
    assert set(owners(acme).values()) == {"okta"}
    assert api.post(path, body).json() == {"dry_run": False, **said}
    assert owners(acme) == {"a@acme.example": "entra", "b@acme.example": "okta"}
    there = path.replace(path.split("/")[-2], str(entra.directory.pk))
    (waiting,) = api.get(there).json()["items"]
    assert (waiting["user_name"], waiting["external_id"]) == ("a@acme.example", "e-1")
    assert api.get(path).json() == {"items": [], "next": None}
    (line,) = recorded(acme, "member.move")
    assert line["actor"]["label"].startswith("ada@acme.example")


def test_everybody_moves_and_the_awaited_come_page_by_page(acme, ada, entra, people, path):
    api = token_of(ada)
    answer = api.post(path, {"to": str(entra.directory.pk), "everybody": True, "same_ids": True})
    assert [mover["external_id"] for mover in answer.json()["people"]] == ["a", "b"]
    there = path.replace(path.split("/")[-2], str(entra.directory.pk))
    first = api.get(there, limit=1).json()
    second = api.get(there, limit=1, after=first["next"]).json()
    assert {first["items"][0]["user_name"], second["items"][0]["user_name"]} == set(owners(acme))
    assert second["next"] is None


def test_a_wrong_body_names_its_field(ada, entra, people, path):
    api, to = token_of(ada), str(entra.directory.pk)
    one = {"member": str(people[0].pk)}
    for body, status, field in (
        ({"everybody": True}, 400, "to"),
        ({"to": to}, 400, "members"),
        ({"to": to, "everybody": True, "members": [one]}, 400, "members"),
        ({"to": to, "members": []}, 400, "members"),
        ({"to": to, "members": [one, one]}, 400, "members"),
        ({"to": to, "members": [one], "groups": "move"}, 400, "groups"),
        ({"to": to, "members": [one], "groups": "burn"}, 400, "groups"),
        ({"to": path.split("/")[-2], "everybody": True, "same_ids": True}, 400, "same_ids"),
    ):
        answer = api.post(path, body)
        assert (answer.status_code, answer.json()["field"]) == (status, field), body


def test_a_foreign_directory_is_not_there(ada, globex, people, path, acme):
    foreign = scim_client(globex, "okta").directory
    answer = token_of(ada).post(path, {"to": str(foreign.pk), "everybody": True})
    assert answer.status_code == 404
    assert set(owners(acme).values()) == {"okta"}


@pytest.mark.parametrize("scope", ["directories.write", "members.write", "directories.read"])
def test_one_right_alone_moves_nobody(ada, entra, people, path, acme, scope):
    answer = token_of(ada, scope).post(path, {"to": str(entra.directory.pk), "everybody": True})
    assert answer.status_code == 403
    assert set(owners(acme).values()) == {"okta"}


def test_whoever_may_do_more_than_the_caller_stays(acme, ada, entra, okta, people, path):
    roles.define(acme, "mover", capabilities=["directories.write", "members.write"], actor=SETUP)
    roles.replace(people[0], ["organization_admin"], actor=SETUP)
    mia = join(acme, "mia@acme.example", role="mover")
    answer = token_of(mia, "directories.write", "members.write").post(
        path, {"to": str(entra.directory.pk), "everybody": True}
    )
    assert [problem["code"] for problem in answer.json()["problems"]] == ["stronger"]
    assert owners(acme) == {"a@acme.example": "okta", "b@acme.example": "entra"}
