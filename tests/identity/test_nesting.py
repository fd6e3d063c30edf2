"""Groups in groups: whoever is in the inner one has what the outer one brings, for as long as both hold."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from audit.models import Entry
from identity import (
    access,
    access_overview,
    directories,
    groups,
    mappings,
    nesting,
    resources,
    roles,
    tenancy,
)
from identity.access import Question
from identity.errors import GroupCycle, Invalid, TooMany
from identity.grants import GrantSpec
from identity.mappings import Mapping
from identity.models import Nesting
from tests.conftest import SETUP, join

BRINGS = Mapping((GrantSpec("portfolio", "nordics", "view"),), ("auditor",))


def make(organization, name, *inside, **more):
    members = [str(each.pk) for each in inside]
    return groups.create(organization, actor=SETUP, display_name=name, members=members, **more)


def put(outer, *inside):
    return groups.change(outer, actor=SETUP, add=[str(each.pk) for each in inside])[1]


def take(outer, *inside):
    return groups.change(outer, actor=SETUP, remove=[str(each.pk) for each in inside])[1]


@pytest.fixture
def world(acme):
    resources.register(acme, [{"kind": "portfolio", "id": "nordics"}], actor=SETUP)
    return acme


@pytest.fixture
def chain(world, jane):
    """Give three groups one in the other, jane in the lowest, and what the highest brings."""
    low = make(world, "Low", jane)
    middle = make(world, "Middle", low)
    high = make(world, "High", middle)
    mappings.replace(high, BRINGS, actor=SETUP)
    return low, middle, high


def may(member, at=None):
    question = Question(member.pk, "view", "portfolio", "nordics")
    return access.check(member.organization_id, [question, question], at)[0]


def test_access_comes_through_groups_in_groups(world, jane, chain):
    answer = may(jane)
    assert (answer.allowed, answer.why.group, answer.why.origin) == (True, "High", "group")
    assert [(line.key, line.group) for line in access.what_had(jane).access] == [("nordics", "High")]
    assert [holder.user_name for holder in access.who_has(world, "portfolio", "nordics")] == [jane.user_name]
    held = access.what_had(jane)
    assert [(role.name, role.group) for role in held.roles] == [("auditor", "High")]
    assert [name for _, name in held.groups] == ["High", "Low", "Middle"]
    assert "record.read" in roles.capabilities_of(jane)


def test_two_ways_are_one_access(world, jane, chain):
    low, _, high = chain
    put(high, low, jane)
    assert len(access.what_had(jane).access) == len(access.who_has(world, "portfolio", "nordics")) == 1
    take(high, low, jane)
    assert may(jane).allowed, "the way through the middle is left"


@pytest.mark.parametrize("link", [0, 1])
def test_taking_any_link_out_ends_it_at_once(jane, chain, link):
    take(chain[link + 1], chain[link])
    assert not may(jane).allowed
    assert roles.capabilities_of(jane) == frozenset()
    assert access.what_had(jane).access == ()


def test_the_past_is_answered_as_it_was(world, jane, chain):
    now = timezone.now()
    with time_machine.travel(now + timedelta(days=1)):
        take(chain[2], chain[1])
    with time_machine.travel(now + timedelta(days=2)):
        put(chain[2], chain[1])
    with time_machine.travel(now + timedelta(days=3)):
        days = {day: may(jane, now + timedelta(days=day)).allowed for day in (0.5, 1.5, 2.5)}
        assert days == {0.5: True, 1.5: False, 2.5: True}
        before = now + timedelta(days=0.5)
        assert [holder.user_name for holder in access.who_has(world, "portfolio", "nordics", before)] == [
            "jane@acme.example"
        ]
        assert access.who_has(world, "portfolio", "nordics", now + timedelta(days=1.5)) == []
        assert access.what_had(jane, now + timedelta(days=1.5)).roles == ()
        assert abs(may(jane).why.since - now - timedelta(days=2)) < timedelta(minutes=1)


def test_a_preview_takes_in_who_is_inside(world, jane, chain):
    preview = mappings.preview(chain[2], Mapping())
    assert [(each.user_name, each.roles) for each in preview.lose] == [("jane@acme.example", ("auditor",))]
    put(chain[2], jane)
    assert mappings.preview(chain[1], BRINGS).gain == (), "they have it by the higher group already"


def test_the_overview_lists_what_comes_by_groups_in_groups(world, jane, chain):
    since = access.what_had(jane).access[0].since
    rows = [line.split(",") for line in "".join(access_overview.csv_pieces(world)).splitlines()]
    assert [row[3:] for row in rows if row[0] == jane.user_name] == [
        ["portfolio", "nordics", "", "view", "group", since.isoformat(), chain[2].display_name]
    ]


def test_a_circle_is_refused_whole(world, jane, chain):
    low, middle, high = chain
    tom = join(world, "tom@acme.example")
    for outer, inner in ((low, high), (low, middle), (middle, high), (low, low)):
        with pytest.raises(GroupCycle):
            put(outer, tom, inner)
    with tenancy.of(world):
        assert Nesting.objects.filter(ended_at__isnull=True).count() == 2
    assert access.what_had(tom).groups == ()


def test_nothing_is_deeper_than_the_limit(world):
    top = lowest = make(world, "1")
    for number in range(2, nesting.DEPTH_MAX + 1):
        outer, top = top, make(world, str(number))
        put(top, outer)
    with pytest.raises(Invalid, match="one above the other"):
        put(make(world, "one more"), top)
    with pytest.raises(Invalid, match="one above the other"):
        put(lowest, make(world, "below"))


def test_a_group_holds_so_many_groups(world, monkeypatch):
    monkeypatch.setattr(nesting, "CHILDREN_MAX", 2)
    outer = make(world, "Outer", make(world, "a"), make(world, "b"))
    with pytest.raises(TooMany):
        put(outer, make(world, "c"))


def test_each_change_is_counted_and_recorded(world, chain):
    low, middle, high = chain
    delta = put(high, low)
    assert (delta.nested, delta.added, delta.pending) == ([low.pk], [], [])
    assert put(high, low).nested == []
    delta = groups.change(high, actor=SETUP, replace=[str(low.pk)])[1]
    assert (delta.nested, delta.unnested) == ([], [middle.pk])
    assert take(high, low, middle).unnested == [low.pk]
    with tenancy.of(world):
        lines = Entry.objects.filter(event__in=["group.nest", "group.unnest"]).order_by("happened_at", "id")
        assert [(line.event, line.subject_id) for line in lines] == [
            ("group.nest", str(low.pk)), ("group.nest", str(middle.pk)), ("group.nest", str(low.pk)),
            ("group.unnest", str(middle.pk)), ("group.unnest", str(low.pk)),
        ]  # fmt: skip
        assert {line.actor_id for line in lines} == {SETUP.id}


def test_a_deleted_group_is_in_nothing_and_holds_nothing(world, jane, chain):
    groups.delete(chain[1], actor=SETUP)
    assert not may(jane).allowed
    with tenancy.of(world):
        assert not Nesting.objects.filter(ended_at__isnull=True).exists()
    assert put(chain[2], chain[1]).nested == []


def test_groups_of_another_directory_or_organization_are_no_members(world, globex, okta, entra):
    ours = make(world, "Ours", directory=okta.directory)
    theirs = make(world, "Theirs", directory=entra.directory)
    strange = make(globex, "Strange")
    delta = put(ours, theirs, strange)
    assert (delta.nested, sorted(delta.pending)) == ([], sorted([str(theirs.pk), str(strange.pk)]))


def test_a_group_that_was_named_before_it_came_joins_on_arrival(world, okta, jane):
    directory = okta.directory
    outer = make(world, "Outer", directory=directory)
    groups.change(outer, actor=SETUP, add=["ext-1"])
    other = directories.create(world, actor=SETUP, name="Other", idp="okta")
    make(world, "Not this one", directory=other, external_id="ext-1")
    with tenancy.of(world):
        assert not Nesting.objects.exists()
    inner = make(world, "Inner", directory=directory, external_id="ext-1")
    with tenancy.of(world):
        assert Nesting.objects.get(ended_at__isnull=True).child_id == inner.pk


def test_two_groups_put_into_each_other_at_once_make_no_circle(world):
    for _ in range(5):
        pair = [make(world, f"a{_}"), make(world, f"b{_}")]
        ready, refused = threading.Barrier(2), []

        def work(outer, inner, ready=ready, refused=refused):
            ready.wait()
            try:
                put(outer, inner)
            except GroupCycle:
                refused.append(outer)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=ends) for ends in (pair, reversed(pair))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
    with tenancy.of(world):
        assert Nesting.objects.filter(ended_at__isnull=True).count() == 5


def test_a_group_deleted_while_it_is_put_into_another_is_in_neither_state_between(world):
    for number in range(5):
        outer, inner = make(world, f"o{number}"), make(world, f"i{number}")
        ready = threading.Barrier(2)

        def run(act, ready=ready):
            ready.wait()
            act()
            connections.close_all()

        acts = (lambda o=outer, i=inner: put(o, i), lambda i=inner: groups.delete(i, actor=SETUP))
        threads = [threading.Thread(target=run, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with tenancy.of(world):
        assert not Nesting.objects.filter(ended_at__isnull=True).exists()
