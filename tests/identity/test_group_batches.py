"""The batch forms of the verbs on groups: they do, refuse and record what the single verbs do, for many at once."""

import pytest

from audit.models import Detail, Entry
from audit.record import Actor
from identity import directories, group_batches, groups, members, tenancy
from identity.errors import ExternalIdTaken, Invalid, NameTaken, NotFound
from identity.group_batches import Formed, Move
from identity.models import Group, Membership, Nesting
from tests.conftest import SETUP

HR = Actor("directory", "0197-hr", "HR")


@pytest.fixture
def hr(acme):
    return directories.create(acme, name="HR", actor=SETUP)


@pytest.fixture
def people(acme, hr):
    return [
        members.provision(acme, user_name=name, directory=hr, external_id=name, actor=SETUP).member
        for name in ("amy", "bob", "cyd")
    ]


@pytest.fixture
def teams(acme, hr):
    return group_batches.create(acme, [Formed("Red", "r"), Formed("Blue", "b")], actor=SETUP, directory=hr)


def inside(organization):
    with tenancy.of(organization):
        rows = Membership.objects.filter(ended_at__isnull=True)
        return sorted(rows.values_list("group__display_name", "member__user_name"))


def entries(organization, since):
    with tenancy.of(organization):
        rows = Entry.objects.order_by("id").values_list("event", "subject_id", "actor_id")
        return list(rows)[since:]


def counted(organization):
    with tenancy.of(organization):
        return Entry.objects.count()


def test_a_batch_leaves_what_the_single_verb_leaves(acme, hr):
    single = groups.create(acme, display_name=" Staff ", directory=hr, external_id="s", actor=HR)
    [made] = group_batches.create(acme, [Formed(" Crew ", "c")], actor=HR, directory=hr)
    with tenancy.of(acme):
        rows = Group.objects.order_by("created_at").values("profile", "version", "ended_at", "directory")
        assert rows[0] == rows[1]
        ids = Entry.objects.filter(event="group.create").order_by("id").values_list("subject_id", "id")
        one, other = (dict(ids)[str(group.pk)] for group in (single, made))
        said = {"display_name": [None, "Staff"], "external_id": [None, "s"]}
        assert Detail.objects.get(pk=one).body["changes"] == said
        said = {"display_name": [None, "Crew"], "external_id": [None, "c"]}
        assert Detail.objects.get(pk=other).body["changes"] == said
        assert (made.display_name, made.display_name_key) == ("Crew", "crew")


@pytest.mark.parametrize(
    ("formed", "refusal"),
    [
        (Formed("red", "x"), NameTaken),
        (Formed("Green", "r"), ExternalIdTaken),
        (Formed(" ", "x"), Invalid),
        (Formed("Green", "x" * 1025), Invalid),
        (Formed("Green", "a\0b"), Invalid),
    ],
)
def test_one_refused_group_refuses_the_batch(acme, hr, teams, formed, refusal):
    before = counted(acme)
    with pytest.raises(refusal):
        group_batches.create(acme, [Formed("Fine", "f"), formed], actor=HR, directory=hr)
    assert counted(acme) == before
    with tenancy.of(acme):
        assert Group.objects.count() == 2


def test_two_of_one_name_in_a_batch_are_refused(acme, hr):
    with pytest.raises(NameTaken):
        group_batches.create(acme, [Formed("Red", "1"), Formed("RED", "2")], actor=HR, directory=hr)


def test_a_group_that_waited_takes_the_newcomer_in(acme, hr):
    outer = groups.create(acme, display_name="Outer", directory=hr, external_id="o", members=["i"], actor=HR)
    made = group_batches.create(acme, [Formed("Other", "x"), Formed("Inner", "i")], actor=HR, directory=hr)
    with tenancy.of(acme):
        [nesting] = Nesting.objects.all()
        assert (nesting.parent_id, nesting.child_id) == (outer.pk, made[1].pk)


def test_people_join_and_leave_with_an_entry_each(acme, teams, people):
    red, blue = teams
    amy, bob, _ = people
    group_batches.move(acme, [Move(red.pk, amy.pk, True), Move(red.pk, bob.pk, True)], actor=HR)
    since = counted(acme)
    moves = [Move(red.pk, amy.pk, False), Move(blue.pk, amy.pk, True), Move(blue.pk, bob.pk, True)]
    assert group_batches.move(acme, moves, actor=HR) == 3
    assert inside(acme) == [("Blue", "amy"), ("Blue", "bob"), ("Red", "bob")]
    assert sorted(entries(acme, since)) == sorted(
        [
            ("group.member_remove", str(amy.pk), HR.id),
            ("group.member_add", str(amy.pk), HR.id),
            ("group.member_add", str(bob.pk), HR.id),
            ("group.change", str(red.pk), HR.id),
            ("group.change", str(blue.pk), HR.id),
        ]
    )
    with tenancy.of(acme):
        assert dict(Group.objects.values_list("display_name", "version")) == {"Red": 3, "Blue": 2}
        change = Entry.objects.filter(event="group.change", subject_id=str(blue.pk)).latest("id")
        assert Detail.objects.get(pk=change.pk).body["data"] == {"added": 2, "removed": 0}


def test_nothing_to_do_writes_nothing(acme, teams, people):
    red, amy = teams[0], people[0]
    join = Move(red.pk, amy.pk, True)
    assert group_batches.move(acme, [join, join], actor=HR) == 1
    since = counted(acme)
    assert group_batches.move(acme, [join], actor=HR) == 0
    assert group_batches.move(acme, [Move(red.pk, people[1].pk, False)], actor=HR) == 0
    assert group_batches.move(acme, [], actor=HR) == 0
    assert counted(acme) == since


def test_who_cannot_join_is_passed_over(acme, globex, hr, teams, people, jane):
    red = teams[0]
    amy, bob, _ = people
    members.offboard(bob, actor=SETUP)
    stranger = members.provision(globex, user_name="stranger", actor=SETUP).member
    moves = [Move(red.pk, each.pk, True) for each in (amy, bob, jane, stranger)]
    assert group_batches.move(acme, moves, actor=HR) == 1
    assert inside(acme) == [("Red", "amy")]


def test_a_group_that_is_gone_refuses_the_batch(acme, globex, teams, people):
    red, blue = teams
    groups.delete(blue, actor=SETUP)
    theirs = groups.create(globex, display_name="Theirs", actor=SETUP)
    for gone in (blue, theirs):
        moves = [Move(red.pk, people[0].pk, True), Move(gone.pk, people[0].pk, True)]
        with pytest.raises(NotFound):
            group_batches.move(acme, moves, actor=HR)
    assert inside(acme) == []
