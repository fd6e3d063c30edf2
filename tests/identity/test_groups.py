"""Groups: deltas under a lock, so that parallel changes lose nobody."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from identity import groups, members, tenancy
from identity.errors import Conflict, NameTaken
from identity.models import Group, Membership, PendingMembership
from tests.conftest import SETUP


@pytest.fixture
def people(acme, okta):
    """Give ten people of acme's Okta."""
    return [
        members.provision(
            acme, user_name=f"p{number}", external_id=f"x{number}", directory=okta.directory, actor=SETUP
        ).member
        for number in range(10)
    ]


@pytest.fixture
def staff(acme, okta):
    return groups.create(acme, display_name="Staff", directory=okta.directory, actor=SETUP)


def ids(people):
    return [str(person.pk) for person in people]


def names(group):
    with tenancy.of(group.organization_id):
        return sorted(
            Membership.objects.filter(group=group, ended_at__isnull=True).values_list(
                "member__user_name", flat=True
            )
        )


def test_parallel_changes_lose_nobody(staff, people):
    def add(person):
        try:
            groups.change(staff, add=[str(person.pk)], actor=SETUP)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(add, people))
    assert names(staff) == sorted(person.user_name for person in people)
    with tenancy.of(staff.organization_id):
        assert Group.objects.get().version == 11


def test_replacing_adds_and_removes_only_the_difference(staff, people):
    groups.change(staff, add=ids(people[:5]), actor=SETUP)
    group, delta = groups.change(staff, replace=ids(people[3:7]), actor=SETUP)
    assert names(group) == ["p3", "p4", "p5", "p6"]
    assert (len(delta.added), len(delta.removed)) == (2, 3)
    _, delta = groups.change(staff, replace=ids(people[3:7]), actor=SETUP)
    assert (delta.added, delta.removed) == ([], [])


def test_a_change_that_changes_nothing_keeps_the_version(staff, people):
    group, _ = groups.change(staff, add=ids(people[:2]), actor=SETUP)
    again, _ = groups.change(
        staff, add=ids(people[:2]), remove=ids(people[5:]), display_name="Staff", actor=SETUP
    )
    assert again.version == group.version


def test_unknown_people_are_awaited_and_join_when_they_arrive(acme, okta, staff):
    _, delta = groups.change(staff, add=["x77", "00000000-0000-4000-8000-000000000000"], actor=SETUP)
    assert sorted(delta.pending) == ["00000000-0000-4000-8000-000000000000", "x77"]
    late = members.provision(
        acme, user_name="late", external_id="x77", directory=okta.directory, actor=SETUP
    ).member
    groups.join_pending(late, okta.directory, [str(late.pk), "x77"], actor=SETUP)
    assert names(staff) == ["late"]
    with tenancy.of(acme):
        assert PendingMembership.objects.count() == 1


def test_a_directory_cannot_put_people_it_does_not_know_into_its_groups(staff, jane):
    _, delta = groups.change(staff, add=[str(jane.pk)], actor=SETUP)
    assert names(staff) == []
    assert delta.pending == [str(jane.pk)]


def test_names_are_unique_in_the_directory_whatever_their_case(acme, okta, entra, staff):
    with pytest.raises(NameTaken):
        groups.create(acme, display_name="STAFF", directory=okta.directory, actor=SETUP)
    groups.create(acme, display_name="Staff", directory=entra.directory, actor=SETUP)
    groups.create(acme, display_name="Staff", actor=SETUP)
    with pytest.raises(NameTaken):
        groups.create(acme, display_name="staff", actor=SETUP)


def test_a_stale_version_is_refused(staff, people):
    groups.change(staff, add=ids(people[:1]), actor=SETUP)
    with pytest.raises(Conflict):
        groups.change(staff, add=ids(people[1:2]), expected_version=1, actor=SETUP)
    assert names(staff) == ["p0"]


def test_deleting_a_group_ends_its_memberships_and_frees_its_name(acme, okta, staff, people):
    groups.change(staff, add=ids(people), actor=SETUP)
    groups.delete(staff, actor=SETUP)
    with tenancy.of(acme):
        assert not Membership.objects.filter(ended_at__isnull=True).exists()
    groups.create(acme, display_name="Staff", directory=okta.directory, actor=SETUP)


def test_suspended_people_stay_in_their_groups_and_offboarded_ones_leave(staff, people):
    groups.change(staff, add=ids(people[:2]), actor=SETUP)
    members.suspend(people[0], actor=SETUP)
    members.offboard(people[1], actor=SETUP)
    assert names(staff) == ["p0"]


def test_one_more_member_costs_the_same_number_of_queries_in_a_large_group(
    staff, people, django_assert_num_queries
):
    groups.change(staff, add=ids(people[:1]), actor=SETUP)
    with django_assert_num_queries(_queries(lambda: groups.change(staff, add=ids(people[1:2]), actor=SETUP))):
        groups.change(staff, add=ids(people[2:3]), actor=SETUP)


def _queries(call):
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def test_a_deleted_group_names_who_was_in_it_and_can_come_back(acme, staff, people):
    groups.change(staff, add=ids(people[:2]), actor=SETUP)
    assert sorted(groups.delete(staff, actor=SETUP).members) == sorted(person.pk for person in people[:2])
    restored = groups.restore(staff, actor=SETUP)
    assert (restored.ended_at, names(staff)) == (None, [])
    version = restored.version
    assert groups.restore(staff, actor=SETUP).version == version


def test_a_group_made_anew_is_not_doubled_by_the_old_one(acme, okta, staff):
    groups.delete(staff, actor=SETUP)
    groups.create(acme, display_name="staff", directory=okta.directory, actor=SETUP)
    with pytest.raises(NameTaken):
        groups.restore(staff, actor=SETUP)
