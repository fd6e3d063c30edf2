"""The demonstration's data: everything that a newcomer wants to click on, and nothing twice."""

import json
from dataclasses import asdict

import pytest

from audit.models import Entry
from demo import address
from demo.cast import CUSTOMERS
from demo.seed import ACTOR, CONNECTION, seed
from identity import grants, members, roles, tenancy, tokens
from identity.models import Domain, Group, Member, Membership, Organization
from saml.models import Connection


@pytest.fixture
def data(db, settings, tmp_path):
    settings.ROLLCALL_DATA = tmp_path
    return tmp_path


def everywhere():
    return tenancy.everywhere("looking at what was seeded")


def person(user_name):
    with everywhere():
        return Member.objects.select_related("organization").get(user_name=user_name)


def test_each_access_model_has_a_customer(data):
    seed()
    with everywhere():
        models = set(Organization.objects.values_list("access_model", flat=True))
        assert models == set(Organization.AccessModel.values)
        assert Domain.objects.filter(proved_at__isnull=False).count() == len(CUSTOMERS)
        assert Membership.objects.count() == 9


def test_each_customer_has_an_administrator_and_people_with_first_permissions(data):
    seed()
    assert roles.names_of(person("maren@meridian.example")) == ["organization_admin"]
    reached = {(line.kind, line.key) for line in grants.effective(person("ingrid@meridian.example"))}
    assert ("portfolio", "nordics") in reached
    assert ("asset", "oslo-tower") in reached


def test_people_whom_the_seed_leaves_out_are_not_there_yet(data):
    seed()
    with everywhere():
        assert not Member.objects.filter(user_name__startswith="yusuf").exists()


def test_each_connection_is_on_with_defaults_chosen(data):
    seed()
    with everywhere():
        found = list(Connection.objects.filter(name=CONNECTION))
    assert [(connection.active, bool(connection.defaults)) for connection in found] == [(True, True)] * 2


def test_the_addresses_are_written_for_their_owner_alone(data):
    demonstration = seed()
    path = data / address.FILE
    assert json.loads(path.read_text()) == asdict(demonstration)
    assert path.stat().st_mode & 0o077 == 0
    for seeded in demonstration.organizations.values():
        assert tokens.find(seeded.scim_token).refusal == ""


def test_a_second_seed_writes_nothing(data):
    first = seed()
    with everywhere():
        before = Entry.objects.count()
    assert seed() == first
    with everywhere():
        assert Entry.objects.count() == before


def test_a_second_seed_leaves_alone_what_somebody_changed(data):
    seed()
    members.suspend(person("ingrid@meridian.example"), actor=ACTOR)
    members.offboard(person("lucia@meridian.example"), actor=ACTOR)
    with everywhere():
        group = Group.objects.get(display_name="Asset managers")
    seed()
    assert person("ingrid@meridian.example").state == "suspended"
    assert person("lucia@meridian.example").state == "offboarded"
    with everywhere():
        assert Group.objects.get(display_name="Asset managers").version == group.version


def test_the_connections_follow_the_identity_provider_to_another_port(data, monkeypatch):
    before = seed()
    port = int(before.identity_provider.rpartition(":")[2])
    monkeypatch.setattr(address, "port_is_free", lambda candidate: candidate != port)
    after = seed()
    assert after.identity_provider != before.identity_provider
    with everywhere():
        found = set(Connection.objects.values_list("sso_url", flat=True))
    assert found == {f"{after.identity_provider}/{customer.slug}/sso" for customer in CUSTOMERS}


def test_a_lost_file_gets_new_tokens_and_nothing_else(data):
    first = seed()
    (data / address.FILE).unlink()
    second = seed()
    assert [each.entity_id for each in second.organizations.values()] == [
        each.entity_id for each in first.organizations.values()
    ]
    assert all(tokens.find(each.scim_token) for each in second.organizations.values())
