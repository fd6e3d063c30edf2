"""The plan reads each set once: no statement of it looks at everybody for each one, whoever is here already."""

import pytest
from django.db import connection

from identity import adopting, domains
from tasks.sync import apply, group_plan_sql, plan_sql
from tests.conftest import SETUP
from tests.sync.conftest import ADA
from tests.sync.scripted import listing, person, pull_of, run, settle

PEOPLE = 1000
EVERYBODY = [person(f"p{number:04}") for number in range(PEOPLE)]
GROUPS = [(f"g{number}", [f"p{member:04}" for member in range(number, PEOPLE, 20)]) for number in range(20)]
LEFT = """
UPDATE identity_member SET state = 'offboarded', offboarded_at = now() - interval '1 day' WHERE organization_id = %(organization)s;
UPDATE identity_link SET tombstoned_at = now() WHERE organization_id = %(organization)s
"""
# Members whom no directory knows, beside those of the first.
ALONE = """
INSERT INTO identity_member (id, organization_id, password, user_name, user_name_key, email, email_key, display_name, profile, state,
  state_reason, version, session_epoch, created_at, changed_at)
SELECT uuidv7(), organization_id, '!', 'a' || user_name, 'a' || user_name, 'a' || email, 'a' || email, display_name, '{}', state, '', 1, 0,
       now(), now() FROM identity_member WHERE user_name LIKE 'p0%%' AND organization_id = %(organization)s
"""
UNLINKED = "DELETE FROM identity_link WHERE organization_id = %(organization)s"


@pytest.fixture
def many(acme, script, eraser):
    """Give a directory of so many people, and who may change them past all triggers."""
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    pull = pull_of(acme)
    listing(*EVERYBODY, groups=GROUPS)
    assert settle(pull, ADA).applied == PEOPLE + 40

    def act(statements):
        eraser.execute("SET session_replication_role = replica")
        for statement in statements.split(";"):
            eraser.execute(statement, {"organization": acme.pk} if "%(" in statement else None)
        eraser.execute("SET session_replication_role = origin")
        eraser.execute("ANALYZE")

    return pull, act


def read_by_a_node(pull):
    """Have the directory read; give the most rows that one node of the plan's statements went through, and what was planned."""
    most = []

    def explained(execute, sql, parameters, many, context):
        if sql not in {plan_sql.PEOPLE, group_plan_sql.MOVES, group_plan_sql.GROUPS}:
            return execute(sql, parameters, many, context)
        most.extend(_gone_through_by(execute, sql, parameters, many, context))
        return None

    with connection.execute_wrapper(explained):
        counts = run(pull).counts
    assert most
    return max(most), counts


def _gone_through_by(execute, sql, parameters, many, context):
    execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters, many, context)
    return gone_through(context["cursor"].fetchone()[0][0]["Plan"])


def gone_through(node):
    """Give how many rows each node gave or left out, in all of its loops."""
    left_out = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    yield (node["Actual Rows"] + left_out) * node["Actual Loops"]
    for inner in node.get("Plans", ()):
        yield from gone_through(inner)


@pytest.mark.parametrize(
    ("before", "what"),
    [
        (UNLINKED, {"link": PEOPLE}),
        (LEFT, {"skipped": {"tombstoned": PEOPLE}}),
        ("SELECT 1", {"skipped": {"user_name_taken": PEOPLE}}),
    ],
)
def test_a_second_directory_of_the_same_people_is_planned_set_by_set(acme, many, before, what):
    _, act = many
    act(before)
    second = pull_of(acme, "Second")
    listing(*EVERYBODY, groups=GROUPS)
    most, counts = read_by_a_node(second)
    assert counts.items() >= what.items()
    assert most <= 3 * PEOPLE


def test_newcomers_who_take_the_names_that_everybody_gives_up_are_planned_set_by_set(many):
    pull, act = many
    act("SELECT 1")  # else the plan is by what autovacuum has counted meanwhile, or not
    renamed = [person(each.external_id, f"q{each.user_name}") for each in EVERYBODY]
    listing(*renamed, *[person(f"n{each.external_id}", each.user_name) for each in EVERYBODY], groups=GROUPS)
    most, counts = read_by_a_node(pull)
    assert counts.items() >= {"rename": PEOPLE, "create": PEOPLE}.items()
    assert most <= 5 * PEOPLE


def test_adopting_more_reads_none_of_those_adopted_before(acme, many, monkeypatch):
    _, act = many
    act(ALONE)
    monkeypatch.setattr(apply, "BATCH", 50)
    second, most = pull_of(acme, "Second"), []
    listing(*(person(f"a{each.external_id}") for each in EVERYBODY[:500]))

    def explained(execute, sql, parameters, many, context):
        if sql == adopting._PLAIN:
            most.append(max(_gone_through_by(execute, sql, parameters, many, context)))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explained):
        # PostgreSQL has counted none of the second directory's links when it plans, and does not while they are made.
        assert settle(second, ADA).counts == {"link": 500}
    assert (len(most), max(most)) == (10, 50)
