"""An identity provider calls everybody by another name: an administrator lets people come under it, each once, for some days."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connections as databases
from django.test import Client
from django.utils import timezone

from audit.models import Detail
from identity import grants, members, resources, tenancy
from identity.errors import Conflict, Invalid
from identity.grants import GrantSpec
from saml import renewal, subjects
from saml.models import SubjectLink
from saml.names import NAMEID_PERSISTENT, NAMEID_TRANSIENT
from tests.api.client import token_of
from tests.conftest import SETUP, join
from tests.console.conftest import visit
from tests.saml.door import Browser, connect, entries, prove, refused
from tests.waiting import PATIENCE

BEFORE = {"name_id": "_t1", "name_id_format": NAMEID_TRANSIENT}
NOW = {"name_id": "00u-jane", "name_id_format": NAMEID_PERSISTENT}
OTHER = {"name_id": "00u-other", "name_id_format": NAMEID_PERSISTENT}


@pytest.fixture
def connection(acme, jane):
    """Give a connection at which Jane is known by what came with a transient NameID."""
    prove(acme, "acme.example")
    made = connect(acme)
    assert come(made, BEFORE).status_code == 303
    return made


def come(connection, name, **attributes):
    """Sign in under a name, in a browser of its own."""
    knobs = {"attributes": {"email": "jane@acme.example"} | attributes} if attributes else {}
    return Browser(connection, client=Client()).sign_in(**name, **knobs)


def bound(organization):
    with tenancy.of(organization):
        return list(SubjectLink.objects.filter(organization=organization).order_by("linked_at"))


def test_until_somebody_says_so_another_name_is_refused(acme, connection):
    refused(come(connection, NOW), acme, "member_linked")
    assert len(bound(acme)) == 1


def test_whoever_comes_is_bound_to_the_new_name_once_and_keeps_what_they_have(acme, connection, jane):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "edit")], actor=SETUP)
    renewal.begin(connection, actor=SETUP)
    assert come(connection, NOW).status_code == 303
    [link] = bound(acme)
    assert link.member_id == jane.pk
    assert come(connection, NOW).status_code == 303
    # The former name and a third one are somebody else's from now on.
    refused(come(connection, BEFORE), acme, "member_linked")
    refused(come(connection, OTHER), acme, "member_linked")
    with tenancy.of(acme):
        assert [row.permission for row in grants.open_grants(jane)] == ["edit"]
        data = [Detail.objects.get(pk=each.pk).body["data"] for each in entries(acme, "member.link")]
    assert [each["how"] for each in data] == ["linked", "renewed"]
    assert data[1]["former_linked_at"]


def test_the_days_end_by_themselves_or_by_hand(acme, connection):
    renewal.begin(connection, actor=SETUP, days=2)
    with time_machine.travel(timezone.now() + timedelta(days=2, seconds=1)):
        refused(come(connection, NOW), acme, "member_linked")
    renewal.end(connection, actor=SETUP)
    refused(come(connection, NOW), acme, "member_linked")
    with pytest.raises(Conflict):
        renewal.end(connection, actor=SETUP)


def test_days_have_limits_and_an_open_renewal_gets_another_end(connection):
    for days in (0, -1, renewal.DAYS_MAX + 1):
        with pytest.raises(Invalid):
            renewal.begin(connection, actor=SETUP, days=days)
    first = renewal.begin(connection, actor=SETUP, days=1)
    second = renewal.begin(connection, actor=SETUP, days=renewal.DAYS_MAX)
    assert second.renewal_began_at == first.renewal_began_at
    assert second.renewal_ends_at > first.renewal_ends_at


def test_a_second_renewal_binds_once_more(acme, connection):
    renewal.begin(connection, actor=SETUP)
    come(connection, NOW)
    renewal.end(connection, actor=SETUP)
    renewal.begin(connection, actor=SETUP)
    assert come(connection, OTHER).status_code == 303
    refused(come(connection, NOW), acme, "member_linked")


def test_a_mere_name_is_not_enough_unless_a_directory_feeds_the_member(acme, okta):
    prove(acme, "acme.example")
    made = connect(acme)
    subjects.link(made, join(acme, "jj"), "former", actor=SETUP)
    fed = members.provision(
        acme, actor=SETUP, user_name="kk", profile={}, directory=okta.directory, external_id="ext-1"
    ).member
    subjects.link(made, fed, "fed", actor=SETUP)
    renewal.begin(made, actor=SETUP)
    # Somebody else's mailbox, in a domain that is proved, says nothing of jj.
    refused(come(made, NOW, userName="jj", email="kim@acme.example"), acme, "member_linked")
    assert come(made, OTHER, userName="kk", email="kim@acme.example").status_code == 303


def test_who_is_out_stays_out_and_nobody_takes_another_members_name(acme, connection, jane):
    renewal.begin(connection, actor=SETUP)
    kim = join(acme, "kim@acme.example")
    subjects.link(connection, kim, "00u-jane", actor=SETUP)
    # Kim's name, Jane's address: whoever has the name is Kim.
    assert come(connection, NOW).status_code == 303
    assert entries(acme, "sign_in.succeed")[-1].outcome == "success"
    assert {link.member_id for link in bound(acme)} == {jane.pk, kim.pk}
    members.suspend(jane, actor=SETUP)
    refused(come(connection, OTHER), acme, "user_inactive")
    members.offboard(jane, actor=SETUP)
    refused(come(connection, OTHER), acme, "user_inactive")


def test_of_two_new_names_at_once_one_is_bound(acme, connection):
    renewal.begin(connection, actor=SETUP)
    ready, answers = threading.Barrier(2), []

    def arrive(name):
        try:
            ready.wait(PATIENCE)
            answers.append(come(connection, name).status_code)
        finally:
            databases.close_all()

    threads = [threading.Thread(target=arrive, args=(name,)) for name in (NOW, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(answers) == [303, 403]
    assert len(bound(acme)) == 1


def test_a_test_sign_in_says_what_would_happen_and_changes_nothing(acme, connection, ada):
    from saml.attributes import Person
    from saml.statements import NameID
    from saml.trial import foresee

    name_id = NameID("00u-jane", NAMEID_PERSISTENT)
    person = Person(user_name="", email="jane@acme.example")
    assert foresee(connection, name_id, person).code == "member_linked"
    renewing = renewal.begin(connection, actor=SETUP)
    assert (foresee(renewing, name_id, person).how, len(bound(acme))) == ("renewed", 1)


def test_by_api(acme, connection, ada, gus):
    api = token_of(ada)
    path = f"/organizations/acme/connections/{connection.pk}/renewal"
    assert api.get(path).json() == {
        "open": False, "began_at": None, "ends_at": None, "linked": 1, "renewed": 0,
    }  # fmt: skip
    for days in (0, 31, "7"):
        answer = api.put(path, {"days": days})
        assert (answer.status_code, answer.json()["field"]) == (400, "days"), answer.json()
    assert api.delete(path).status_code == 409
    assert api.put(path, {}).json()["open"] is True
    assert come(connection, NOW).status_code == 303
    assert (api.get(path).json()["linked"], api.get(path).json()["renewed"]) == (1, 1)
    assert api.delete(path).status_code == 204
    assert api.get(path).json()["open"] is False
    assert [len(entries(acme, event)) for event in ("connection.renew", "connection.renew_end")] == [1, 1]
    assert token_of(ada, "connections.write").put(path, {}).status_code == 403
    assert token_of(ada, "members.write").delete(path).status_code == 403
    assert token_of(gus).put(path, {}).status_code == 404


def test_in_the_console(acme, connection, ada, jane):
    client, path = visit(ada), f"/o/acme/connections/{connection.pk}/renewal"
    refused(come(connection, NOW), acme, "member_linked")
    attempt = entries(acme, "sign_in.refuse")[-1].subject_id
    assert path in client.get(f"/o/acme/sign-ins/{attempt}/").content.decode()
    assert path in client.get(f"/o/acme/connections/{connection.pk}/").content.decode()
    assert "1 person is known" in client.get(path).content.decode()
    for days in ("", "0", "31", "x"):
        assert client.post(path, {"days": days}).status_code == 400
    assert b"No identities are being renewed" in client.post(path, {"act": "end"}).content
    assert "each once" in client.post(path, {"days": "3"}, follow=True).content.decode()
    assert "0 of 1 have signed in" in client.get(path).content.decode()
    assert jane.user_name in client.get(path).content.decode()
    come(connection, NOW)
    page = client.get(path).content.decode()
    assert "1 of 1 have signed in" in page
    assert jane.user_name not in page
    assert client.post(path, {"act": "end"}).status_code == 303
    assert "may come under another name" not in client.get(path).content.decode()


def test_a_long_list_says_what_it_leaves_out(acme, connection, ada, monkeypatch):
    from console import renewals

    monkeypatch.setattr(renewals, "_WAITING_SHOWN_MAX", 1)
    subjects.link(connection, join(acme, "kim@acme.example"), "kim", actor=SETUP)
    path = f"/o/acme/connections/{connection.pk}/renewal"
    assert "The first 1 of 2." in visit(ada).get(path).content.decode()
