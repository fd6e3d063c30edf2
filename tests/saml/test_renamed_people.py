"""Somebody whom their directory renamed signs in under the new name, and nobody else does in their place."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections as databases
from django.test import Client

from audit.ids import uuid7
from audit.models import Detail
from audit.record import Actor
from identity import directories, erasure, member_row, members, moves, tenancy
from identity.move_plan import Wanted
from saml import subjects
from saml.attributes import Person
from saml.models import SubjectLink
from saml.names import NAMEID_PERSISTENT, NAMEID_TRANSIENT
from saml.statements import NameID
from saml.trial import foresee
from tests.conftest import SETUP, later
from tests.saml.door import Browser, connect, entries, last_attempt, people, refused
from tests.scim.talk import Scim
from tests.sync import scripted
from tests.sync.conftest import ADA
from tests.waiting import eventually

JONES, SMITH, BROWN = (f"jane.{name}@acme.example" for name in ("jones", "smith", "brown"))


@pytest.fixture
def scim(okta):
    """Give acme's Okta, which pushes people."""
    return Scim(okta)


@pytest.fixture
def jane(acme, scim, connection):
    """Give somebody whom Okta pushed and who came by her first name there."""
    made = scim.create(JONES, externalId="00u1", emails=mail(JONES))
    assert come(connection, JONES) == 303
    [member] = people(acme)
    assert str(member.pk) == made["id"]
    return member


def mail(address):
    return [{"value": address, "type": "work", "primary": True}]


def come(connection, name, **knobs):
    """Sign in under a name in a browser of its own; gives the answer's status."""
    attributes = knobs.pop("attributes", {"email": name})
    browser = Browser(connection, client=Client())
    return browser.sign_in(name_id=name, attributes=attributes, **knobs).status_code


def pushed(organization, created):
    """Return whom SCIM just created."""
    return next(each for each in people(organization) if str(each.pk) == created["id"])


def rename(scim, member, name, **attributes):
    operations = {"userName": name, "emails": mail(name)} | attributes
    answer = scim.patch(f"/Users/{member.pk}", {"op": "replace", "value": operations})
    assert answer.status == 200, answer


def bound(organization):
    """Return who is bound where, as (connection, member)."""
    with tenancy.of(organization):
        return list(SubjectLink.objects.order_by("pk").values_list("connection_id", "member_id"))


def is_in(organization, connection, name, member, **knobs):
    """Assert that whoever has this name comes in as the member."""
    assert come(connection, name, **knobs) == 303, last_attempt(organization).code
    assert last_attempt(organization).member_id == member.pk


def is_out(organization, connection, name, code, **knobs):
    browser = Browser(connection, client=Client())
    refused(
        browser.sign_in(name_id=name, attributes=knobs.pop("attributes", {"email": name}), **knobs),
        organization,
        code,
    )


def by_patch(scim, member):
    rename(scim, member, SMITH)


def by_put(scim, member):
    everything = {
        "userName": SMITH, "externalId": "00u1", "emails": mail(SMITH), "name": {"familyName": "Smith"}, "title": "Head",
    }  # fmt: skip
    assert scim.put(f"/Users/{member.pk}", everything).status == 200


def by_bulk(scim, member):
    operation = {
        "method": "PATCH", "path": f"/Users/{member.pk}",
        "data": {"Operations": [{"op": "replace", "path": "userName", "value": SMITH}]},
    }  # fmt: skip
    answer = scim.post("/Bulk", {"Operations": [operation]})
    assert [each["status"] for each in answer.body["Operations"]] == ["200"], answer


@pytest.mark.parametrize("write", [by_patch, by_put, by_bulk])
def test_whoever_the_directory_renamed_comes_in_under_the_new_name(acme, okta, scim, connection, jane, write):
    write(scim, jane)
    is_in(acme, connection, SMITH, jane)
    assert bound(acme) == [(connection.pk, jane.pk)]
    entry = entries(acme, "member.link")[-1]
    with tenancy.of(acme):
        body = Detail.objects.get(pk=entry.pk).body
    data = body["data"]
    assert body["changes"] == {"name_id": [JONES, SMITH]}
    assert (data["how"], data["directory"]) == ("renamed_by_directory", str(okta.directory.pk))
    assert data["former_linked_at"] < data["renamed_at"]
    steps = [each["step"] for each in last_attempt(acme).steps]
    assert "member bound anew (renamed by their directory)" in steps
    is_in(acme, connection, SMITH, jane)
    assert len(entries(acme, "member.link")) == 2


def test_of_several_names_the_last_one_counts_and_a_former_one_may_come_again(acme, scim, connection, jane):
    for name in (SMITH, JONES, BROWN):
        rename(scim, jane, name)
    is_in(acme, connection, BROWN, jane)
    is_out(acme, connection, JONES, "name_left")
    rename(scim, jane, JONES)
    is_in(acme, connection, JONES, jane)
    is_out(acme, connection, BROWN, "name_left")
    assert bound(acme) == [(connection.pk, jane.pk)]


def test_the_former_name_is_a_new_hires_once_the_directory_says_so(acme, scim, connection, jane):
    rename(scim, jane, SMITH)
    hired = scim.create(JONES, externalId="00u2", emails=mail(JONES))
    is_out(acme, connection, JONES, "name_recycled")
    is_in(acme, connection, SMITH, jane)
    assert come(connection, JONES) == 303
    assert str(last_attempt(acme).member_id) == hired["id"]


def test_two_who_exchange_their_names_come_in_as_themselves_or_not_at_all(acme, scim, connection, jane):
    joe = pushed(acme, scim.create(SMITH, externalId="00u2"))
    for member, name in ((jane, "away"), (joe, JONES), (jane, SMITH)):
        rename(scim, member, name)
    is_out(acme, connection, JONES, "name_recycled")
    is_in(acme, connection, SMITH, jane)
    is_in(acme, connection, JONES, joe)
    # By now each name is bound: who of them signs in cannot be told from it.
    for member, name in ((jane, "away"), (joe, SMITH), (jane, JONES)):
        rename(scim, member, name)
    for name in (JONES, SMITH):
        is_out(acme, connection, name, "name_recycled")


def test_the_name_of_somebody_who_left_goes_to_whom_the_directory_gives_it(acme, scim, connection, jane):
    joe = pushed(acme, scim.create(SMITH, externalId="00u2"))
    is_in(acme, connection, SMITH, joe)
    assert scim.delete(f"/Users/{joe.pk}").status == 204
    rename(scim, jane, SMITH)
    is_in(acme, connection, SMITH, jane)
    assert bound(acme) == [(connection.pk, jane.pk)]


def test_whoever_is_out_stays_out_under_the_new_name_too(acme, scim, connection, jane):
    rename(scim, jane, SMITH, active=False)
    is_out(acme, connection, SMITH, "user_inactive")
    rename(scim, jane, SMITH, active=True)
    is_in(acme, connection, SMITH, jane)
    members.offboard(jane, actor=SETUP)
    erasure.erase(jane, actor=SETUP)
    is_out(acme, connection, SMITH, "user_inactive")
    told = [entries(acme, event) for event in ("member.change", "member.link")]
    with tenancy.of(acme):
        assert not Detail.objects.filter(pk__in=[entry.pk for some in told for entry in some]).exists()


def test_an_address_is_a_name_where_the_name_id_is_one_in_a_proved_domain(acme, scim, connection):
    jane = pushed(acme, scim.create("e-1001", emails=mail(JONES)))
    is_in(acme, connection, JONES, jane)
    rename(scim, jane, "e-1001", emails=mail("jane@other.example"))
    is_out(acme, connection, "jane@other.example", "domain_not_verified")
    rename(scim, jane, "e-1001", emails=[*mail(SMITH), {"value": JONES, "type": "home"}])
    is_in(acme, connection, SMITH, jane)
    # Two people with one address: which of them would it be?
    scim.create("e-1002", emails=mail(BROWN))
    rename(scim, jane, "e-1001", emails=mail(BROWN))
    is_out(acme, connection, BROWN, "ambiguous_member")


def test_a_directory_may_write_names_otherwise_than_they_are_sent(acme, scim, connection):
    jane = pushed(acme, scim.create("Jane.Jones@Acme.example"))
    is_in(acme, connection, JONES, jane)
    rename(scim, jane, "Jane.Smith@Acme.example")
    is_in(acme, connection, SMITH, jane)
    rename(scim, jane, SMITH)
    is_in(acme, connection, SMITH, jane)
    rename(scim, jane, "Jane.Smith@acme.example")
    is_in(acme, connection, "Jane.Smith@acme.example", jane)


def test_each_connection_binds_anew_by_itself(acme, scim, connection, jane):
    other = connect(acme, name="Another")
    is_in(acme, other, JONES, jane)
    rename(scim, jane, SMITH)
    is_in(acme, connection, SMITH, jane)
    is_in(acme, other, JONES, jane)
    is_in(acme, other, SMITH, jane)
    assert bound(acme) == [(connection.pk, jane.pk), (other.pk, jane.pk)]


def test_a_directory_that_is_read_renames_as_well(acme, connection, monkeypatch):
    scripted.install(monkeypatch)
    hr = scripted.pull_of(acme)
    for name in (JONES, SMITH):
        scripted.listing(scripted.person("e-1001", name))
        assert scripted.settle(hr, ADA).state == "done"
        is_in(acme, connection, name, scripted.member_of(hr, "e-1001"))


def test_whom_a_sign_in_made_a_directory_adopts_and_renames(acme, scim, connection):
    assert come(connection, JONES) == 303
    [jane] = people(acme)
    assert scim.create(JONES, externalId="00u1", emails=mail(JONES))["id"] == str(jane.pk)
    rename(scim, jane, SMITH)
    is_in(acme, connection, SMITH, jane)


def by_hand(_scim, _okta, jane):
    members.change(jane, user_name=SMITH, actor=SETUP)


def by_hand_at_last(scim, _okta, jane):
    for name in (SMITH, JONES):
        rename(scim, jane, name)
    by_hand(scim, _okta, jane)


def by_hand_on_the_way(scim, _okta, jane):
    members.change(jane, user_name=BROWN, profile={"emails": mail(BROWN)}, actor=SETUP)
    rename(scim, jane, SMITH)


def by_a_directory_that_is_off(scim, okta, jane):
    rename(scim, jane, SMITH)
    directories.change(okta.directory, active=False, actor=SETUP)


def by_a_directory_they_were_moved_from(scim, okta, jane):
    rename(scim, jane, SMITH)
    other = directories.create(okta.directory.organization, name="Other", idp="entra", actor=SETUP)
    moves.move(okta.directory, other, Wanted(), actor=SETUP)


def before_they_were_bound(scim, okta, jane):
    with later(days=1):
        uuid7()  # From here on this process's ids are later than its clock.
    rename(scim, jane, SMITH)
    [link] = bound(okta.directory.organization)
    with tenancy.of(okta.directory.organization):
        found = SubjectLink.objects.select_related("connection__organization").get(connection_id=link[0])
    subjects.unlink(found.connection, jane.pk, actor=SETUP)
    subjects.link(found.connection, jane, JONES, actor=SETUP)


@pytest.mark.parametrize(
    "write",
    [
        by_hand, by_hand_at_last, by_hand_on_the_way, by_a_directory_that_is_off, by_a_directory_they_were_moved_from,
        before_they_were_bound,
    ],
)  # fmt: skip
def test_nobody_elses_word_binds_anew(acme, okta, scim, connection, jane, write):
    write(scim, okta, jane)
    is_out(acme, connection, SMITH, "member_linked")
    is_in(acme, connection, JONES, jane)


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        # A name of somebody's own choice beside hers, a name that says nothing, one that stands for this moment alone.
        ("mallory@acme.example", {"name_id_format": NAMEID_PERSISTENT, "attributes": {"userName": SMITH}}),
        ("00u-jane", {"name_id_format": NAMEID_PERSISTENT, "attributes": {"userName": SMITH}}),
        (SMITH, {"name_id_format": NAMEID_TRANSIENT, "attributes": {"userName": SMITH}}),
    ],
)
def test_only_the_very_name_that_the_directory_gave_binds_anew(acme, scim, connection, jane, name, knobs):
    rename(scim, jane, SMITH)
    is_out(acme, connection, name, "member_linked", **knobs)


def test_whoever_is_bound_to_something_else_than_their_name_stays_so(acme, scim, connection):
    jane = pushed(acme, scim.create(JONES))
    is_in(acme, connection, "00u1", jane, name_id_format=NAMEID_PERSISTENT, attributes={"userName": JONES})
    rename(scim, jane, SMITH)
    is_out(acme, connection, SMITH, "member_linked")


def test_where_the_identity_provider_is_ahead_members_alone_come_in_once_the_directory_has_caught_up(
    acme, scim, jane
):
    strict = connect(acme, name="Strict", join="invited")
    is_in(acme, strict, JONES, jane)
    is_out(acme, strict, SMITH, "not_invited")
    rename(scim, jane, SMITH)
    is_in(acme, strict, SMITH, jane)


def test_whom_a_sign_in_made_in_the_meantime_is_offboarded_and_all_is_well(acme, scim, connection, jane):
    assert come(connection, SMITH) == 303
    [_, twin] = people(acme)
    operation = {"op": "replace", "value": {"userName": SMITH}}
    answer = scim.patch(f"/Users/{jane.pk}", operation)
    assert (answer.status, answer.code) == (409, "user_name_taken")
    assert "offboard the one that it made: then the name is free. Then Dashboard" in answer.body["detail"]
    members.offboard(twin, actor=SETUP)
    rename(scim, jane, SMITH)
    is_in(acme, connection, SMITH, jane)


def test_a_test_sign_in_says_so_and_changes_nothing(acme, scim, connection, jane):
    rename(scim, jane, SMITH)
    outlook = foresee(connection, NameID(SMITH), Person(user_name=SMITH, email=SMITH))
    assert outlook.steps()[0] == f"would be bound anew (renamed by their directory) {SMITH}"
    is_in(acme, connection, JONES, jane)


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"


def nothing():
    """Do nothing."""


def at_once(organization, connection, eraser, jane, names, *, before=nothing, after=nothing):
    """Have people come under these names while Jane's row is held, and do something with it before they wait or after."""

    def arrive(name):
        try:
            return come(connection, name)
        finally:
            databases.close_all()

    with ThreadPoolExecutor(len(names)) as pool:
        with tenancy.change(organization):
            member_row.lock(jane)
            before()
            coming = [pool.submit(arrive, name) for name in names]
            assert eventually(lambda: eraser.execute(WAITING).fetchone()[0] == len(names))
            after()
        assert [each.result() for each in coming] == [303] * len(names)


def renaming_of(okta, jane, name):
    """Return what renames Jane as Okta would, in the transaction that is open."""
    okta_itself = Actor("directory", str(okta.directory.pk), "Okta")
    return lambda: members.change(jane, user_name=name, profile={"emails": mail(name)}, actor=okta_itself)


def test_a_sign_in_waits_for_the_renaming_that_is_under_way(acme, okta, connection, jane, eraser):
    at_once(acme, connection, eraser, jane, [SMITH], before=renaming_of(okta, jane, SMITH))
    assert people(acme) == [jane]
    is_in(acme, connection, SMITH, jane)


def test_of_several_who_come_at_once_each_is_her(acme, scim, connection, jane, eraser):
    rename(scim, jane, SMITH)
    at_once(acme, connection, eraser, jane, [SMITH, SMITH, JONES])
    assert people(acme) == [jane]
    assert bound(acme) == [(connection.pk, jane.pk)]
    is_in(acme, connection, SMITH, jane)


def test_a_name_that_is_taken_back_meanwhile_is_not_hers(acme, okta, scim, connection, jane, eraser):
    rename(scim, jane, SMITH)
    at_once(acme, connection, eraser, jane, [SMITH], after=renaming_of(okta, jane, BROWN))
    assert last_attempt(acme).member_id != jane.pk
    is_in(acme, connection, BROWN, jane)
