"""A customer's own script: people are made known before they come, changed, given access and taken it from."""

import pytest

from identity import grants, members, resources, roles, tenancy
from identity.grants import GrantSpec
from identity.models import Grant, Member
from saml.models import SubjectLink
from tests.api.client import recorded, token_of
from tests.conftest import SETUP, join
from tests.saml.door import Browser, connect, session_cookie

MEMBERS = "/organizations/acme/members"


@pytest.fixture
def known(acme, ada):
    """Give acme's connection, and where its members are made."""
    connection = connect(acme, join="invited")
    return connection, f"/organizations/acme/connections/{connection.pk}/members"


def test_the_first_sign_in_of_a_linked_member_is_known(acme, ada, known):
    connection, path = known
    body = {"user_name": "jj", "display_name": "Jane", "name_id": " 00u-jane ", "roles": ["auditor"]}
    made = token_of(ada).post(path, body)
    assert made.status_code == 201, made.content
    answer = Browser(connection).sign_in(name_id="00u-jane")
    assert answer.status_code == 303, answer.content
    assert session_cookie(answer)
    with tenancy.of(acme):
        assert Member.objects.get(last_sign_in_at__isnull=False).pk == Member.objects.get(user_name="jj").pk
    assert recorded(acme, "member.link")[0]["data"]["how"] == "provisioned"


def test_nobody_else_gets_in_by_that_name(acme, ada, known):
    connection, path = known
    token_of(ada).post(path, {"user_name": "jj", "name_id": "00u-jane"})
    assert (
        Browser(connection)
        .sign_in(name_id="00U-JANE", attributes={"email": "other@evil.example"})
        .status_code
        == 403
    )


def test_a_member_who_is_here_is_linked_and_unlinked(acme, ada, jane, known):
    connection, path = known
    api = token_of(ada)
    first, second = (api.put(f"{path}/{jane.pk}", {"name_id": "00u-jane"}) for _ in range(2))
    assert (first.status_code, first.json()) == (200, second.json())
    listed = api.get(f"/organizations/acme/connections/{connection.pk}/subjects").json()["items"]
    assert [row["member"] for row in listed] == [str(jane.pk)]
    assert api.delete(f"{path}/{jane.pk}").status_code == 204
    assert api.delete(f"{path}/{jane.pk}").status_code == 404
    assert [line["event"] for line in recorded(acme, "member.link", "member.unlink")] == [
        "member.link",
        "member.unlink",
    ]


def test_a_name_of_somebody_else_and_a_second_name_are_refused(acme, ada, jane, known):
    _, path = known
    api = token_of(ada)
    api.put(f"{path}/{jane.pk}", {"name_id": "00u-jane"})
    taken = api.post(path, {"user_name": "joe", "name_id": "00u-jane"})
    assert (taken.status_code, taken.json()["code"], taken.json()["field"]) == (
        409,
        "external_id_taken",
        "name_id",
    )
    with tenancy.of(acme):
        assert not Member.objects.filter(user_name="joe").exists()
    other = api.put(f"{path}/{jane.pk}", {"name_id": "00u-other"})
    assert (other.status_code, other.json()["code"]) == (409, "external_id_taken")


def test_the_name_of_a_leaver_may_go_to_somebody_new(acme, ada, jane, known):
    _, path = known
    api = token_of(ada)
    api.put(f"{path}/{jane.pk}", {"name_id": "jane"})
    members.offboard(jane, actor=SETUP)
    assert api.put(f"{path}/{jane.pk}", {"name_id": "jane"}).json()["code"] == "offboarded"
    assert api.post(path, {"user_name": "jane2", "name_id": "jane"}).status_code == 201
    with tenancy.of(acme):
        assert SubjectLink.objects.get().member.user_name == "jane2"


@pytest.mark.parametrize("name_id", ["", "   ", "x" * 1025, 7, None])
def test_a_strange_name_is_refused(ada, jane, known, name_id):
    _, path = known
    answer = token_of(ada).put(f"{path}/{jane.pk}", {"name_id": name_id})
    assert (answer.status_code, answer.json()["field"]) == (400, "name_id")


def test_nobody_becomes_an_administrator_by_a_name(acme, ada, known):
    _, path = known
    roles.define(acme, "it", capabilities=["members.write", "connections.write"], actor=SETUP)
    ivy = join(acme, "ivy@acme.example", role="it")
    answer = token_of(ivy).put(f"{path}/{ada.pk}", {"name_id": "00u-ivy"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_profile_is_changed_and_an_old_version_refused(acme, ada, jane):
    api = token_of(ada)
    path = f"{MEMBERS}/{jane.pk}"
    answer = api.patch(path, {"email": "jones@acme.example", "expected_version": jane.version})
    assert (answer.status_code, answer.json()["email"], answer.json()["display_name"]) == (
        200,
        "jones@acme.example",
        "Jane Jones",
    )
    stale = api.patch(path, {"display_name": "J", "expected_version": jane.version})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert api.patch(path, {}).json()["version"] == answer.json()["version"]
    assert api.patch(path, {"user_name": "ada@acme.example"}).json()["code"] == "user_name_taken"
    assert api.patch(path, {"email": "no address"}).json()["field"] == "email"
    assert len(recorded(acme, "member.change")) == 1


@pytest.fixture
def rows(acme):
    resources.register(acme, [{"kind": "portfolio", "id": name} for name in ("p1", "p2")], actor=SETUP)


def spec(key, permission="view"):
    return {"kind": "portfolio", "id": key, "permission": permission}


def test_grants_are_given_and_ended_one_by_one(acme, ada, jane, rows):
    api = token_of(ada)
    path = f"{MEMBERS}/{jane.pk}/grants"
    grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
    for _ in range(2):
        answer = api.patch(path, {"give": [spec("p2")], "end": [spec("p1", "edit")]})
        assert {(row["id"], row["permission"]) for row in answer.json()["grants"]} == {
            ("p1", "view"),
            ("p2", "view"),
        }
    assert [row["id"] for row in api.patch(path, {"end": [spec("p1")]}).json()["grants"]] == ["p2"]
    assert len(recorded(acme, "grant.give", "grant.end")) == 3
    unknown = api.patch(path, {"give": [spec("p9")], "end": [spec("p2")]})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_resource")
    assert api.patch(path, {"give": [spec("p1")], "end": [spec("p1")]}).status_code == 400
    with tenancy.of(acme):
        assert Grant.objects.filter(ended_at__isnull=True).count() == 1


def test_what_is_given_again_is_an_administrators_from_then_on(acme, ada, rows, okta):
    members.provision(
        acme, user_name="new", directory=okta.directory, external_id="1", actor=SETUP,
        defaults={"grants": [spec("p1"), spec("p2")], "roles": ["auditor", "member"]},
    )  # fmt: skip
    with tenancy.of(acme):
        new = Member.objects.get(user_name="new")
    token_of(ada).patch(f"{MEMBERS}/{new.pk}/grants", {"give": [spec("p1")]})
    token_of(ada).patch(f"{MEMBERS}/{new.pk}/roles", {"give": ["member"]})
    with tenancy.of(acme):
        assert dict(Grant.objects.values_list("resource__key", "held")) == {"p1": True, "p2": False}
        assert dict(new.role_assignments.values_list("role__name", "held")) == {
            "member": True,
            "auditor": False,
        }


def test_roles_are_given_and_ended_and_the_last_administrator_stays(acme, ada, jane):
    api = token_of(ada)
    path = f"{MEMBERS}/{jane.pk}/roles"
    assert [row["name"] for row in api.patch(path, {"give": ["auditor"]}).json()["roles"]] == ["auditor"]
    assert api.patch(path, {"end": ["auditor"]}).json()["roles"] == []
    last = api.patch(f"{MEMBERS}/{ada.pk}/roles", {"end": ["organization_admin"]})
    assert (last.status_code, last.json()["code"]) == (409, "last_administrator")
    manager = join(acme, "max@acme.example", role="member_manager")
    assert token_of(manager).patch(path, {"give": ["organization_admin"]}).status_code == 403
    assert api.patch(path, {"give": ["nothing"]}).json()["code"] == "unknown_role"


def test_an_offboarded_member_gets_nothing(ada, jane, rows):
    members.offboard(jane, actor=SETUP)
    api = token_of(ada)
    for aspect, given in (("grants", [spec("p1")]), ("roles", ["auditor"])):
        assert api.patch(f"{MEMBERS}/{jane.pk}/{aspect}", {"give": given}).status_code == 400


def test_a_linked_member_may_have_any_address(acme, ada, known):
    """The NameID, not the address, says who they are."""
    connection, path = known
    token_of(ada).post(path, {"user_name": "jj", "email": "jj@partner.example", "name_id": "p-1"})
    answer = Browser(connection).sign_in(name_id="p-1", attributes={"email": "jj@partner.example"})
    assert answer.status_code == 303
