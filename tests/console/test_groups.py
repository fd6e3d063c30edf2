"""What a group brings: chosen, previewed, saved, and seen at its members."""

from identity import access, groups, mappings, roles, tenancy
from identity.models import Resource
from tests.conftest import SETUP, join
from tests.console.addresses import address
from tests.console.conftest import entries, visit


def test_the_preview_says_who_gains_and_saves_nothing_yet(things, ada):
    client = visit(ada)
    answer = client.post(address("group_access", things), {"role": ["auditor"]})
    html = answer.content.decode()
    assert "Gain (1)" in html
    assert "Lose (0)" in html
    assert "acme.lena@example.com" in html
    assert not entries(things.organization, "mapping.give")


def test_a_group_too_large_to_name_everybody_is_previewed_and_saved_all_the_same(things, ada, monkeypatch):
    monkeypatch.setattr(mappings, "PREVIEWED_MAX", 0)
    client = visit(ada)
    html = client.post(address("group_access", things), {"role": ["auditor"]}).content.decode()
    assert "1 people are in this group, too many" in html
    assert "role auditor" in html
    assert "acme.lena@example.com" not in html
    assert 'name="step" value="save"' in html
    client.post(address("group_access", things), {"role": ["auditor"], "step": "save"})
    assert "auditor" in {held.name for held in access.roles_of(things.member)}


def test_what_is_saved_is_seen_at_the_member_with_its_group(things, ada):
    with tenancy.of(things.organization):
        box = f"{Resource.objects.get(key='acme-1').pk}:view"
    client = visit(ada)
    answer = client.post(
        address("group_access", things), {"role": ["auditor"], "grant": [box], "step": "save"}, follow=True
    )
    assert b"is saved." in answer.content
    assert b"view \xc2\xb7 portfolio acme-1" in answer.content
    assert "auditor" in {held.name for held in access.roles_of(things.member)}
    html = client.get(address("member", things)).content.decode()
    assert "group Treasury" in html
    ended = client.post(address("group_access", things), {"step": "save"})
    assert ended.status_code == 303
    assert "group Treasury" not in client.get(address("member", things)).content.decode()


def test_a_group_does_not_bring_what_its_editor_lacks(things, acme):
    manager = join(acme, "mia@acme.example", role="member_manager")
    answer = visit(manager).post(
        address("group_access", things), {"role": ["organization_admin"], "step": "save"}
    )
    assert answer.status_code == 400
    assert b"which you do not have." in answer.content
    assert roles.names_of(things.member) == []


def test_a_group_does_not_bring_what_is_not_registered(things, ada):
    answer = visit(ada).post(address("group_access", things), {"grant": ["nonsense:view"], "step": "save"})
    assert answer.status_code == 400
    assert b"Nothing was changed." in answer.content


def test_a_group_shows_the_groups_in_it_and_around_it(things, ada):
    inner = str(things.ids["group"])
    outer = groups.create(things.organization, actor=SETUP, display_name="Finance", members=[inner])
    client = visit(ada)
    path = address("group", things)
    inner_page = client.get(path).content.decode()
    assert "Is in other groups" in inner_page
    outer_path = path.replace(inner, str(outer.pk))
    assert outer_path in inner_page
    outer_page = client.get(outer_path).content.decode()
    assert "Groups in it" in outer_page
    assert path in outer_page
    assert "Nobody is in this group" not in outer_page
    record = client.get(address("record", things)).content.decode()
    assert "put into another" in record
