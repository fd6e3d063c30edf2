"""Operators' organizations, an organization's settings, its overview, groups, resources and roles."""

import pytest

from identity import domains, organizations, sign_on, tenancy
from identity.models import Organization, Role
from tests.conftest import SETUP, join
from tests.console.addresses import address
from tests.console.conftest import entries, filled_from, visit


def test_operators_see_every_organization_and_find_one(acme, globex, opal):
    client = visit(opal)
    html = client.get("/organizations/").content.decode()
    assert html.index("/acme<") < html.index("/globex<") < html.index("/operators<")
    assert "/globex<" not in client.get("/organizations/?q=acm").content.decode()


def test_an_operator_creates_an_organization_and_is_recorded_in_it(opal):
    values = {"name": "Initech", "slug": "initech", "access_model": "company_shop"}
    answer = visit(opal).post("/organizations/new", values, follow=True)
    assert answer.redirect_chain == [("/o/initech/", 303)]
    with tenancy.everywhere("test"):
        made = Organization.objects.get(slug="initech")
    assert [(entry.actor_kind, entry.source) for entry in entries(made, "organization.create")] == [
        ("operator", "console")
    ]


def test_a_taken_or_misshapen_short_name_is_refused_beside_its_field(acme, opal):
    for slug in ("acme", "With Space", "-x"):
        answer = visit(opal).post(
            "/organizations/new", {"name": "X", "slug": slug, "access_model": "company_shop"}
        )
        assert answer.status_code == 400
        assert 'id="id_slug_error"' in answer.content.decode()


def test_settings_are_saved_with_their_entry(things, ada):
    values = {
        "name": "Acme SE", "time_zone": "Europe/Berlin", "grace_days": "14", "session_hours": "8", "email_unique": "on",
        "roles": ["member"],
        "grants": ["portfolio\x1facme-1\x1fview"],
    }  # fmt: skip
    answer = visit(ada).post("/o/acme/settings", values)
    assert answer.status_code == 303
    with tenancy.of(things.organization):
        saved = Organization.objects.get(slug="acme")
    assert (saved.name, saved.grace_days, saved.session_hours, saved.email_unique) == ("Acme SE", 14, 8, True)
    assert saved.time_zone == "Europe/Berlin"
    assert saved.defaults == {
        "roles": ["member"],
        "grants": [{"kind": "portfolio", "id": "acme-1", "permission": "view"}],
    }
    assert len(entries(things.organization, "organization.change")) == 1


def test_how_long_leavers_are_remembered_is_set_here_and_stays_where_nothing_is_said(things, ada):
    plain = {"name": "Acme", "time_zone": "UTC", "grace_days": "30", "session_hours": "24"}
    client = visit(ada)
    for more, days in (({"retention_days": "365"}, 365), ({}, 365), ({"retention_days": "0"}, 0)):
        assert client.post("/o/acme/settings", plain | more).status_code == 303
        with tenancy.of(things.organization):
            assert Organization.objects.get(slug="acme").retention_days == days


def test_a_time_zone_that_is_none_is_refused_beside_its_field(acme, ada):
    path = "/o/acme/settings"
    values = filled_from(visit(ada), path) | {"time_zone": "Mars/Olympus"}
    answer = visit(ada).post(path, values)
    assert answer.status_code == 400
    assert answer.context["form"].errors.keys() == {"time_zone"}


def test_operators_see_at_a_glance_where_people_are_held_back(things, globex, opal):
    answer = visit(opal).get("/organizations/")
    html = answer.content.decode()
    assert html.count("People held back") == 1
    assert html.index("/acme<") < html.index("People held back") < html.index("/globex<")


def test_settings_out_of_range_are_refused_and_change_nothing(acme, ada):
    answer = visit(ada).post("/o/acme/settings", {"name": "", "grace_days": "-1", "session_hours": "9999"})
    assert answer.status_code == 400
    assert not entries(acme, "organization.change")


def test_the_overview_counts_people_and_sign_ins(things, ada):
    html = visit(ada).get("/o/acme/").content.decode()
    assert "0 sign-ins succeeded and 1 were refused" in html
    assert [part.partition("<")[0] for part in html.split('<span class="rc-stat-number">')[1:]] == [
        "2",
        "0",
        "1",
    ]


def test_an_auditor_sees_the_overview_without_the_buttons(things, acme):
    from tests.conftest import join

    client = visit(join(acme, "aud@acme.example", role="auditor"))
    html = client.get("/o/acme/").content.decode()
    assert "Add member" not in html
    assert "Settings" not in html
    member = client.get(address("member", things)).content.decode()
    for button in ("Offboard", "Edit access", "Revoke"):
        assert f">{button}" not in member.replace("</svg> ", "</svg>")


def test_groups_show_their_members(things, ada):
    client = visit(ada)
    assert "Treasury" in client.get("/o/acme/groups/?q=treas").content.decode()
    assert "Treasury" not in client.get("/o/acme/groups/?q=other").content.decode()
    assert "Lena acme" in client.get(address("group", things)).content.decode()


def test_resources_are_found_by_name_and_kind(things, ada):
    client = visit(ada)
    assert "acme-1" in client.get("/o/acme/resources/?q=first&kind=portfolio").content.decode()
    assert "acme-1" not in client.get("/o/acme/resources/?kind=asset").content.decode()


def test_a_role_of_ones_own_is_added_and_a_taken_name_refused(acme, ada):
    client = visit(ada)
    assert (
        client.post("/o/acme/roles/new", {"name": "viewer", "capabilities": ["members.read"]}).status_code
        == 303
    )
    with tenancy.of(acme):
        assert Role.objects.get(name="viewer").capabilities == ["members.read"]
    answer = client.post("/o/acme/roles/new", {"name": "viewer"})
    assert b"Another role already has this name." in answer.content
    assert client.post("/o/acme/roles/new", {"name": "Not A Name"}).status_code == 400


def test_a_suspended_organizations_pages_stay_open_to_operators_alone(acme, ada, opal):
    client = visit(ada)
    organizations.suspend(acme, actor=SETUP)
    assert client.get("/o/acme/")["Location"].startswith("/sign-in")
    assert visit(opal).get("/o/acme/").status_code == 200


def test_a_list_to_choose_from_that_is_empty_says_so_and_offers_no_box(acme, ada):
    html = visit(ada).get("/o/acme/settings").content.decode()
    assert "No resource is registered yet." in html
    assert 'name="grants"' not in html


@pytest.mark.parametrize(
    "known",
    ["jane@acme.example", "JANE@acme.example ", "jane@mail.example", "new@acme.example", "acme.example", "acme-sso.example"],
)  # fmt: skip
def test_operators_find_an_organization_by_what_somebody_knows_who_cannot_get_in(acme, globex, opal, known):
    join(acme, "jane@acme.example", emails=[{"value": "jane@mail.example", "primary": True}])
    domains.claim(acme, "acme.example", actor=SETUP)
    sign_on.change(acme, sso_identifier="acme-sso.example", actor=SETUP)
    html = visit(opal).get("/organizations/", {"q": known}).content.decode()
    assert "/acme<" in html
    assert "/globex<" not in html


def test_the_reference_of_a_refused_sign_in_leads_to_it(things, ada, opal, gus):
    reference = str(things.ids["attempt"])
    there = address("sign_in_attempt", things)
    for member, path, name in ((opal, "/organizations/", "q"), (ada, "/o/acme/sign-ins/", "person")):
        client = visit(member)
        assert client.get(path, {name: f" {reference} "})["Location"] == there
        assert client.get(there).status_code == 200
        assert client.get(path, {name: str(things.member.pk)}).status_code == 200
    assert visit(gus).get("/o/globex/sign-ins/", {"person": reference}).status_code == 200
