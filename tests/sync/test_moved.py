"""People who are moved to or from a directory that is read: its next runs link them, and its last ones shut nobody out."""

import pytest

from audit.models import Entry
from identity import domains, members, moves, tenancy
from identity.models import Group, Member, Membership
from identity.move_plan import Groups, Wanted
from tests.conftest import SETUP, scim_client
from tests.scim.talk import Scim
from tests.sync import scripted
from tests.sync.conftest import ADA
from tests.sync.scripted import (
    approved,
    crowd,
    events,
    listing,
    person,
    pull_of,
    run,
    settle,
    states,
    steps,
)

ALL = Wanted()


def people(acme):
    """Give {user name: state} of everybody."""
    with tenancy.of(acme):
        return dict(Member.objects.values_list("user_name", "state"))


def member(acme, user_name):
    with tenancy.of(acme):
        return Member.objects.get(user_name=user_name)


def reasons(made):
    return steps(made, "action", "external_id", "reason")


def test_the_former_directorys_silence_and_word_shut_nobody_out(acme, hr, second):
    moved = [member(acme, f"p0{number}@acme.example") for number in range(3)]
    moves.move(hr.directory, second.directory, Wanted({one.pk: None for one in moved}), actor=ADA)
    listing(*crowd(7, start=3))
    for _ in range(3):
        assert run(hr).counts == {}
    listing(*crowd(7, start=3), person("p00", active=False), removed=["p01"])
    assert run(hr).counts == {}
    assert set(people(acme).values()) == {"active"}


def test_the_former_directory_cannot_bring_them_in_anew_under_another_name(acme, hr, second):
    moves.move(hr.directory, second.directory, Wanted({member(acme, "p00@acme.example").pk: None}), actor=ADA)
    listing(*crowd(10)[1:], person("p00", "renamed@acme.example"), person("x", "p00@acme.example"))
    assert reasons(run(hr)) == [("skip", "p00", "moved_away"), ("skip", "x", "user_name_taken")]
    assert len(people(acme)) == 13


@pytest.mark.parametrize("given", [None, "s-1"])
def test_the_next_run_links_by_the_name_or_by_the_id_that_was_given(acme, hr, second, given):
    jane = member(acme, "p00@acme.example")
    moves.move(hr.directory, second.directory, Wanted({jane.pk: given}), actor=ADA)
    name = "p00@acme.example" if given is None else "jane@acme.example"
    listing(*crowd(3, start=20), person("s-1", name, title="CTO"))
    made = run(second)
    assert (steps(made), made.counts) == ([("link", "s-1", "applied")], {"link": 1})
    assert (member(acme, name).pk, member(acme, name).profile["title"]) == (jane.pk, "CTO")
    assert run(second).counts == {}
    assert moves.awaited(second.directory) == []
    # From now on it is the second one's word that counts.
    listing(*crowd(3, start=20), person("s-1", name, active=False))
    assert run(second).counts == {"suspend": 1}


def test_another_id_than_the_one_given_is_somebody_else(acme, hr, second):
    jane = member(acme, "p00@acme.example")
    moves.move(hr.directory, second.directory, Wanted({jane.pk: "s-1"}), actor=ADA)
    listing(*crowd(3, start=20), person("s-2", "p00@acme.example"))
    assert reasons(run(second)) == [("skip", "s-2", "user_name_taken")]


def test_by_the_address_alone_in_a_proved_domain(acme, hr, second):
    jane = member(acme, "p00@acme.example")
    moves.move(hr.directory, second.directory, Wanted({jane.pk: None}), actor=ADA)
    listing(*crowd(3, start=20), scripted.Person("s", "uid-0", dict(jane.profile), active=True))
    assert run(second, dry_run=True).counts == {"create": 1}
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    assert run(second).counts == {"link": 1}
    assert member(acme, "uid-0").pk == jane.pk


def test_whom_the_new_directory_says_is_inactive_goes_out_under_its_guard(acme, hr, second):
    ten = {member(acme, f"p0{number}@acme.example").pk: None for number in range(10)}
    moves.move(hr.directory, second.directory, Wanted(ten), actor=ADA)
    listing(
        *crowd(3, start=20), *[person(f"s{number}", f"p0{number}@acme.example", active=False) for number in range(10)]
    )  # fmt: skip
    assert run(second).counts == {"link": 10}
    held = run(second)
    assert (held.state, held.counts, held.held_for[0]["code"]) == ("held", {"suspend": 10}, "removals")
    assert list(people(acme).values()).count("suspended") == 0


def test_whoever_was_offboarded_stays_out_and_whoever_was_suspended_stays_so(acme, hr, second):
    members.offboard(member(acme, "p00@acme.example"), actor=SETUP)
    members.suspend(member(acme, "p01@acme.example"), actor=SETUP)
    moves.move(hr.directory, second.directory, ALL, actor=ADA)
    listing(*crowd(3, start=20), person("s0", "p00@acme.example"), person("s1", "p01@acme.example"))
    assert reasons(run(second)) == [("link", "s1", ""), ("skip", "s0", "offboarded")]
    assert people(acme)["p01@acme.example"] == "suspended"
    assert "p00@acme.example" not in states(second)


def test_whom_it_never_tells_of_stays_in_and_is_listed(acme, hr, second):
    moves.move(hr.directory, second.directory, ALL, actor=ADA)
    listing(*crowd(3, start=20), *crowd(9))
    assert run(second).counts == {"link": 9}
    for _ in range(3):
        assert run(second).counts == {}
    assert [row.user_name for row in moves.awaited(second.directory)] == ["p09@acme.example"]
    assert people(acme)["p09@acme.example"] == "active"


def test_moved_groups_are_met_by_name_and_nothing_is_doubled(acme, script):
    first = pull_of(acme, "First")
    listing(*crowd(4), groups=[("staff", ["p00", "p01"]), ("board", ["p03"])])
    settle(first, ADA)
    second = pull_of(acme, "Second")
    moves.move(first.directory, second.directory, Wanted(groups=Groups.MOVE), actor=ADA)
    listing(
        *[person(f"s{number}", f"p0{number}@acme.example") for number in range(4)], groups=[("staff", ["s0", "s2"])]
    )  # fmt: skip
    made = settle(second, ADA)
    assert made.counts == {"link": 4, "group_link": 1, "members": 1}
    assert run(second).state == "done"
    with tenancy.of(acme):
        assert list(Group.objects.filter(ended_at=None).order_by("external_id").values_list("display_name", "external_id")) == [
            ("Staff", "staff"), ("Board", None),
        ]  # fmt: skip
        inside = Membership.objects.filter(group__display_name="Staff", ended_at=None)
        assert set(inside.values_list("member__user_name", flat=True)) == {
            "p00@acme.example",
            "p02@acme.example",
        }
    assert run(second).counts == {}


def test_a_directory_that_numbers_its_people_anew_meets_them_again(acme, hr):
    anew = [person(f"n{number}", f"p0{number}@acme.example") for number in range(10)]
    listing(*anew)
    run(hr)
    held = run(hr)
    assert (held.state, held.counts) == ("held", {"suspend": 10, "skipped": {"user_name_taken": 10}})
    moves.move(hr.directory, hr.directory, ALL, actor=ADA)
    # The plan that would have shut them out leaves them alone by now.
    assert approved(held, ADA).applied == 0
    assert run(hr).counts == {"link": 10}
    assert states(hr) == {f"n{number}": "active" for number in range(10)}
    assert run(hr).counts == {}
    told = events(acme)
    assert (told.count("member.move"), told.count("directory.move"), told.count("member.suspend")) == (
        10,
        1,
        0,
    )


def test_a_directory_that_tells_changes_alone_is_read_anew_after_a_move(acme, script, okta):
    graph = pull_of(acme, "Graph")
    listing(*crowd(3), cookie={"delta": 1})
    settle(graph, ADA)
    jane = member(acme, "p00@acme.example")
    moves.move(graph.directory, okta.directory, Wanted({jane.pk: None}), actor=ADA)
    listing(whole=False, cookie={"delta": 2})
    run(graph)
    assert script.asked[-1][1] == {"delta": 1}
    moves.move(okta.directory, graph.directory, Wanted({jane.pk: None}), actor=ADA)
    listing(*crowd(3)[1:], person("p00", active=False), cookie={"delta": 3})
    assert run(graph).counts == {"link": 1}
    assert script.asked[-1][1] is None
    # Inactive there already: linked by the one run, shut out by the next, which is told everything once more.
    assert run(graph).counts == {"suspend": 1}
    assert script.asked[-1][1] is None
    listing(whole=False, cookie={"delta": 4})
    run(graph)
    assert script.asked[-1][1] == {"delta": 3}


def test_from_a_push_to_a_pull_and_back_with_nobody_out_and_nothing_doubled(acme, script):
    """A company goes from Okta to its own LDAP, and back a year later."""
    okta = scim_client(acme, "okta")
    push = Scim(okta)
    ids = {}
    for number in range(6):
        name = f"p0{number}@acme.example"
        body = {"userName": name, "externalId": f"00u{number}", "emails": [{"value": name, "primary": True}]}
        ids[name] = push.post("/Users", body).body["id"]
    staff = {"displayName": "Staff", "externalId": "g", "members": [{"value": one} for one in ids.values()]}
    assert push.post("/Groups", staff).status == 201
    ldap = pull_of(acme, "LDAP")
    everybody = crowd(6)
    listing(*everybody, groups=[("staff", [one.external_id for one in everybody])])
    held = run(ldap)
    assert held.counts["skipped"] == {"user_name_taken": 6}
    moves.move(okta.directory, ldap.directory, Wanted(groups=Groups.MOVE), actor=ADA)
    made = settle(ldap, ADA)
    assert {name: made.counts.get(name, 0) for name in ("link", "create", "suspend", "group_create", "group_link")} == {
        "link": 6, "create": 0, "suspend": 0, "group_create": 0, "group_link": 1,
    }  # fmt: skip
    # Okta is unassigned late: it deactivates and deletes whom it believes to have.
    for one in ids.values():
        assert push.patch(f"/Users/{one}", {"op": "replace", "path": "active", "value": False}).status == 404
    assert run(ldap).counts == {}
    before = {name: str(member(acme, name).pk) for name in people(acme)}
    assert before == ids
    # And back.
    moves.move(ldap.directory, okta.directory, Wanted(groups=Groups.MOVE), actor=ADA)
    listing(person("somebody-else"))
    assert run(ldap).counts == {"create": 1}
    for number, (name, one) in enumerate(ids.items()):
        (found,) = push.get(f'/Users?filter=userName eq "{name}"').body["Resources"]
        assert (found["id"], found["externalId"], found["active"]) == (one, f"00u{number}", True)
    (group,) = push.get('/Groups?filter=displayName eq "Staff"').body["Resources"]
    assert {row["value"] for row in group["members"]} == set(ids.values())
    assert set(people(acme).values()) == {"active"}
    assert len(people(acme)) == 7
    told = events(acme)
    assert told.count("member.move") == 12
    assert not {"member.suspend", "member.offboard", "group.member_remove"} & set(told)
    with tenancy.of(acme):
        assert Entry.objects.filter(event="directory.move").count() == 4
