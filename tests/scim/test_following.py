"""A directory whose setting `access_follows` is on goes on assigning: each word counts, except against an administrator's."""

import pytest

from identity import directories, followed_access, grants, members, resources, roles, tenancy
from identity.errors import Offboarded
from identity.first_access import Wanted
from identity.grants import GrantSpec
from identity.models import Member
from tests.conftest import SETUP, join
from tests.scim.talk import PATCH, Scim, entries

NORDICS, IBERIA = "portfolio:nordics:view", "portfolio:iberia:view"
DEFAULTS = {"grants": [{"kind": "portfolio", "id": "iberia", "permission": "view"}], "roles": ["member"]}


@pytest.fixture
def idp(acme, okta):
    things = [{"kind": "portfolio", "id": "nordics"}, {"kind": "portfolio", "id": "iberia"}]
    resources.register(acme, things, actor=SETUP)
    settings = {"access_follows": True}
    directories.change(okta.directory, defaults=DEFAULTS, settings=settings, actor=SETUP)
    return Scim(okta)


def person(**more):
    return {"userName": "ines@acme.example", "externalId": "00u1", "active": True, **more}


def values(*written):
    return [{"value": each} for each in written]


def ines(acme):
    with tenancy.of(acme):
        return Member.objects.get(user_name="ines@acme.example")


def access(acme):
    member = ines(acme)
    return {(a.key, a.permission) for a in grants.effective(member)}, roles.names_of(member)


def shown(answer):
    assert answer.status in {200, 201}, answer
    return tuple(
        sorted(each["value"] for each in answer.body.get(name, [])) for name in ("entitlements", "roles")
    )


def test_a_person_shows_what_they_hold(acme, idp):
    made = idp.post("/Users", person())
    assert made.body["roles"] == [{"value": "member", "display": "Member", "primary": True}]
    assert made.body["entitlements"] == [{"value": IBERIA, "display": "iberia: view", "type": "Entitlement"}]
    roles.replace(ines(acme), ["auditor", "member"], actor=SETUP)
    path = f"/Users/{made.body['id']}"
    assert shown(idp.get(path)) == ([IBERIA], ["auditor", "member"])
    assert all("primary" not in each for each in idp.get(path).body["roles"])
    listed = idp.get('/Users?filter=userName eq "ines@acme.example"').body["Resources"]
    assert listed == [idp.get(path).body]
    assert set(idp.get(f"{path}?attributes=roles.value").body) == {"schemas", "id", "roles"}


def test_every_assertion_takes_the_place_of_the_one_before(acme, idp):
    made = idp.post("/Users", person(roles=values("auditor"), entitlements=values(NORDICS)))
    assert shown(made) == ([NORDICS], ["auditor"])
    path = f"/Users/{made.body['id']}"
    assert shown(idp.put(path, person(roles=values("member"), entitlements=values(IBERIA)))) == (
        [IBERIA],
        ["member"],
    )
    assert access(acme) == ({("iberia", "view")}, ["member"])
    added = idp.patch(path, {"op": "add", "path": "entitlements", "value": values(NORDICS)})
    assert shown(added) == (sorted([IBERIA, NORDICS]), ["member"])
    removed = idp.patch(path, {"op": "remove", "path": f'entitlements[value eq "{IBERIA}"]'})
    assert shown(removed) == ([NORDICS], ["member"])
    replaced = idp.patch(path, {"op": "replace", "path": "roles", "value": values("auditor", "member")})
    assert shown(replaced) == ([NORDICS], ["auditor", "member"])
    assert access(acme) == ({("nordics", "view")}, ["auditor", "member"])
    assert shown(idp.get(path)) == shown(replaced)


def test_the_last_one_can_be_taken_too(acme, idp):
    path = f"/Users/{idp.post('/Users', person(roles=values('auditor'))).body['id']}"
    assert shown(idp.patch(path, {"op": "remove", "path": "roles"})) == ([IBERIA], [])
    assert shown(idp.put(path, person(entitlements=[]))) == ([], [])
    assert access(acme) == (set(), [])


def test_what_a_put_leaves_out_stays_and_so_do_the_defaults_without_a_word(acme, idp):
    path = f"/Users/{idp.post('/Users', person(roles=[])).body['id']}"
    assert shown(idp.put(path, person(title="CEO"))) == ([IBERIA], ["member"])
    assert shown(idp.put(path, person(roles=values("auditor")))) == ([IBERIA], ["auditor"])


def test_an_echo_changes_nothing(acme, idp):
    made = idp.post("/Users", person(roles=values("auditor"), entitlements=values(NORDICS))).body
    before = len(entries(acme))
    again = idp.put(f"/Users/{made['id']}", made)
    assert again.body == made
    assert len(entries(acme)) == before


def test_what_an_administrator_holds_stays(acme, idp):
    made = idp.post("/Users", person(roles=values("auditor")))
    path = f"/Users/{made.body['id']}"
    roles.replace(ines(acme), ["member_manager"], actor=SETUP)
    # member_manager was given, auditor taken away: both are the administrator's word now.
    answer = idp.put(path, person(roles=values("auditor", "member")))
    assert shown(answer)[1] == ["member", "member_manager"]
    idp.patch(path, {"op": "remove", "path": 'roles[value eq "member"]'})
    assert access(acme)[1] == ["member_manager"]


@pytest.mark.parametrize(
    ("operation", "code", "scim_type"),
    [
        ({"op": "remove", "path": 'roles[value eq "member_manager"]'}, "access_held", "mutability"),
        ({"op": "add", "path": "roles", "value": values("auditor")}, "access_held", "mutability"),
        ({"op": "add", "path": "roles", "value": values("emperor")}, "access_unknown", "invalidValue"),
        ({"op": "add", "path": "entitlements", "value": values("portfolio:x:view")}, "access_unknown", "invalidValue"),
    ],
)  # fmt: skip
def test_a_patch_that_comes_to_nothing_is_no_success(acme, idp, operation, code, scim_type):
    path = f"/Users/{idp.post('/Users', person(roles=values('auditor'))).body['id']}"
    roles.replace(ines(acme), ["member_manager"], actor=SETUP)
    before = access(acme)
    answer = idp.patch(path, operation)
    assert (answer.status, answer.code, answer.body["scimType"]) == (400, code, scim_type)
    assert access(acme) == before
    refused = entries(acme, outcome="refused")[-1]
    assert (refused.event, refused.reason) == ("scim.refuse", code)
    # With something else that can be done, that is done, and the answer tells the truth about the rest.
    both = idp.patch(path, operation, {"op": "replace", "path": "title", "value": "CEO"})
    assert (both.status, both.body["title"], access(acme)) == (200, "CEO", before)


def test_the_last_administrator_is_not_unmade(acme, idp):
    path = f"/Users/{idp.post('/Users', person(roles=values('organization_admin'))).body['id']}"
    answer = idp.patch(path, {"op": "remove", "path": "roles"})
    assert (answer.status, answer.code) == (409, "last_administrator")
    join(acme, "ada@acme.example", role="organization_admin")
    assert shown(idp.patch(path, {"op": "remove", "path": "roles"}))[1] == []


def test_entras_single_role_is_replaced(acme, idp):
    path = f"/Users/{idp.post('/Users', person(roles=values('auditor'))).body['id']}"
    change = {"op": "Replace", "path": 'roles[primary eq "True"].value', "value": "member"}
    assert shown(idp.patch(path, change))[1] == ["member"]
    assert access(acme)[1] == ["member"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ('roles eq "auditor"', 1),
        ('roles.value eq "AUDITOR"', 1),
        ('roles[value eq "auditor" and primary eq true]', 1),
        ('roles eq "member"', 0),
        (f'entitlements.value eq "{NORDICS}"', 1),
        ('entitlements[type eq "Entitlement" and value sw "portfolio:iberia"]', 0),
        ("not (roles pr)", 1),
    ],
)
def test_filters_look_at_what_is_held(idp, query, count):
    idp.post("/Users", person(roles=values("auditor"), entitlements=values(NORDICS)))
    idp.post("/Users", {"userName": "none@acme.example", "externalId": "00u2"})
    idp.patch("/Users/" + idp.get('/Users?filter=externalId eq "00u2"').body["Resources"][0]["id"],
              {"op": "remove", "path": "roles"}, {"op": "remove", "path": "entitlements"})  # fmt: skip
    assert idp.get(f"/Users?filter={query}").body["totalResults"] == count


def test_a_suspended_person_keeps_dormant_what_is_assigned(acme, idp):
    path = f"/Users/{idp.post('/Users', person(roles=values('auditor'))).body['id']}"
    idp.patch(path, {"op": "replace", "value": {"active": False, "entitlements": values(NORDICS)}})
    assert access(acme)[0] == set()
    idp.patch(path, {"op": "replace", "value": {"active": True}})
    assert access(acme) == ({("nordics", "view")}, ["auditor"])


def test_switched_off_the_directory_asserts_once_again(acme, idp, okta):
    path = f"/Users/{idp.post('/Users', person(roles=values('auditor'))).body['id']}"
    directories.change(okta.directory, settings={}, actor=SETUP)
    idp.patch(path, {"op": "replace", "path": "roles", "value": values("member")})
    assert access(acme)[1] == ["auditor"]


def test_bulk_assigns_as_a_request_does(acme, idp):
    path = f"/Users/{idp.post('/Users', person(roles=values('auditor'))).body['id']}"
    operation = {"op": "replace", "path": "roles", "value": values("member")}
    data = {"schemas": [PATCH], "Operations": [operation]}
    schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
    operations = [{"method": "PATCH", "path": path, "data": data}]
    answer = idp.post("/Bulk", {"schemas": [schema], "Operations": operations})
    assert answer.body["Operations"][0]["status"] == "200"
    assert access(acme)[1] == ["member"]


def test_each_step_is_on_record_by_its_actor(acme, idp, okta):
    path = f"/Users/{idp.post('/Users', person(roles=values('auditor'))).body['id']}"
    before = len(entries(acme))
    idp.patch(path, {"op": "replace", "path": "roles", "value": values("member", "emperor")})
    new = [(entry.event, entry.outcome, entry.actor_id) for entry in entries(acme)[before:]]
    directory = str(okta.directory.pk)
    assert new == [
        ("role.revoke", "success", directory), ("role.assign", "success", directory), ("role.refuse", "refused", directory),
    ]  # fmt: skip


def test_the_offboarded_are_assigned_nothing(acme, idp):
    idp.post("/Users", person())
    member = ines(acme)
    members.offboard(member, actor=SETUP)
    with pytest.raises(Offboarded):
        followed_access.follow(
            member, Wanted((GrantSpec("portfolio", "nordics", "view"),), ("auditor",)), actor=SETUP
        )
