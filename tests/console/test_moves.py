"""Moving people in the console: the page says who is meant, then does it, and every place that shows somebody taken offers it."""

import pytest

from audit.record import Actor
from identity import groups, members, moves, roles, tenancy
from identity.models import Link, Membership
from tests.conftest import SETUP, join, scim_client
from tests.console.conftest import entries, visit
from tests.sync import scripted
from tests.sync.conftest import script  # noqa: F401 - a fixture


@pytest.fixture
def people(acme, okta):
    """Give two people of Okta's, one of them in a group."""
    actor = Actor("directory", str(okta.directory.pk), "okta")
    made = [
        members.provision(
            acme, user_name=f"{key}@acme.example", directory=okta.directory, external_id=key, actor=actor
        ).member
        for key in "ab"
    ]
    groups.create(
        acme, display_name="Staff", directory=okta.directory, members=[str(made[0].pk)], actor=SETUP
    )
    return made


def path(client_or_directory):
    directory = getattr(client_or_directory, "directory", client_or_directory)
    return f"/o/acme/directories/{directory.pk}/move"


def owners(acme):
    with tenancy.of(acme):
        rows = Link.objects.filter(tombstoned_at=None)
        return dict(rows.values_list("member__user_name", "directory__name"))


def test_everybody_is_shown_and_then_moved_with_their_groups(acme, ada, okta, entra, people):
    members.suspend(people[1], actor=SETUP)
    client = visit(ada)
    wanted = {"to": str(entra.directory.pk), "who": "everybody", "groups": "move"}
    shown = client.post(path(okta), wanted).content.decode()
    for said in (
        "2 people would move to <bdi>entra</bdi>",
        "a@acme.example",
        "1 of them is suspended and stays so",
        "Staff",
        "met by user name",
    ):
        assert said in shown
    assert set(owners(acme).values()) == {"okta"}
    answer = client.post(path(okta), wanted | {"step": "move"}, follow=True)
    html = answer.content.decode()
    assert answer.redirect_chain == [(path(entra), 303)]
    assert "2 people are moved to entra. 1 group moved too." in html
    assert "Moved here, and not told of since" in html
    assert set(owners(acme).values()) == {"entra"}
    assert len(entries(acme, "member.move")) == 2


def test_some_are_named_as_people_paste_them(acme, ada, okta, entra, people):
    client = visit(ada)
    wanted = {
        "to": str(entra.directory.pk), "who": "some", "text": "A <a@acme.example>; nobody@acme.example, ada@acme.example",
        "groups": "leave", "same_ids": "on",
    }  # fmt: skip
    shown = client.post(path(okta), wanted).content.decode()
    for said in (
        "1 person would move", "nobody@acme.example: okta has nobody of this name", "ada@acme.example: okta has nobody"
    ):  # fmt: skip
        assert said in shown
    client.post(path(okta), wanted | {"step": "move", "text": "-", "member": [str(people[0].pk)]})
    assert owners(acme) == {"a@acme.example": "entra", "b@acme.example": "okta"}
    with tenancy.of(acme):
        assert Link.objects.get(directory=entra.directory, tombstoned_at=None).external_id == "a"
        assert not Membership.objects.filter(member=people[0], ended_at=None).exists()


def test_one_person_is_offered_on_their_page_and_given_their_id(acme, ada, okta, entra, people):
    client = visit(ada)
    offered = f"{path(okta)}?member={people[0].pk}"
    assert offered in client.get(f"/o/acme/members/{people[0].pk}/").content.decode()
    assert "a@acme.example" in client.get(offered).content.decode()
    wanted = {
        "to": str(entra.directory.pk), "who": "some", "text": "a@acme.example", "external_id": "e-1", "groups": "keep",
    }  # fmt: skip
    assert "e-1" in client.post(path(okta), wanted).content.decode()
    client.post(path(okta), wanted | {"step": "move", "member": [str(people[0].pk)]})
    assert [row.external_id for row in moves.awaited(entra.directory)] == ["e-1"]
    assert "Moved away" in client.get(f"/o/acme/members/{people[0].pk}/").content.decode()


def test_what_is_wrong_is_said_and_moves_nobody(acme, ada, okta, entra, people):
    client, to = visit(ada), str(entra.directory.pk)
    for wanted in (
        {"to": to, "who": "some", "groups": "keep"},
        {"to": to, "who": "some", "text": "a@acme.example", "groups": "move"},
        {
            "to": to,
            "who": "some",
            "text": "a@acme.example b@acme.example",
            "groups": "keep",
            "external_id": "x",
        },
        {"to": str(okta.directory.pk), "who": "everybody", "groups": "keep"},
        {"to": "nowhere", "who": "everybody", "groups": "keep"},
        {"to": to, "who": "some", "text": "-", "step": "move", "groups": "keep", "member": ["x"]},
        {"who": "everybody", "groups": "burn"},
    ):
        assert client.post(path(okta), wanted).status_code == 400, wanted
    assert client.get(f"{path(okta)}?member={entra.directory.pk}").status_code == 404
    assert set(owners(acme).values()) == {"okta"}


def test_foreign_directories_are_no_choice_and_the_weaker_move_nobody(acme, globex, ada, okta, entra, people):
    foreign = scim_client(globex, "okta").directory
    client = visit(ada)
    assert (
        client.post(path(okta), {"to": str(foreign.pk), "who": "everybody", "groups": "keep"}).status_code
        == 400
    )
    assert client.get(path(foreign)).status_code == 404
    roles.define(acme, "reader", capabilities=["directories.read", "members.read"], actor=SETUP)
    rita = visit(join(acme, "rita@acme.example", role="reader"))
    assert rita.get(path(okta)).status_code == 403
    assert "Move people" not in rita.get(f"/o/acme/directories/{okta.directory.pk}/").content.decode()


def test_a_directory_alone_has_nowhere_to_move_to(acme, ada, okta):
    html = visit(ada).get(path(okta)).content.decode()
    assert "There is no other directory to move them to" in html
    assert "Add a directory" in html
    assert "Show what would happen" not in html


def test_differences_and_plans_offer_to_move_whom_another_directory_has(acme, ada, okta, people, script):  # noqa: F811
    pull = scripted.pull_of(acme)
    scripted.listing(scripted.person("x", "a@acme.example"), scripted.person("y"))
    held = scripted.run(pull)
    client = visit(ada)
    offer = f"{path(okta)}?member={people[0].pk}&amp;to={pull.directory_id}"
    drift = f"/o/acme/directories/{pull.directory_id}/differences"
    html = client.get(drift).content.decode()
    assert offer in html
    assert "somebody here has this user name" in html
    assert "waits in a plan that is held" in html
    assert offer in client.get(f"/o/acme/directories/{pull.directory_id}/runs/{held.pk}/").content.decode()
    pushes = client.get(f"/o/acme/directories/{okta.directory.pk}/differences").content.decode()
    assert "This directory pushes" in pushes
