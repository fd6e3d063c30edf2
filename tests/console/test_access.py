"""Who may open what: strangers find nothing, members without the capability are told so, operators get everywhere."""

import pytest
from django.test import Client
from django.urls import get_resolver

from console.access import ANY_CAPABILITY, NEEDS, OPERATOR, SIGNED_IN
from identity.roles import BUILT_IN
from tests.conftest import join
from tests.console.addresses import DOORS, DOWNLOADS, OPEN, POSTED, address, opens, own, patterns, shown
from tests.console.conftest import entries, visit


def ask(client: Client, name: str, path: str):
    return client.post(path) if name in POSTED else client.get(path)


def test_every_address_has_its_line_in_the_table_of_access():
    assert set(patterns()) - OPEN == set(NEEDS)


def test_a_page_asks_for_what_the_api_asks_for_the_same():
    assert {name for name, need in NEEDS.items() if need not in {SIGNED_IN, ANY_CAPABILITY}} == set(DOORS)
    routes = [
        route for included in get_resolver().url_patterns for route in getattr(included, "url_patterns", ())
    ]
    views = {route.name: getattr(route.callback, "cls", None) for route in routes}
    calls = {name: view.needs for name, view in views.items() if hasattr(view, "needs")}
    asked = {}
    for name, doors in DOORS.items():
        by_api = {need for door in doors.split(", ") for need in calls[door.split()[1]][door.split()[0]]}
        # Whoever runs the server may everything.
        asked[name] = {OPERATOR} if OPERATOR in by_api else by_api
    by_page = {name: {NEEDS[name]} if isinstance(NEEDS[name], str) else set(NEEDS[name]) for name in DOORS}
    assert by_page == asked


def test_every_page_of_another_organization_is_not_there(things, gus):
    client = visit(gus)
    assert {name: ask(client, name, address(name, things)).status_code for name in own()} == dict.fromkeys(
        own(), 404
    )


def test_a_stranger_changes_nothing_by_posting_to_another_organizations_forms(things, gus):
    client = visit(gus)
    before = len(entries(things.organization, "member.offboard"))
    answers = {name: client.post(address(name, things), {"reason": "mine now"}).status_code for name in own()}
    assert set(answers.values()) == {404}
    assert len(entries(things.organization, "member.offboard")) == before


def test_ids_of_another_organization_are_not_found_in_ones_own(things, gus, globex):
    client = visit(gus)
    foreign = type(things)(globex, things.member, things.gone, things.directory, things.ids)
    with_ids = [
        name
        for name in own()
        # The kind of a directory is a word of the product, and nobody's.
        if set(patterns()[name].pattern.converters) - {"slug", "kind"} and NEEDS[name] != OPERATOR
    ]
    posted = {
        name: client.post(address(name, foreign), {"name": "x", "days": "90"}).status_code
        for name in with_ids
    }
    looked_at = {
        name: client.get(address(name, foreign)).status_code for name in with_ids if name not in POSTED
    }
    assert {name: code for name, code in looked_at.items() if code != 404} == {}
    assert {name: code for name, code in posted.items() if code not in {404, 405}} == {}


def test_a_member_without_capabilities_gets_403_in_the_own_organization_and_404_on_the_servers_pages(
    things, jane
):
    client = visit(jane)
    answers = {name: ask(client, name, address(name, things)).status_code for name in own()}
    expected = {name: 404 if NEEDS[name] == OPERATOR else 403 for name in own()}
    assert answers == expected
    assert client.get("/organizations/").status_code == 404


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_and_back(things, db):
    for name in sorted(NEEDS):
        answer = ask(Client(), name, address(name, things))
        assert answer.status_code == 302, name
        assert answer["Location"].startswith("/sign-in"), name
    assert (
        Client().get("/o/acme/members/?q=le")["Location"] == "/sign-in?next=%2Fo%2Facme%2Fmembers%2F%3Fq%3Dle"
    )


def test_an_administrator_opens_every_page_of_the_organization(things, ada):
    client = visit(ada)
    pages = [name for name in shown() if NEEDS[name] != OPERATOR and name != "my_password"]
    assert {name: client.get(address(name, things)).status_code for name in pages} == dict.fromkeys(
        pages, 200
    )
    for name in DOWNLOADS:
        assert client.get(address(name, things)).status_code == 200


def test_an_operator_opens_every_page_of_every_organization(things, opal):
    client = visit(opal)
    pages = [name for name in shown() if name != "my_password"]
    assert {name: client.get(address(name, things)).status_code for name in pages} == dict.fromkeys(
        pages, 200
    )


def test_nobody_else_opens_the_servers_own_pages(things, ada):
    client = visit(ada)
    assert client.get("/organizations/").status_code == 404
    assert (
        client.post(
            "/organizations/new", {"name": "Mine", "slug": "mine", "access_model": "company_shop"}
        ).status_code
        == 404
    )
    assert client.post(address("domain_confirm", things)).status_code == 404


@pytest.mark.parametrize("role", sorted(BUILT_IN))
def test_each_built_in_role_opens_exactly_what_its_capabilities_name(things, acme, role):
    client = visit(join(acme, f"{role}@acme.example", role=role))
    capabilities = set(BUILT_IN[role][1])
    opened = {
        name for name in own() if ask(client, name, address(name, things)).status_code not in {403, 404}
    }
    # A review opens for its reviewers without any role, and for whoever may read access.
    reviewing = {"review"} if "access.read" in capabilities else set()
    assert opened == {name for name in own() if opens(name, capabilities)} | reviewing


def test_only_listed_methods_are_answered(things, ada):
    client = visit(ada)
    for name in own():
        if NEEDS[name] in {OPERATOR, SIGNED_IN}:
            continue
        path = address(name, things)
        assert client.put(path).status_code == 405, name
        if name in POSTED:
            assert client.get(path).status_code == 405, name


def test_an_operators_act_in_a_customers_organization_is_recorded_as_an_operators(things, opal):
    visit(opal).post(address("member_suspend", things), {"reason": "asked to"})
    entry = entries(things.organization, "member.suspend")[-1]
    assert (entry.actor_kind, entry.actor_id, entry.source) == ("operator", str(opal.pk), "console")


def test_an_administrators_act_is_recorded_as_a_members(things, ada):
    visit(ada).post(address("member_suspend", things), {"reason": "leave"})
    entry = entries(things.organization, "member.suspend")[-1]
    assert (entry.actor_kind, entry.actor_id) == ("member", str(ada.pk))


def test_a_changing_page_wants_its_csrf_token(things, ada):
    client = Client(enforce_csrf_checks=True)
    client.cookies = visit(ada).cookies
    answer = client.post(address("member_offboard", things))
    assert answer.status_code == 403
    assert b"This form has expired" in answer.content
    assert not [
        entry
        for entry in entries(things.organization, "member.offboard")
        if entry.subject_id == str(things.member.pk)
    ]
