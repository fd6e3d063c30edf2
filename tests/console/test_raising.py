"""Nobody gives away, or takes for themselves, more than they have."""

import pytest

from identity import mappings, members, roles, tenancy
from identity.mappings import Mapping
from identity.models import Group, Member
from tests.conftest import SETUP, join
from tests.console.addresses import address
from tests.console.conftest import entries, visit

SENTENCE = b"which you do not have."


@pytest.fixture
def manager(acme) -> Member:
    """Give somebody who manages members and their access, and nothing else."""
    return join(acme, "mia@acme.example", role="member_manager")


def test_a_manager_cannot_become_administrator(manager, ada):
    answer = visit(manager).post(
        f"/o/acme/members/{manager.pk}/roles", {"role": ["member_manager", "organization_admin"]}
    )
    assert answer.status_code == 400
    assert SENTENCE in answer.content
    assert roles.names_of(manager) == ["member_manager"]


def test_a_manager_cannot_take_the_administrators_role_away(manager, ada, acme):
    join(acme, "second@acme.example", role="organization_admin")
    assert visit(manager).post(f"/o/acme/members/{ada.pk}/roles", {"role": []}).status_code == 400
    assert roles.names_of(ada) == ["organization_admin"]


def test_a_manager_cannot_add_an_administrator(manager, acme):
    answer = visit(manager).post(
        "/o/acme/members/new", {"user_name": "evil@acme.example", "roles": ["organization_admin"]}
    )
    assert answer.status_code == 400
    assert SENTENCE in answer.content
    assert "evil@acme.example" not in visit(manager).get("/o/acme/members/").content.decode()


def test_a_manager_assigns_what_lies_within_their_own_capabilities(manager, jane):
    assert (
        visit(manager).post(f"/o/acme/members/{jane.pk}/roles", {"role": ["member_manager"]}).status_code
        == 303
    )
    assert roles.names_of(jane) == ["member_manager"]


def test_a_manager_cannot_reinstate_an_administrator_as_one(manager, ada, acme):
    join(acme, "second@acme.example", role="organization_admin")
    members.offboard(ada, actor=SETUP)
    path = f"/o/acme/members/{ada.pk}/reinstate"
    refused = visit(manager).post(path, {"with_access": "yes"})
    assert refused.status_code == 400
    assert SENTENCE in refused.content
    assert visit(manager).post(path, {"with_access": "no"}).status_code == 303
    assert roles.names_of(ada) == []


def test_giving_former_access_back_wants_the_right_to_give_access(things, acme):
    roles.define(acme, "doorkeeper", actor=SETUP, capabilities=["members.read", "members.write"])
    keeper = join(acme, "kim@acme.example", role="doorkeeper")
    members.offboard(things.member, actor=SETUP)
    assert visit(keeper).post(address("member_reinstate", things), {"with_access": "yes"}).status_code == 400
    assert visit(keeper).post(address("member_reinstate", things), {"with_access": "no"}).status_code == 303


def test_what_somebody_has_is_for_those_who_may_read_access(things, acme, ada):
    """As by the API, where a member is read with members.read and what they have with access.read."""
    roles.define(acme, "porter", actor=SETUP, capabilities=["members.read"])
    porter = visit(join(acme, "kim@acme.example", role="porter"))
    with tenancy.of(acme):
        group = Group.objects.get(pk=things.ids["group"])
    mappings.replace(group, Mapping((), ("auditor",)), actor=SETUP)
    seen = {}
    for name in ("member", "group"):
        page = address(name, things)
        seen[name] = [client.get(page).content for client in (visit(ada), porter)]
    assert [b">Access</h2>" in content for content in seen["member"]] == [True, False]
    assert [b">Roles</h2>" in content for content in seen["member"]] == [True, False]
    assert [b"Brings to whoever is in it" in content for content in seen["group"]] == [True, False]


def test_no_way_round_by_settings_connections_or_a_role_of_ones_own(things, acme):
    wanted = ["organization.write", "access.write", "connections.read", "connections.write", "members.read"]
    roles.define(acme, "half", actor=SETUP, capabilities=wanted)
    client = visit(join(acme, "hal@acme.example", role="half"))
    settings = {
        "name": "Acme", "time_zone": "UTC", "grace_days": "30", "session_hours": "24", "roles": ["organization_admin"],
    }  # fmt: skip
    connection = {
        "name": "Okta", "idp_preset": "okta", "signed": "either", "join": "anyone", "defaults": "chosen",
        "roles": ["organization_admin"],
    }  # fmt: skip
    answers = [
        client.post("/o/acme/settings", settings),
        client.post(address("connection_change", things), connection),
        client.post("/o/acme/connections/new", connection | {"name": "Mine"}),
        client.post("/o/acme/roles/new", {"name": "mine", "capabilities": ["members.write"]}),
    ]
    assert [answer.status_code for answer in answers] == [400] * 4
    assert all(SENTENCE in answer.content for answer in answers)
    assert not entries(acme, "organization.change")
