"""No page leaves anything out in silence: a list that is cut says so, and a form that sends too much is refused whole."""

import re
from datetime import timedelta

from django.utils import timezone

from console import choosing, exits, groups, member_page, receipts
from console import organizations as organization_pages
from identity import (
    deadlines,
    grants,
    mappings,
    members,
    organizations,
    resources,
    reviews,
    roles,
    sessions,
    tenancy,
    tokens,
)
from identity import groups as group_verbs
from identity.grants import GrantSpec
from identity.mappings import Mapping
from identity.models import Organization
from identity.review_scope import Scope
from tests.api.client import recorded
from tests.conftest import SETUP, join
from tests.console.conftest import visit

CUT = re.compile(r"The first (\d+) of (\d+)\.")


def register(organization, count):
    rows = [{"kind": "portfolio", "id": f"p{number}"} for number in range(count)]
    resources.register(organization, rows, actor=SETUP)
    return [GrantSpec(row["kind"], row["id"], "view") for row in rows]


def test_a_members_page_says_how_much_it_leaves_out(acme, ada, jane, monkeypatch):
    monkeypatch.setattr(member_page, "ROWS_MAX", 2)
    page = f"/o/acme/members/{jane.pk}/"
    client = visit(ada)
    assert not CUT.findall(client.get(page).content.decode())
    grants.replace(jane, register(acme, 5), actor=SETUP)
    for number in range(3):
        sessions.start(jane, actor=SETUP)
        tokens.issue(jane, actor=SETUP, scopes=["members.read"])
        group_verbs.create(acme, display_name=f"G{number}", members=[str(jane.pk)], actor=SETUP)
    found = CUT.findall(client.get(page).content.decode())
    assert found == [("2", "5"), ("2", "3"), ("2", "3"), ("2", "3")]


def test_what_an_exit_ends_is_counted_where_it_is_not_listed(acme, ada, jane, monkeypatch):
    monkeypatch.setattr(exits, "_LISTED_MAX", 1)
    grants.replace(jane, register(acme, 3), actor=SETUP)
    for _ in range(2):
        sessions.start(jane, actor=SETUP)
    html = visit(ada).get(f"/o/acme/members/{jane.pk}/offboard").content.decode()
    assert CUT.findall(html) == [("1", "2"), ("1", "3")]
    members.suspend(jane, actor=SETUP)
    monkeypatch.setattr(member_page, "ROWS_MAX", 1)
    html = visit(ada).get(f"/o/acme/members/{jane.pk}/reactivate").content.decode()
    assert CUT.findall(html) == [("1", "3")]


def test_a_groups_page_and_the_leavers_say_so_too(acme, ada, okta, monkeypatch):
    monkeypatch.setattr(groups, "PAGE_ROWS", 1)
    group = group_verbs.create(
        acme, display_name="All", directory=okta.directory, members=["a", "b", "c"], actor=SETUP
    )
    assert CUT.findall(visit(ada).get(f"/o/acme/groups/{group.pk}/").content.decode()) == [("1", "3")]
    monkeypatch.setattr(receipts, "_LEAVING_MAX", 1)
    end = timezone.now() + timedelta(days=1)
    for name in ("kim@acme.example", "lou@acme.example"):
        deadlines.schedule_end(join(acme, name), ends_at=end, actor=SETUP)
    assert CUT.findall(visit(ada).get("/o/acme/leavers/").content.decode()) == [("1", "2")]


def test_every_item_of_a_review_can_be_reached(acme, ada, jane):
    specs = register(acme, 120)
    grants.replace(jane, specs, actor=SETUP)
    due = timezone.now() + timedelta(days=9)
    review = reviews.open_(
        acme, name="All", scope=Scope(roles=False), reviewers=[ada.pk], due_at=due, rule="keep", actor=SETUP
    )
    client = visit(ada)
    for query in ("", "?all=1"):
        seen, where = set(), query
        while True:
            html = client.get(f"/o/acme/reviews/{review.pk}/{where}").content.decode()
            seen |= set(re.findall(r'name="item-([0-9a-f-]+)"', html))
            following = re.search(r'href="(\?[^"]+)" rel="next"', html)
            if following is None:
                break
            where = following[1].replace("&amp;", "&")
        assert len(seen) == 120, query


def test_a_member_with_very_many_grants_keeps_those_that_are_checked(acme, ada, jane):
    count = choosing._CHOICES_MAX
    assert count > 1000, "as many fields of a form as Django takes by itself"
    grants.replace(jane, register(acme, count), actor=SETUP)
    with tenancy.of(acme):
        boxes = [f"{grant.resource_id}:view" for grant in grants.open_grants(jane)]
    client, path = visit(ada), f"/o/acme/members/{jane.pk}/access"
    assert client.post(path, {"grant": boxes}).status_code == 303
    with tenancy.of(acme):
        assert grants.open_grants(jane).count() == count


def test_more_than_a_page_takes_is_refused_and_ends_nothing(acme, ada, jane, monkeypatch):
    monkeypatch.setattr(choosing, "_CHOICES_MAX", 2)
    grants.replace(jane, register(acme, 3), actor=SETUP)
    with tenancy.of(acme):
        boxes = [f"{grant.resource_id}:view" for grant in grants.open_grants(jane)]
    answer = visit(ada).post(f"/o/acme/members/{jane.pk}/access", {"grant": boxes})
    assert answer.status_code == 400
    assert "at most 2 permissions at once" in answer.content.decode()
    with tenancy.of(acme):
        assert grants.open_grants(jane).count() == 3


def test_the_reason_of_a_suspension_is_asked_for_and_never_cut(acme, opal):
    client = visit(opal)
    assert 'name="reason"' in client.get("/o/acme/deletion").content.decode()
    answer = client.post("/o/acme/suspend", {"reason": "x" * 501})
    assert answer.status_code == 400
    assert "at most 500 characters" in answer.content.decode()
    assert client.post("/o/acme/suspend", {"reason": "y" * 500}).status_code == 303
    (entry,) = recorded(acme, "organization.suspend")
    assert entry["data"]["reason"] == "y" * 500
    with tenancy.everywhere("the test"):
        assert Organization.objects.get(pk=acme.pk).state == "suspended"
    assert client.post("/o/acme/resume", {"reason": "z" * 501}).status_code == 400
    organizations.resume(acme, actor=SETUP)


def test_first_permissions_say_when_not_every_resource_can_be_chosen(acme, ada, okta, monkeypatch):
    pages = ("settings", "invitations/new", f"directories/{okta.directory.pk}/settings", "connections/new")
    monkeypatch.setattr(organization_pages, "_GRANTS_MAX", 2)
    client = visit(ada)
    for number, told in ((2, False), (3, True)):
        register(acme, number)
        for page in pages:
            html = client.get(f"/o/acme/{page}").content.decode()
            assert ("The first 2 of 3 resources can be chosen" in html) is told, page


def seen_on(client, path):
    return re.search(r'name="seen" value="([^"]+)"', client.get(path).content.decode())[1]


def test_of_two_administrators_the_second_is_told_what_the_first_has_done(acme, ada, jane):
    (one,) = register(acme, 1)
    client, path = visit(ada), f"/o/acme/members/{jane.pk}/access"
    shown = re.search(r'name="shown" value="([^"]+)"', client.get(path).content.decode())[1]
    seen = seen_on(client, path)
    grants.replace(jane, [one], actor=SETUP)
    answer = client.post(path, {"seen": seen, "shown": shown})
    assert answer.status_code == 400
    assert "Somebody has changed this" in answer.content.decode()
    with tenancy.of(acme):
        assert grants.open_grants(jane).count() == 1
    assert client.post(path, {"seen": seen_on(client, path), "shown": shown}).status_code == 303
    with tenancy.of(acme):
        assert grants.open_grants(jane).count() == 0


def test_roles_and_what_groups_bring_are_not_overwritten_either(acme, ada, jane):
    client, path = visit(ada), f"/o/acme/members/{jane.pk}/roles"
    seen = seen_on(client, path)
    roles.replace(jane, ["auditor"], actor=SETUP)
    assert "Somebody has changed this" in client.post(path, {"seen": seen, "role": "member"}).content.decode()
    assert client.post(path, {"seen": seen_on(client, path), "role": "auditor"}).status_code == 303

    group = group_verbs.create(acme, display_name="G", members=[], actor=SETUP)
    path = f"/o/acme/groups/{group.pk}/access"
    seen = seen_on(client, path)
    mappings.replace(group, Mapping((), ("auditor",)), actor=SETUP)
    preview = client.post(path, {"seen": seen}).content.decode()
    assert f'name="seen" value="{seen}"' in preview
    assert "Somebody has changed this" in client.post(path, {"seen": seen, "step": "save"}).content.decode()
    with tenancy.of(acme):
        assert mappings.of_group(group).roles == ("auditor",)
    seen = seen_on(client, path)
    assert client.post(path, {"seen": seen, "step": "save"}).status_code == 303
