"""Access reviews: everybody's access is asked about, decisions take effect at the end, and the evidence proves it."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from audit.json_text import canonical
from audit.models import Entry
from identity import (
    erasure,
    grants,
    members,
    resources,
    review_close,
    review_evidence,
    reviews,
    roles,
    tenancy,
)
from identity.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from identity.grants import GrantSpec
from identity.models import Grant, OutgoingMail, Resource, Review, Role, RoleAssignment
from identity.review_scope import Scope
from identity.reviews import Decided
from tasks.jobs.reviews import close_due, remind
from tests.api.client import recorded
from tests.conftest import SETUP, join, later
from tests.identity.test_handing_out import EVERYTHING
from tests.statements import Statements


@pytest.fixture
def people(acme, ada, jane):
    """Give acme's people: ada administers, jane and joe hold things, rita reviews."""
    resources.register(acme, [{"kind": "portfolio", "id": name} for name in ("p1", "p2")], actor=SETUP)
    joe, rita = join(acme, "joe@acme.example"), join(acme, "rita@acme.example")
    for member in (jane, joe):
        grants.replace(member, [GrantSpec("portfolio", name, "view") for name in ("p1", "p2")], actor=SETUP)
    roles.replace(joe, ["auditor"], actor=SETUP)
    return {"ada": ada, "jane": jane, "joe": joe, "rita": rita}


def begin(organization, *reviewers, rule="keep", days=30, scope=None, opened_by=None):
    return reviews.open_(
        organization, name="Spring", scope=scope or Scope(), reviewers=[reviewer.pk for reviewer in reviewers],
        due_at=timezone.now() + timedelta(days=days), rule=rule, actor=SETUP, opened_by=opened_by,
    )  # fmt: skip


def items(review):
    with tenancy.of(review.organization_id):
        return review_evidence.items_of(review)


def thing(item):
    return item.grant.resource.key if item.grant else item.assignment.role.name


def say(review, by, decision, *wanted, holder=None):
    chosen = [
        item for item in items(review) if (item.member.user_name.partition("@")[0], thing(item)) in wanted
    ]
    assert len(chosen) == len(wanted)
    return reviews.decide(
        review, {item.pk: Decided(decision, "so") for item in chosen}, by=by, holder=holder, actor=SETUP
    )


def outcomes(review):
    return {(item.member.user_name.partition("@")[0], thing(item)): item.outcome for item in items(review)}


def test_everybodys_grants_and_roles_are_asked_about(acme, people):
    review = begin(acme, people["rita"])
    assert set(outcomes(review)) == {
        ("ada", "organization_admin"), ("jane", "p1"), ("jane", "p2"), ("joe", "p1"), ("joe", "p2"), ("joe", "auditor"),
    }  # fmt: skip
    narrow = begin(acme, people["rita"], scope=Scope(roles=False, kinds=("portfolio",)))
    assert len(items(narrow)) == 4
    grants.edit(
        people["joe"],
        ending=[GrantSpec("portfolio", "p1", "view"), GrantSpec("portfolio", "p2", "view")],
        actor=SETUP,
    )
    grants.edit(people["jane"], ending=[GrantSpec("portfolio", "p2", "view")], actor=SETUP)
    begin(acme, people["rita"], scope=Scope(roles=False, kinds=("portfolio",)))
    with tenancy.of(acme):
        letters = list(OutgoingMail.objects.filter(kind="access_review").values_list("to", "subject"))
    assert {subject for to, subject in letters if to == "rita@acme.example"} == {
        f"Spring: {waiting} for you"
        for waiting in ("6 decisions wait", "4 decisions wait", "1 decision waits")
    }


def test_decisions_take_effect_at_the_end_and_the_rule_does_the_rest(acme, people):
    review = begin(acme, people["rita"], rule="keep")
    say(review, people["rita"], "remove", ("jane", "p1"), ("joe", "auditor"))
    with tenancy.of(acme):
        assert Grant.objects.filter(ended_at__isnull=True).count() == 4
    grants.edit(people["joe"], ending=[GrantSpec("portfolio", "p2", "view")], actor=SETUP)
    review_close.close(review, actor=SETUP)
    assert outcomes(review) == {
        ("ada", "organization_admin"): "kept", ("jane", "p1"): "removed", ("jane", "p2"): "kept", ("joe", "p1"): "kept",
        ("joe", "p2"): "gone", ("joe", "auditor"): "removed",
    }  # fmt: skip
    with tenancy.of(acme):
        ended = Grant.objects.get(member=people["jane"], resource__key="p1")
        assert (ended.ended_at is not None, ended.held) == (True, True)
    with pytest.raises(Conflict):
        say(review, people["rita"], "keep", ("jane", "p1"))
    before = len(recorded(acme))
    assert review_close.close(review, actor=SETUP).closed_at
    assert len(recorded(acme)) == before


def test_what_nobody_decided_is_removed_where_the_rule_says_so(acme, people):
    review = begin(acme, people["rita"], rule="remove")
    say(review, people["rita"], "keep", ("jane", "p1"))
    with later(days=29):
        assert close_due() == 0
    with later(days=31):
        assert close_due() == 1
        assert close_due() == 0
    found = outcomes(review)
    assert found.pop(("ada", "organization_admin")) == "kept_last_administrator"
    assert found.pop(("jane", "p1")) == "kept"
    assert set(found.values()) == {"removed"}
    assert roles.names_of(people["ada"]) == ["organization_admin"]
    entry = recorded(acme, "review.close")[0]
    assert (entry["actor"]["id"], entry["data"]["by_rule"]) == ("close_reviews", 5)


def test_an_administrator_remains_whatever_was_decided(acme, people):
    roles.replace(people["jane"], ["organization_admin"], actor=SETUP)
    review = begin(acme, people["rita"], rule="remove")
    say(review, people["rita"], "remove", ("ada", "organization_admin"))
    review_close.close(review, actor=SETUP)
    # The explicit word counts; of those that only the rule removes, one stays.
    assert outcomes(review)[("ada", "organization_admin")] == "removed"
    assert outcomes(review)[("jane", "organization_admin")] == "kept_last_administrator"


def test_whoever_is_suspended_is_not_the_administrator_who_remains(acme, people):
    roles.replace(people["jane"], ["organization_admin"], actor=SETUP)
    members.suspend(people["ada"], actor=SETUP)
    review = begin(acme, people["rita"], rule="remove")
    review_close.close(review, actor=SETUP)
    assert outcomes(review)[("ada", "organization_admin")] == "removed"
    assert outcomes(review)[("jane", "organization_admin")] == "kept_last_administrator"


def test_what_a_review_removes_no_machine_gives_again(acme, people):
    with tenancy.change(acme):
        grants.give(people["rita"], [(Resource.objects.get(key="p1"), "view")], "initial", actor=SETUP)
        roles.give(people["rita"], [Role.objects.get(name="auditor")], "initial", actor=SETUP)
    review_close.close(begin(acme, people["ada"], rule="remove"), actor=SETUP)
    with tenancy.of(acme):
        ended = [
            *Grant.objects.filter(member=people["rita"]),
            *RoleAssignment.objects.filter(member=people["rita"]),
        ]
    assert [(thing.ended_at is not None, thing.held) for thing in ended] == [(True, True)] * 2


def test_an_administrator_who_is_in_stands_in_for_who_would_be_asked_about_themselves(acme, people):
    for name in ("jane", "joe", "rita"):
        roles.replace(people[name], ["organization_admin"], actor=SETUP)
    roles.replace(people["jane"], [], actor=SETUP)
    members.suspend(people["joe"], actor=SETUP)
    review = begin(acme, people["ada"])
    assert {item.reviewer_id for item in items(review) if item.member_id == people["ada"].pk} == {
        people["rita"].pk
    }


def test_a_decision_can_be_changed_and_said_again(acme, people):
    review = begin(acme, people["rita"])
    assert say(review, people["rita"], "remove", ("jane", "p1")) == 1
    assert say(review, people["rita"], "remove", ("jane", "p1")) == 0
    assert say(review, people["rita"], "keep", ("jane", "p1")) == 1
    changes = [line["changes"]["decision"] for line in recorded(acme, "review.decide")]
    assert changes == [[None, "remove"], ["remove", "keep"]]


def test_reviewers_take_turns_and_nobody_is_asked_about_themselves(acme, people):
    review = begin(acme, people["joe"], people["jane"])
    for item in items(review):
        assert item.reviewer_id != item.member_id
    assert {item.reviewer_id for item in items(review)} == {people["joe"].pk, people["jane"].pk}
    alone = begin(acme, people["joe"])
    assert {item.reviewer_id for item in items(alone) if item.member_id == people["joe"].pk} == {
        people["ada"].pk
    }


def test_nobody_decides_for_others_or_about_themselves(acme, people):
    review = begin(acme, people["rita"])
    with pytest.raises(Forbidden):
        say(review, people["joe"], "remove", ("jane", "p1"))
    assert say(review, people["ada"], "remove", ("jane", "p1"), holder=EVERYTHING) == 1
    with pytest.raises(Forbidden):
        say(review, people["joe"], "keep", ("joe", "p1"), holder=EVERYTHING)
    with pytest.raises(Invalid):
        say(review, people["rita"], "perhaps", ("joe", "p1"))
    other = begin(acme, people["rita"])
    stray = {items(other)[0].pk: Decided("keep")}
    with pytest.raises(NotFound):
        reviews.decide(review, stray, by=people["rita"], actor=SETUP)


@pytest.mark.parametrize("way", ["offboard", "suspend"])
def test_the_items_of_a_reviewer_who_is_out_pass_on(acme, people, way):
    closed = review_close.close(begin(acme, people["rita"]), actor=SETUP)
    alone = begin(acme, people["rita"])
    review = begin(acme, people["rita"], people["joe"], opened_by=people["ada"])
    mine = [item for item in items(review) if item.reviewer_id == people["rita"].pk]
    reviews.decide(review, {mine[0].pk: Decided("keep")}, by=people["rita"], actor=SETUP)
    getattr(members, way)(people["rita"], actor=SETUP)
    if way == "suspend":
        assert remind() == 1
        assert remind() == 0
    assert {item.reviewer_id for item in items(closed)} == {people["rita"].pk}
    # Nobody else was asked in this one, and nobody is known to have opened it.
    assert {item.reviewer_id for item in items(alone)} == {people["ada"].pk}
    with tenancy.of(acme):
        assert OutgoingMail.objects.get(about=alone.pk, to="ada@acme.example")
    left = {item.pk: item.reviewer_id for item in items(review)}
    assert left[mine[0].pk] == people["rita"].pk
    assert all(left[item.pk] == people["joe"].pk for item in mine[1:])
    passed = {tuple(entry["changes"]["reviewer"]) for entry in recorded(acme, "review.pass_on")}
    assert passed == {(str(people["rita"].pk), str(people[heir].pk)) for heir in ("ada", "joe")}
    # The last reviewer's go to whoever opened it.
    members.offboard(people["joe"], actor=SETUP)
    assert {item.reviewer_id for item in items(review) if not item.decision} == {people["ada"].pk}


def test_reviewers_are_written_to_a_week_and_a_day_before(acme, people):
    begin(acme, people["rita"], days=10)
    letters = []
    for hours in (1, 24 * 2, 24 * 3 + 1, 24 * 8, 24 * 9 + 1, 24 * 9 + 20):
        with later(hours=hours):
            letters.append(remind())
    assert letters == [0, 0, 1, 0, 1, 0]
    assert [line["data"]["letters"] for line in recorded(acme, "review.remind")] == [1, 1]


def test_the_evidence_is_proved_by_the_record_also_after_an_erasure(acme, people):
    review = begin(acme, people["rita"])
    say(review, people["rita"], "remove", ("jane", "p1"))
    review_close.close(review, actor=SETUP)
    members.offboard(people["jane"], actor=SETUP)
    erasure.erase(people["jane"], actor=SETUP)
    with tenancy.of(acme):
        closed = Review.objects.get()
    told = review_evidence.document(closed)
    assert hashlib.sha256(canonical(told["proved"])).hexdigest() == told["digest"] == closed.digest
    assert recorded(acme, "review.close")[0]["data"]["evidence"] == closed.digest
    (said,) = [item for item in items(review) if item.decision == "remove"]
    with tenancy.of(acme):
        assert Entry.objects.get(pk=said.decision_entry).event == "review.decide"
        assert Entry.objects.get(pk=said.outcome_entry).event == "grant.end"
    assert "so" not in {row["reason"] for row in told["items"]}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"), ({"due_at": timezone.now()}, "due_at"), ({"due_at": timezone.now() + timedelta(days=400)}, "due_at"),
        ({"rule": "maybe"}, "rule"), ({"reviewers": []}, "reviewers"), ({"scope": Scope(grants=False, roles=False)}, "scope"),
        ({"scope": Scope(kinds=("planet",))}, "scope"),
    ],
)  # fmt: skip
def test_what_is_no_campaign_is_refused(acme, people, wrong, field):
    right = {
        "name": "x",
        "due_at": timezone.now() + timedelta(days=9),
        "rule": "keep",
        "reviewers": [people["rita"].pk],
        "scope": Scope(),
    }
    with pytest.raises(Invalid) as refusal:
        reviews.open_(acme, actor=SETUP, **(right | wrong))
    assert refusal.value.field == field


def test_a_stranger_or_somebody_who_is_out_reviews_nothing(acme, people, gus):
    members.suspend(people["joe"], actor=SETUP)
    for reviewer in (people["joe"], gus):
        with pytest.raises(Invalid, match="active member"):
            begin(acme, reviewer)


def test_too_large_a_scope_is_refused(acme, people, monkeypatch):
    from identity import review_scope

    monkeypatch.setattr(review_scope, "ITEMS_MAX", 3)
    with pytest.raises(TooMany):
        begin(acme, people["rita"])


def test_closed_twice_at_once_it_is_closed_once(acme, people):
    review = begin(acme, people["rita"], rule="remove")

    def run(_):
        try:
            return review_close.close(review, actor=SETUP)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    assert len(recorded(acme, "review.close")) == 1
    assert len(recorded(acme, "grant.end")) == 4


def test_the_end_of_a_review_takes_as_many_statements_for_many_as_for_few(acme, people):
    counted = []
    for number in (2, 30):
        for place in range(number):
            holder = join(acme, f"holder{number}-{place}@acme.example")
            grants.replace(holder, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
        review = begin(acme, people["rita"], rule="remove", scope=Scope(roles=False))
        with Statements() as closing:
            review_close.close(review, actor=SETUP)
        with Statements() as reading:
            assert "".join(review_evidence.csv_pieces(review))
        counted.append((len(closing.statements), len(reading.statements)))
        assert set(outcomes(review).values()) == {"removed"}
    assert counted[0] == counted[1]
