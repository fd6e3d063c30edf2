"""Who may touch what, and who could on a day that has passed: a resource's page, and a person's page for a time."""

from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from identity import grants, groups, mappings, members, resources, roles
from identity.grants import GrantSpec
from identity.mappings import Mapping
from tests.conftest import SETUP, join, later
from tests.console.conftest import resource_of, visit


@pytest.fixture
def tower(acme):
    """Give an asset in a portfolio."""
    resources.register(acme, [{"kind": "portfolio", "id": "iberia", "name": "Iberia"}], actor=SETUP)
    resources.register(
        acme, [{"kind": "asset", "id": "tower", "name": "Tower", "parent": "iberia"}], actor=SETUP
    )
    return resource_of(acme, "tower")


def days_from_now(days: int) -> str:
    """Write a time as a browser's field for one does."""
    return (timezone.now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


def told(client, path: str) -> str:
    return unescape(client.get(path).content.decode())


def test_a_resource_tells_who_may_touch_it_and_by_which_way(acme, ada, jane, tower):
    grants.replace(jane, [GrantSpec("portfolio", "iberia", "edit")], actor=SETUP)
    kim = join(acme, "kim@acme.example", displayName="Kim Kay")
    group = groups.create(acme, actor=SETUP, display_name="Treasury", members=[str(kim.pk)])
    mappings.replace(group, Mapping(grants=(GrantSpec("asset", "tower", "view"),)), actor=SETUP)
    client = visit(ada)
    assert f'href="/o/acme/resources/{tower.pk}/"' in told(client, "/o/acme/resources/")
    html = told(client, f"/o/acme/resources/{tower.pk}/")
    assert "Jane Jones" in html
    assert "through portfolio iberia" in html
    assert "Kim Kay" in html
    assert "group Treasury" in html
    members.suspend(jane, actor=SETUP)
    assert "Jane Jones" not in told(client, f"/o/acme/resources/{tower.pk}/")


def test_who_could_touch_a_resource_on_a_day_that_has_passed_is_told(acme, ada, jane, tower):
    grants.replace(jane, [GrantSpec("asset", "tower", "view")], actor=SETUP)
    then = days_from_now(10)
    with later(days=40):
        members.offboard(jane, actor=SETUP, reason="left")
    with later(days=50):
        client = visit(ada)
        path = f"/o/acme/resources/{tower.pk}/"
        assert "Nobody may touch it" in told(client, path)
        html = told(client, f"{path}?at={then}")
        assert "Who could touch it on" in html
        assert "Jane Jones" in html
        assert f'value="{then}"' in html


def test_what_a_person_could_touch_on_a_day_that_has_passed_is_told(acme, ada, jane, tower):
    with later(days=1):
        grants.replace(jane, [GrantSpec("portfolio", "iberia", "edit")], actor=SETUP)
        roles.replace(jane, ["auditor"], actor=SETUP)
        groups.create(acme, actor=SETUP, display_name="Treasury", members=[str(jane.pk)])
    before, then = days_from_now(0), days_from_now(10)
    with later(days=40):
        members.offboard(jane, actor=SETUP, reason="left")
    with later(days=50):
        client = visit(ada)
        path = f"/o/acme/members/{jane.pk}/then"
        assert path in told(client, f"/o/acme/members/{jane.pk}/")
        html = told(client, f"{path}?at={then}")
        for word in ("Iberia", "Tower", "auditor", "Treasury"):
            assert word in html
        assert "Nothing was given" not in html
        assert "Not active then" in told(client, f"{path}?at={before[:4]}-01-01T00:00")
        assert "Not active then" in told(client, f"{path}?at={days_from_now(-5)}")


@pytest.mark.parametrize("at", ["2999-01-01T00:00", "3 May", "2026-05-03T25:00"])
def test_a_time_that_cannot_be_asked_about_is_refused_beside_its_field(ada, jane, tower, at):
    client = visit(ada)
    for path in (f"/o/acme/resources/{tower.pk}/", f"/o/acme/members/{jane.pk}/then"):
        answer = client.get(path, {"at": at})
        assert answer.status_code == 400
        assert answer.context["form"].errors["at"]
        assert "`at`" not in answer.content.decode()
        assert "Nobody" not in answer.content.decode()


def test_the_people_of_a_resource_turn_their_pages(acme, ada, tower, monkeypatch):
    monkeypatch.setattr("console.resource_page.PAGE_ROWS", 2)
    monkeypatch.setattr("console.paging.PAGE_ROWS", 2)
    everybody = [join(acme, f"p{number}@acme.example") for number in range(5)]
    for member in everybody:
        both = [GrantSpec("asset", "tower", "view"), GrantSpec("portfolio", "iberia", "view")]
        grants.replace(member, both, actor=SETUP)
    client, seen, query = visit(ada), [], ""
    while True:
        shown = client.get(f"/o/acme/resources/{tower.pk}/?{query}").context["page"]
        assert {len(ways) for ways in shown.rows} == {2}
        seen += [ways[0].user_name for ways in shown.rows]
        query = shown.following
        if not query:
            break
    assert seen == [member.user_name for member in everybody]


def test_who_reads_resources_and_not_access_sees_no_names(acme, jane, tower):
    roles.define(acme, name="surveyor", label="", capabilities=["resources.read"], actor=SETUP)
    roles.replace(jane, ["surveyor"], actor=SETUP)
    client = visit(jane)
    assert f"/resources/{tower.pk}/" not in told(client, "/o/acme/resources/")
    assert client.get(f"/o/acme/resources/{tower.pk}/").status_code == 403
