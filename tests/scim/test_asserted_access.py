"""Roles and entitlements that a directory asserts become first permissions, once."""

import pytest

from identity import directories, grants, members, resources, roles, tenancy
from identity.models import Member
from scim.models import LoggedRequest
from tests.conftest import SETUP
from tests.saml.door import Browser, connect
from tests.scim.talk import Scim, entries

ENTITLEMENTS = [{"value": "portfolio:nordics:view"}, {"value": "asset:oslo:tower:edit"}]


@pytest.fixture
def idp(acme, okta):
    resources.register(
        acme,
        [
            {"kind": "portfolio", "id": "nordics"},
            {"kind": "portfolio", "id": "iberia"},
            {"kind": "asset", "id": "oslo:tower"},
        ],
        actor=SETUP,
    )
    directories.change(
        okta.directory,
        defaults={
            "grants": [{"kind": "portfolio", "id": "iberia", "permission": "view"}],
            "roles": ["member"],
        },
        actor=SETUP,
    )
    return Scim(okta)


def person(**more):
    return {"userName": "ines@acme.example", "externalId": "00u1", "active": True, **more}


def ines(acme):
    with tenancy.of(acme):
        return Member.objects.get(user_name="ines@acme.example")


def access(acme):
    member = ines(acme)
    return {(a.key, a.permission, a.origin) for a in grants.effective(member)}, roles.names_of(member)


def test_nothing_is_given_to_somebody_who_is_offboarded(idp, acme):
    made = idp.create("ines@acme.example", externalId="00u1")
    with tenancy.of(acme):
        ines = Member.objects.get(pk=made["id"])
    members.offboard(ines, actor=SETUP)
    answer = idp.patch(f"/Users/{ines.pk}", {"op": "add", "path": "entitlements", "value": ENTITLEMENTS})
    assert answer.status == 200
    with tenancy.of(acme):
        assert not grants.open_grants(ines).exists()
        warnings = LoggedRequest.objects.latest("happened_at", "id").warnings
    assert [(each["code"], each["note"]) for each in warnings] == [
        ("first_access_over", "kept; they are offboarded")
    ]
    members.reinstate(ines, actor=SETUP, with_access=False)
    with tenancy.of(acme):
        assert not grants.open_grants(ines).exists()


def test_without_an_assertion_the_defaults_stand(acme, idp):
    idp.post("/Users", person(roles=[], entitlements=[]))
    assert access(acme) == ({("iberia", "view", "directory_default")}, ["member"])


def warned(acme):
    with tenancy.of(acme):
        latest = LoggedRequest.objects.latest("happened_at", "id")
    return [
        (each["code"], each["path"], each["note"])
        for each in latest.warnings
        if "access" in each["code"] or "administrator" in each["code"]
    ]


def test_what_gives_nothing_is_told_in_the_request_log(acme, idp):
    unknown = [{"value": "portfolio:atlantis:view"}, {"value": " portfolio:nordics:view"}, *ENTITLEMENTS]
    schemas = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}
    made = idp.post("/Users", person(roles=[{"value": "Auditor"}], entitlements=unknown, **schemas)).body
    assert warned(acme) == [
        ("unknown_access", "entitlements", "portfolio:atlantis:view"),
        ("unknown_access", "entitlements", " portfolio:nordics:view"),
        ("unknown_access", "roles", "Auditor"),
    ]
    # The first time is over, also for what was refused: whoever sends it anew is told so, and whoever repeats it isn't.
    echo = {**made, "title": "Clerk"}
    idp.put(f"/Users/{made['id']}", echo)
    assert warned(acme) == []
    idp.put(f"/Users/{made['id']}", {**echo, "roles": [{"value": "auditor"}]})
    over = "kept; first permissions were given before"
    assert warned(acme) == [
        ("first_access_over", "entitlements", over),
        ("first_access_over", "roles", over),
    ]
    assert access(acme)[1] == []


def test_the_last_administrator_is_not_asserted_away(acme, ada, okta, idp):
    directories.change(okta.directory, defaults={"roles": ["organization_admin"]}, actor=SETUP)
    made = idp.post("/Users", person()).body
    members.offboard(ada, actor=SETUP)
    idp.put(f"/Users/{made['id']}", {**made, "roles": [{"value": "auditor"}]})
    assert access(acme)[1] == ["auditor", "organization_admin"]
    kept = "organization_admin kept; nobody else is administrator"
    assert warned(acme) == [("administrator_kept", "roles", kept)]


def test_what_the_directory_asserts_takes_the_defaults_place(acme, idp):
    idp.post("/Users", person(roles=[{"value": "auditor", "primary": True}], entitlements=ENTITLEMENTS))
    assert access(acme) == (
        {("nordics", "view", "asserted"), ("oslo:tower", "edit", "asserted")},
        ["auditor"],
    )


def test_an_assertion_may_come_later_and_counts_once(acme, idp):
    id_ = idp.post("/Users", person()).body["id"]
    idp.patch(f"/Users/{id_}", {"op": "add", "path": "roles", "value": [{"value": "auditor"}]})
    assert access(acme)[1] == ["auditor"]
    idp.patch(f"/Users/{id_}", {"op": "replace", "path": "roles", "value": [{"value": "organization_admin"}]})
    assert access(acme)[1] == ["auditor"], "from now on roles are the administrators'"
    idp.put(f"/Users/{id_}", person(entitlements=ENTITLEMENTS))
    assert {key for key, _, _ in access(acme)[0]} == {"nordics", "oslo:tower"}


def test_after_the_first_sign_in_the_directory_asserts_in_vain(acme, idp):
    id_ = idp.post("/Users", person()).body["id"]
    assert Browser(connect(acme)).sign_in(name_id="ines@acme.example").status_code == 303
    idp.patch(f"/Users/{id_}", {"op": "add", "path": "roles", "value": [{"value": "organization_admin"}]})
    assert access(acme)[1] == ["member"]


def test_unknown_names_give_nothing_and_are_recorded(acme, idp):
    idp.post(
        "/Users",
        person(
            roles=[{"value": "emperor"}],
            entitlements=[{"value": "portfolio:atlantis:view"}, {"value": "everything"}],
        ),
    )
    assert access(acme) == (set(), [])
    refused = sorted((entry.event, entry.reason) for entry in entries(acme) if entry.outcome == "refused")
    assert refused == [
        ("grant.refuse", "unknown_kind"), ("grant.refuse", "unknown_resource"), ("role.refuse", "unknown_role"),
    ]  # fmt: skip


def test_what_an_administrator_took_away_the_directory_does_not_give_back(acme, idp):
    id_ = idp.post("/Users", person()).body["id"]
    roles.replace(ines(acme), ["auditor"], actor=SETUP)
    idp.patch(f"/Users/{id_}", {"op": "add", "path": "roles", "value": [{"value": "member"}]})
    assert access(acme)[1] == ["auditor"]
