"""Access questions: allowed and why, denied and why not; who has access to a thing."""

from uuid import uuid4

import pytest
from django.db import connection

from identity import access, grants, members, organizations, resources, tenancy
from identity.access import Question
from identity.access_sql import REACH
from identity.errors import Invalid, NotFound, TooMany
from identity.grants import GrantSpec
from identity.models import Resource
from tests.conftest import SETUP, join
from tests.sync.test_plan_cost import gone_through

ROWS = [
    {"kind": "portfolio", "id": "p1", "name": "One"},
    {"kind": "portfolio", "id": "p2"},
    {"kind": "asset", "id": "a1", "parent": "p1"},
    {"kind": "asset", "id": "a2", "parent": "p2"},
]


@pytest.fixture
def registered(acme):
    resources.register(acme, ROWS, actor=SETUP)
    return acme


def ask(organization, *questions, at=None):
    return access.check(organization, [Question(m, p, k, i) for m, p, k, i in questions], at)


def give(member, *specs):
    grants.replace(member, [GrantSpec(*spec) for spec in specs], actor=SETUP)


def told(answer):
    why = answer.why
    return answer.reason, (why.permission, why.inherited_from, why.implied) if why else None


def test_access_says_whether_it_is_own_inherited_or_implied(registered, jane):
    give(jane, ("portfolio", "p1", "edit"), ("asset", "a2", "view"))
    answers = ask(
        registered,
        (jane.pk, "edit", "portfolio", "p1"),
        (jane.pk, "view", "portfolio", "p1"),
        (jane.pk, "edit", "asset", "a1"),
        (jane.pk, "view", "asset", "a1"),
        (jane.pk, "view", "asset", "a2"),
        (jane.pk, "edit", "asset", "a2"),
        (jane.pk, "view", "portfolio", "p2"),
    )
    assert [told(answer) for answer in answers] == [
        ("granted", ("edit", "", False)),
        ("granted", ("edit", "", True)),
        ("granted", ("edit", "portfolio p1", False)),
        ("granted", ("edit", "portfolio p1", True)),
        ("granted", ("view", "", False)),
        ("no_grant", None),
        ("no_grant", None),
    ]
    assert {answer.allowed for answer in answers[:5]} == {True}
    assert not answers[5].allowed


def test_what_is_unknown_is_denied_with_the_reason(registered, jane, gus):
    give(jane, ("portfolio", "p1", "edit"))
    answers = ask(
        registered,
        (uuid4(), "view", "portfolio", "p1"),
        (gus.pk, "view", "portfolio", "p1"),
        (jane.pk, "view", "planet", "p1"),
        (jane.pk, "burn", "portfolio", "p1"),
        (jane.pk, "view", "portfolio", "nowhere"),
    )
    assert [answer.reason for answer in answers] == [
        "unknown_member", "unknown_member", "unknown_kind", "unknown_permission", "unknown_resource",
    ]  # fmt: skip
    assert not any(answer.allowed for answer in answers)


def test_a_resource_of_the_same_name_elsewhere_gives_nothing(registered, jane, globex, gus):
    resources.define_kind(globex, "portfolio", permissions=["view", "edit"], actor=SETUP)
    resources.register(globex, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    give(gus, ("portfolio", "p1", "edit"))
    assert ask(globex, (gus.pk, "edit", "portfolio", "p1"))[0].allowed
    assert ask(registered, (gus.pk, "edit", "portfolio", "p1"))[0].reason == "unknown_member"
    assert ask(globex, (jane.pk, "view", "portfolio", "p1"))[0].reason == "unknown_member"


@pytest.mark.parametrize(("leave", "reason"), [("suspend", "suspended"), ("offboard", "offboarded")])
def test_whoever_is_out_is_denied_at_the_very_next_question(registered, jane, leave, reason):
    give(jane, ("portfolio", "p1", "edit"))
    question = (jane.pk, "view", "asset", "a1")
    assert ask(registered, question)[0].allowed
    getattr(members, leave)(jane, actor=SETUP)
    assert ask(registered, question)[0].reason == reason


def test_a_suspended_organization_denies_everybody(registered, jane):
    give(jane, ("portfolio", "p1", "edit"))
    organizations.suspend(registered, actor=SETUP)
    assert ask(registered, (jane.pk, "view", "portfolio", "p1"))[0].reason == "organization_suspended"


def test_a_retired_parent_hands_nothing_down(registered, jane):
    give(jane, ("portfolio", "p1", "edit"), ("asset", "a1", "view"))
    with tenancy.of(registered):
        parent = Resource.objects.get(key="p1")
    resources.retire(parent, actor=SETUP)
    answers = ask(registered, (jane.pk, "view", "asset", "a1"), (jane.pk, "edit", "asset", "a1"))
    assert [answer.reason for answer in answers] == ["granted", "no_grant"]
    assert ask(registered, (jane.pk, "view", "portfolio", "p1"))[0].reason == "unknown_resource"


def test_a_weaker_included_permission_goes_down_where_the_kind_below_lacks_the_stronger(acme, jane):
    resources.define_kind(acme, "fund", permissions=["read", "trade"], actor=SETUP)
    resources.define_kind(acme, "report", permissions=["list", "read"], parent="fund", actor=SETUP)
    resources.define_kind(acme, "note", permissions=["write"], parent="fund", actor=SETUP)
    rows = [
        {"kind": "fund", "id": "f"},
        {"kind": "report", "id": "r", "parent": "f"},
        {"kind": "note", "id": "n", "parent": "f"},
    ]
    resources.register(acme, rows, actor=SETUP)
    give(jane, ("fund", "f", "trade"))
    answers = ask(
        acme,
        (jane.pk, "read", "report", "r"),
        (jane.pk, "list", "report", "r"),
        (jane.pk, "write", "note", "n"),
    )
    assert [told(answer) for answer in answers] == [
        ("granted", ("trade", "fund f", True)),
        ("granted", ("trade", "fund f", True)),
        ("no_grant", None),
    ]
    assert [(line.kind, line.permission) for line in access.what_had(jane).access] == [
        ("fund", "trade"),
        ("report", "read"),
    ]


def test_a_hundred_questions_are_answered_in_order_and_one_more_is_refused(
    registered, jane, django_assert_num_queries
):
    give(jane, ("portfolio", "p1", "view"))
    questions = [(jane.pk, "view", "portfolio", f"p{number % 3}") for number in range(100)]
    with tenancy.of(registered), django_assert_num_queries(2):  # one says how to plan
        answers = ask(registered, *questions)
    assert [answer.reason for answer in answers[:3]] == ["unknown_resource", "granted", "no_grant"]
    assert len(answers) == 100
    with pytest.raises(TooMany):
        ask(registered, *questions, questions[0])
    assert ask(registered) == []


def test_who_has_access_lists_each_way_to_it(registered, jane):
    rita = join(registered, "rita@acme.example")
    out = join(registered, "out@acme.example")
    give(jane, ("portfolio", "p1", "edit"), ("asset", "a1", "view"))
    give(rita, ("portfolio", "p1", "view"))
    give(out, ("asset", "a1", "edit"))
    members.suspend(out, actor=SETUP)
    holders = access.who_has(registered, "asset", "a1")
    assert [(h.user_name, h.permission, h.why.inherited_from, h.why.implied) for h in holders] == [
        ("jane@acme.example", "view", "", False),
        ("jane@acme.example", "edit", "portfolio p1", False),
        ("rita@acme.example", "view", "portfolio p1", False),
    ]
    first = access.who_has(registered, "asset", "a1", limit=1)
    assert {holder.user_name for holder in first} == {"jane@acme.example"}
    rest = access.who_has(registered, "asset", "a1", limit=1, after=jane.pk)
    assert [holder.user_name for holder in rest] == ["rita@acme.example"]
    with pytest.raises(NotFound):
        access.who_has(registered, "asset", "nowhere")


def test_the_future_is_not_told(registered, jane):
    from datetime import timedelta

    from django.utils import timezone

    with pytest.raises(Invalid):
        ask(registered, (jane.pk, "view", "asset", "a1"), at=timezone.now() + timedelta(hours=1))


def test_what_somebody_reaches_costs_as_much_a_grant_however_many_they_have(acme, jane, globex, gus, eraser):
    """In an organization that has just registered its resources, of which the planner, who knows another one's, takes there to be one."""
    others = [{"kind": "company", "id": f"c{number}"} for number in range(300)]
    resources.register(globex, others, actor=SETUP)
    give(gus, *(("company", row["id"], "access") for row in others))
    eraser.execute("ANALYZE identity_resource, identity_grant, identity_kind")

    def rows_looked_at(count: int) -> float:
        rows = [{"kind": "portfolio", "id": f"{count} {number}"} for number in range(count)]
        resources.register(acme, rows, actor=SETUP)
        grants.replace(jane, [GrantSpec("portfolio", row["id"], "view") for row in rows], actor=SETUP)
        values = {"organization": acme.pk, "member": jane.pk, "at": None, "limit": None}
        [[[plan]]] = tenancy.read(acme, f"EXPLAIN (ANALYZE, FORMAT JSON) {REACH[0]}", values)
        return sum(_rows(plan["Plan"])) / count

    few = rows_looked_at(40)
    assert rows_looked_at(400) < 2 * few


def test_what_is_below_a_resource_of_very_many_is_not_read_for_each_of_them(acme, jane, eraser):
    assets = [{"kind": "asset", "id": f"a{number}", "parent": "p"} for number in range(1000)]
    resources.register(acme, [{"kind": "portfolio", "id": "p"}, *assets], actor=SETUP)
    give(jane, *(("asset", row["id"], "view") for row in assets[:500]))
    eraser.execute("ANALYZE")
    most = []

    def explained(execute, sql, parameters, many, context):
        if sql == REACH[0]:
            execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters, many, context)
            most.append(max(gone_through(context["cursor"].fetchone()[0][0]["Plan"])))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explained):
        assert len(access.what_had(jane).access) == len(access.reach(jane)) == 500
    assert len(most) == 2
    assert max(most) <= 2 * 500


def _rows(node):
    yield node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Join Filter", 0))
    for below in node.get("Plans", ()):
        yield from _rows(below)
