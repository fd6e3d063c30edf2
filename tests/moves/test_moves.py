"""People moved between directories: nobody out, nothing doubled, and the former directory has no word about them any more."""

from dataclasses import dataclass
from uuid import uuid4

import pytest

from audit.events import Event
from audit.record import record
from identity import erasure, grants, groups, member_row, members, moves, resources, roles, tenancy
from identity import links as linking
from identity.errors import Invalid, TooMany
from identity.grants import GrantSpec
from identity.models import Directory, DirectorySize, Link, Membership
from identity.move_plan import PEOPLE_MAX, Groups, Wanted
from tests.api.client import recorded
from tests.conftest import SETUP, again, join, scim_client
from tests.moves.conftest import ALL, links, push
from tests.scim.talk import Scim
from tests.sync.conftest import ADA

HOLDER_OF = frozenset({"directories.write", "members.write"})


@dataclass
class Holder:
    """Somebody who acts, with these capabilities."""

    capabilities: frozenset[str] = HOLDER_OF


def lines(organization, *events):
    return [(line["changes"], line["data"]) for line in recorded(organization, *events)]


def moved(found):
    return [mover.member.user_name for mover in found.people]


def test_a_preview_says_who_moves_and_changes_nothing(okta, entra, people):
    before = links(okta.directory)
    members.suspend(people["b"], actor=SETUP)
    found = moves.preview(okta.directory, entra.directory, ALL)
    assert len(found.people) == 3
    assert (found.suspended, found.problems, found.next) == (1, [], None)
    assert (links(okta.directory), links(entra.directory)) == (before, {})


def test_moved_people_keep_state_and_access_and_belong_to_the_other_directory(acme, okta, entra, people):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    jane = people["a"]
    grants.replace(jane, [GrantSpec("portfolio", "p1", "edit")], actor=ADA)
    group = groups.create(
        acme, display_name="Staff", directory=okta.directory, members=[str(jane.pk)], actor=SETUP
    )
    found = moves.move(okta.directory, entra.directory, Wanted({jane.pk: "e-1"}), actor=ADA)
    assert moved(found) == ["a@acme.example"]
    assert links(okta.directory) == {"b@acme.example": "b", "c@acme.example": "c"}
    assert links(entra.directory) == {"a@acme.example": "e-1"}
    with tenancy.of(acme):
        assert again(jane).state == "active"
        assert len(list(grants.open_grants(jane))) == 1
        assert Membership.objects.filter(group=group, member=jane, ended_at=None).exists()
        sizes = {
            name: sum(DirectorySize.objects.filter(directory=one).values_list("people", flat=True))
            for name, one in (("okta", okta.directory), ("entra", entra.directory))
        }
    assert sizes == {"okta": 2, "entra": 1}


def test_the_record_tells_of_both_directories(acme, okta, entra, people):
    moves.move(okta.directory, entra.directory, Wanted({people["a"].pk: "e-1"}), actor=ADA)
    ((changes, data),) = lines(acme, "member.move")
    ids = {"from": str(okta.directory.pk), "to": str(entra.directory.pk)}
    assert changes == {"directory": ["okta", "entra"], "external_id": ["a", "e-1"]}
    assert data == ids
    of_directories = lines(acme, "directory.move")
    assert [data for _, data in of_directories] == [
        {**ids, "names": ["okta", "entra"], "people": 1, "groups": 0}
    ] * 2


def test_same_ids_are_taken_along(okta, entra, people):
    moves.move(okta.directory, entra.directory, Wanted(same_ids=True), actor=ADA)
    assert links(entra.directory) == {f"{key}@acme.example": key for key in "abc"}
    assert push(entra, "b", "renamed@acme.example").body["id"] == str(people["b"].pk)


def test_who_cannot_be_moved_is_named_and_the_others_move(acme, okta, entra, people, jane):
    push(entra, "taken", "other@acme.example")
    nobody = uuid4()
    wanted = Wanted(
        {
            jane.pk: None,
            nobody: None,
            people["a"].pk: "taken",
            people["b"].pk: "x" * 5000,
            people["c"].pk: "e",
        }
    )
    found = moves.move(okta.directory, entra.directory, wanted, actor=ADA)
    assert moved(found) == ["c@acme.example"]
    assert {(problem.user_name, problem.code) for problem in found.problems} == {
        ("jane@acme.example", "not_linked"), ("", "not_linked"), ("a@acme.example", "external_id_taken"),
        ("b@acme.example", "invalid"),
    }  # fmt: skip


def test_one_id_for_two_is_for_neither(okta, entra, people):
    wanted = Wanted({people["a"].pk: "e", people["b"].pk: "e"})
    found = moves.move(okta.directory, entra.directory, wanted, actor=ADA)
    assert [problem.code for problem in found.problems] == ["external_id_taken"] * 2


def test_nobody_hands_over_whoever_may_do_more(acme, okta, entra, people):
    roles.replace(people["a"], ["organization_admin"], actor=SETUP)
    found = moves.move(okta.directory, entra.directory, ALL, actor=ADA, holder=Holder())
    assert moved(found) == ["b@acme.example", "c@acme.example"]
    assert [problem.code for problem in found.problems] == ["stronger"]
    everything = Holder(frozenset(roles.CAPABILITIES))
    assert moved(moves.move(okta.directory, entra.directory, ALL, actor=ADA, holder=everything)) == [
        "a@acme.example"
    ]


def test_what_is_no_move_is_refused(acme, globex, okta, entra, people):
    foreign = scim_client(globex, "okta").directory
    for target, wanted, field in (
        (okta.directory, Wanted(same_ids=True), "same_ids"),
        (okta.directory, Wanted(groups=Groups.MOVE), "groups"),
        (foreign, ALL, "to"),
        (entra.directory, Wanted({}), "members"),
        (entra.directory, Wanted({people["a"].pk: None}, groups=Groups.MOVE), "groups"),
    ):
        with pytest.raises(Invalid) as refused:
            moves.move(okta.directory, target, wanted, actor=ADA)
        assert refused.value.field == field
    with pytest.raises(TooMany):
        moves.preview(okta.directory, entra.directory, Wanted({uuid4(): None for _ in range(PEOPLE_MAX + 1)}))


def test_twice_is_once(acme, okta, entra, people):
    wanted = Wanted({people["a"].pk: None})
    moves.move(okta.directory, entra.directory, wanted, actor=ADA)
    again = moves.move(okta.directory, entra.directory, wanted, actor=ADA)
    assert (again.people, [problem.code for problem in again.problems]) == ([], ["not_linked"])
    assert len(lines(acme, "member.move")) == 1


def test_more_than_one_call_takes_go_on_where_the_last_ended(monkeypatch, okta, entra, people):
    monkeypatch.setattr("identity.move_plan.PEOPLE_MAX", 2)
    first = moves.move(okta.directory, entra.directory, Wanted(groups=Groups.MOVE), actor=ADA)
    assert (len(first.people), first.next is None) == (2, False)
    second = moves.move(
        okta.directory, entra.directory, Wanted(groups=Groups.MOVE, after=first.next), actor=ADA
    )
    assert (len(second.people), second.next) == (1, None)
    assert links(okta.directory) == {}


def test_groups_go_along_and_take_their_people(acme, okta, entra, people):
    staff = groups.create(
        acme, display_name="Staff", directory=okta.directory, external_id="g", members=[str(people["a"].pk)], actor=SETUP
    )  # fmt: skip
    groups.create(acme, display_name="Both", directory=okta.directory, actor=SETUP)
    groups.create(acme, display_name="both", directory=entra.directory, actor=SETUP)
    found = moves.move(okta.directory, entra.directory, Wanted(groups=Groups.MOVE), actor=ADA)
    assert [group.display_name for group in found.groups] == ["Staff"]
    assert [group.display_name for group in found.staying_groups] == ["Both"]
    entra_says = Scim(entra)
    (listed,) = entra_says.get('/Groups?filter=displayName eq "Staff"').body["Resources"]
    assert listed["id"] == str(staff.pk)
    assert [row["value"] for row in listed["members"]] == [str(people["a"].pk)]
    assert Scim(okta).get(f"/Groups/{staff.pk}").status == 404
    ((changes, _),) = lines(acme, "group.move")
    assert changes == {"directory": ["okta", "entra"], "external_id": ["g", None]}


def test_or_people_leave_the_former_directorys_groups_and_no_others(acme, okta, entra, people):
    jane = str(people["a"].pk)
    groups.create(acme, display_name="Staff", directory=okta.directory, members=[jane], actor=SETUP)
    groups.create(acme, display_name="Ours", members=[jane], actor=SETUP)
    wanted = Wanted({people["a"].pk: None}, groups=Groups.LEAVE)
    moves.move(okta.directory, entra.directory, wanted, actor=ADA)
    with tenancy.of(acme):
        open_ones = Membership.objects.filter(member=people["a"], ended_at=None)
        assert list(open_ones.values_list("group__display_name", flat=True)) == ["Ours"]


def test_whom_both_directories_have_stays_known_to_the_second(acme, okta, entra, people):
    with tenancy.change(acme):
        linking.make(people["a"], entra.directory, "e-a")
        record(
            Event.MEMBER_LINK,
            organization_id=acme.pk,
            actor=SETUP,
            subject=member_row.subject_of(people["a"]),
        )
    moves.move(okta.directory, entra.directory, Wanted({people["a"].pk: None}), actor=ADA)
    assert links(entra.directory) == {"a@acme.example": "e-a"}
    assert moves.awaited(entra.directory) == []


def test_an_erased_person_leaves_no_mark_of_the_move(acme, okta, entra, people):
    moves.move(okta.directory, entra.directory, Wanted({people["a"].pk: "e"}), actor=ADA)
    members.offboard(people["a"], actor=SETUP)
    erasure.erase(again(people["a"]), actor=SETUP)
    with tenancy.of(acme):
        assert set(Link.objects.filter(member=people["a"]).values_list("external_id", flat=True)) == {None}


def test_a_member_without_a_directory_is_nobodys_to_move(okta, entra, people, acme):
    local = join(acme, "local@acme.example")
    found = moves.preview(okta.directory, entra.directory, Wanted({local.pk: None}))
    assert [problem.code for problem in found.problems] == ["not_linked"]
    with tenancy.of(acme):
        assert Directory.objects.count() == 2
