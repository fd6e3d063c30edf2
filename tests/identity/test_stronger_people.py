"""Whoever says how somebody is known, or how they get in, can become them: nobody does so for somebody who may do more."""

import pytest

from identity import groups, mappings, members, roles, tenancy
from identity.mappings import Mapping
from identity.models import Member
from tests.api.client import recorded, token_of
from tests.conftest import SETUP, join
from tests.console.conftest import visit
from tests.saml.door import connect
from tests.scim.talk import Scim

MEMBERS = "/organizations/acme/members"
CSV = "user_name,email\nada@acme.example,mia@evil.example\n"


@pytest.fixture
def mia(acme) -> Member:
    """Give somebody who manages members and their access, and nothing else."""
    return join(acme, "mia@acme.example", role="member_manager")


def as_it_was(member):
    with tenancy.of(member.organization_id):
        now = Member.objects.get(pk=member.pk)
    return (now.user_name, now.email) == (member.user_name, member.email)


BODIES = {
    "user name": {"user_name": "mia2@acme.example"},
    "e-mail": {"email": "mia@evil.example"},
    "e-mail gone": {"profile": {}},
    "e-mail in the profile": {"profile": {"emails": [{"value": "mia@evil.example", "primary": True}]}},
    "second e-mail made first": {
        "profile": {"emails": [{"value": "ada@acme.example"}, {"value": "m@evil.example", "primary": True}]}
    },
}


@pytest.mark.parametrize("case", BODIES)
def test_an_administrators_name_and_address_are_not_a_managers_to_change(acme, ada, mia, case):
    answer = token_of(mia).patch(f"{MEMBERS}/{ada.pk}", BODIES[case])
    field = "user_name" if "user_name" in BODIES[case] else "email"
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (403, "forbidden", field)
    assert as_it_was(ada)
    assert recorded(acme, "member.change") == []


def test_neither_in_the_console(ada, mia):
    path = f"/o/acme/members/{ada.pk}/profile"
    for changed in ({"user_name": "x@acme.example"}, {"email": "x@evil.example"}, {"email": ""}):
        form = {"user_name": ada.user_name, "email": ada.email, "display_name": "Ada Admin"} | changed
        answer = visit(mia).post(path, form)
        assert answer.status_code == 400
        assert b"may do more than you" in answer.content
    assert as_it_was(ada)


def test_what_nobody_is_known_by_is_a_managers_to_change(ada, mia):
    answer = token_of(mia).patch(
        f"{MEMBERS}/{ada.pk}", {"display_name": "Ada A.", "email": ada.email, "user_name": "ADA@acme.example"}
    )
    assert (answer.status_code, answer.json()["display_name"]) == (200, "Ada A.")


def test_equals_and_those_below_may_be_renamed(acme, ada, mia, jane):
    other = join(acme, "max@acme.example", role="member_manager")
    former = join(acme, "fay@acme.example", role="auditor")
    roles.replace(former, [], actor=SETUP)
    for caller, renamed in ((mia, jane), (mia, other), (mia, former), (mia, mia), (ada, mia), (ada, ada)):
        answer = token_of(caller).patch(f"{MEMBERS}/{renamed.pk}", {"email": f"{renamed.pk}@acme.example"})
        assert answer.status_code == 200


def test_a_token_renames_nobody_who_may_do_more_than_it(ada, jane):
    api = token_of(ada, "members.write")
    assert api.patch(f"{MEMBERS}/{ada.pk}", {"email": "x@acme.example"}).status_code == 403
    assert api.patch(f"{MEMBERS}/{jane.pk}", {"email": "x@acme.example"}).status_code == 200


def test_a_dormant_administrator_is_one_too(acme, ada, mia):
    join(acme, "second@acme.example", role="organization_admin")
    members.suspend(ada, actor=SETUP)
    api = token_of(mia)
    assert api.patch(f"{MEMBERS}/{ada.pk}", {"email": "mia@evil.example"}).status_code == 403
    assert api.delete(f"{MEMBERS}/{ada.pk}/second-factor").status_code == 403
    assert visit(mia).post(f"/o/acme/members/{ada.pk}/second-factor/reset").status_code == 403


def test_so_is_one_by_a_group_within_a_group(acme, jane, mia):
    inner = groups.create(acme, display_name="Inner", members=[str(jane.pk)], actor=SETUP)
    outer = groups.create(acme, display_name="Outer", members=[str(inner.pk)], actor=SETUP)
    mappings.replace(outer, Mapping(roles=("auditor",)), actor=SETUP)
    assert token_of(mia).patch(f"{MEMBERS}/{jane.pk}", {"email": "x@evil.example"}).status_code == 403
    assert as_it_was(jane)


def test_a_list_names_the_line_before_and_refuses_it_after(acme, ada, mia):
    body = {"kind": "members", "csv": CSV}
    shown = token_of(mia).post("/organizations/acme/imports/preview", body).json()
    assert [(line["line"], line["code"], line["field"]) for line in shown["problems"]] == [
        (2, "forbidden", "email")
    ]
    refused = token_of(mia).post("/organizations/acme/imports", body | {"digest": shown["digest"]})
    assert (refused.status_code, refused.json()["field"]) == (400, "email")
    page = visit(mia).post("/o/acme/members/import", body)
    assert b"may do more than you" in page.content
    assert as_it_was(ada)
    same = CSV.replace("mia@evil.example", "ADA@acme.example")
    assert (
        token_of(mia).post("/organizations/acme/imports/preview", body | {"csv": same}).json()["problems"]
        == []
    )
    assert token_of(ada).post("/organizations/acme/imports/preview", body).json()["problems"] == []


def test_who_became_administrator_since_the_preview_is_one(acme, ada, jane, mia):
    text = CSV.replace("ada", "jane")
    body = {"kind": "members", "csv": text}
    digest = token_of(mia).post("/organizations/acme/imports/preview", body).json()["digest"]
    roles.replace(jane, ["organization_admin"], actor=SETUP)
    refused = token_of(mia).post("/organizations/acme/imports", body | {"digest": digest})
    assert (refused.status_code, refused.json()["code"]) == (409, "version_conflict")
    assert as_it_was(jane)


def test_a_suspended_administrator_is_linked_to_no_name_by_somebody_below(acme, ada):
    join(acme, "second@acme.example", role="organization_admin")
    connection = connect(acme)
    members.suspend(ada, actor=SETUP)
    roles.define(acme, "it", capabilities=["members.write", "connections.write"], actor=SETUP)
    ivy = join(acme, "ivy@acme.example", role="it")
    path = f"/organizations/acme/connections/{connection.pk}/members/{ada.pk}"
    assert token_of(ivy).put(path, {"name_id": "00u-ivy"}).status_code == 403


def test_a_directory_renames_whom_it_owns(acme, okta):
    """Its tokens are trusted with the names of its own people, administrators too (docs/decisions/who-renames-whom.md)."""
    scim = Scim(okta)
    made = scim.create("boss@acme.example")
    with tenancy.of(acme):
        boss = Member.objects.get(pk=made["id"])
    roles.replace(boss, ["organization_admin"], actor=SETUP)
    operation = {"op": "replace", "path": "userName", "value": "chief@acme.example"}
    assert scim.patch(f"/Users/{boss.pk}", operation).status == 200
    with tenancy.of(acme):
        assert Member.objects.get(pk=boss.pk).user_name == "chief@acme.example"


def test_a_directory_names_nobody_it_does_not_own(acme, ada, okta):
    scim = Scim(okta)
    operation = {"op": "replace", "path": "userName", "value": "evil@acme.example"}
    assert scim.patch(f"/Users/{ada.pk}", operation).status == 404
    assert as_it_was(ada)


def test_every_capability_without_the_administrators_role_makes_no_operator(opal):
    """Whoever held them all made themselves one: they gave themselves the role, issued a token as an operator, or took their address."""
    roles.define(opal.organization, name="everything", capabilities=list(roles.CAPABILITIES), actor=SETUP)
    near = join(opal.organization, "near@rollcall.example", role="everything")
    there = "/organizations/operators/members"
    ways = [
        ("put", f"{there}/{near.pk}/roles", {"roles": ["organization_admin"]}),
        ("post", there, {"user_name": "new@rollcall.example", "roles": ["organization_admin"]}),
        ("post", f"{there}/{opal.pk}/tokens", {"scopes": []}),
        ("patch", f"{there}/{opal.pk}", {"email": "near@rollcall.example"}),
        ("delete", f"{there}/{opal.pk}/second-factor"),
    ]
    for caller, refused in ((near, True), (opal, False)):
        answered = [getattr(token_of(caller), method)(*call).status_code for method, *call in ways]
        assert [status == 403 for status in answered] == [refused] * len(ways)
