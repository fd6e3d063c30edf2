"""Changes of one moment together and one after the other: the same answers, rows and entries in twin organizations."""

import itertools
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from audit.ids import uuid7
from scim.moment import Kind
from tests.scim.moment import Change, Moment
from tests.scim.talk import PATCH, Answer
from tests.scim.test_bulk_lots import HERE, Twin, a_person, told_at_all, twin

pytestmark = pytest.mark.usefixtures("db")

# As many lots at least come through, or the examples say little.
LOTS_LEAST = 5
VALUES = [{"title": "Lead"}, {"active": False}, {"active": True}, {"active": "False"}, {"userName": "n1{example}@{domain}"},
          {"externalId": "x2-{example}"}, {"roles": [{"value": "auditor"}]}, {"name.givenName": "Jane", "shoeSize": 4}]  # fmt: skip
MEMBERS = [*(f"{{{name}}}" for name in HERE), "{out}", "x1-{example}", "x9-{example}", "nobody", "{inner}"]
conditions = st.sampled_from([{}] * 6 + [{"If-Match": 'W/"1"'}, {"If-Match": "*"}])


@st.composite
def changes_of_people(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw one change for each of some people, and for somebody who is not here."""
    everybody = [*(f"{{{name}}}" for name in HERE), "{out}", "00000000-0000-4000-8000-000000000000"]
    named = draw(st.lists(st.sampled_from(everybody), min_size=2, max_size=6, unique=True))
    wanted = []
    for number, person in enumerate(named):
        if draw(st.booleans()):
            body, method = draw(a_person(number)), "PUT"
        else:
            operations = [
                {"op": "replace", "value": value} for value in draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=2))
            ]  # fmt: skip
            operations += draw(st.sampled_from([[]] * 6 + [[{"op": "remove", "path": "nothing.here"}]]))
            body, method = {"schemas": [PATCH], "Operations": operations}, "PATCH"
        wanted.append(
            {"method": method, "path": f"/Users/{person}", "body": body, "headers": draw(conditions)}
        )
    return wanted


@st.composite
def changes_of_a_group(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw changes of one group."""
    wanted = []
    for _ in range(draw(st.integers(2, 6))):
        values = draw(st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=3, unique=True))
        members = [{"value": each} for each in values]
        operation = draw(
            st.sampled_from(
                [{"op": "add", "path": "members", "value": members}] * 4
                + [
                    {"op": "remove", "path": "members", "value": members},
                    {"op": "remove", "path": f'members[value eq "{values[0]}"]'},
                    {"op": "replace", "path": "displayName", "value": f"Named {len(values)}{{example}}"},
                    {"op": "replace", "value": {"displayName": "Half", "externalId": "x" * 2000}},
                    {"op": "replace", "path": "externalId", "value": "g9-{example}"},
                ]
            )
        )
        body = {"schemas": [PATCH], "Operations": [operation]}
        wanted.append(
            {"method": "PATCH", "path": "/Groups/{group}", "body": body, "headers": draw(conditions)}
        )
    return wanted


@st.composite
def newcomers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw some creations, of whom no two want the same name or id: whoever is brought back goes alone, after the others."""
    everybody = [draw(a_person(number)) for number in range(draw(st.integers(2, 6)))]
    taken: set[str] = set()
    wanted = []
    for each in everybody:
        known_by = {each["userName"].lower(), each.get("externalId", each["userName"].lower())}
        if not known_by & taken:
            taken |= known_by
            wanted.append({"method": "POST", "path": "/Users", "body": each, "headers": {}})
    return wanted


def sent(which: Twin, wanted: list[dict[str, Any]], example: str, lots: Counter[str] | None) -> Any:
    """Bring in who is here before, ask for the changes, together where lots are counted, and return all that came of it."""
    here = {name: which.scim.create(f"{name}{example}@{which.domain}")["id"] for name in HERE}
    here["out"] = which.scim.create(f"out{example}@{which.domain}", externalId=f"x1-{example}", active=False)[
        "id"
    ]
    here["inner"] = which.scim.create_group(f"Inner{example}", here["dia"])["id"]
    here["group"] = which.scim.create_group(f"Group{example}", here["ann"])["id"]
    which.scim.create_group(f"Waits{example}", f"x2-{example}")
    written = json.dumps(wanted).replace("{domain}", which.domain).replace("{example}", example)
    for name, its_id in here.items():
        written = written.replace(f"{{{name}}}", its_id)
    changes = [Change(**each) for each in json.loads(written)]
    mark = uuid7()
    if lots is None:
        answers = [which.scim.send(each.method, each.path, each.body, **each.headers) for each in changes]
    else:
        answers = gathered(which, changes, here["group"], lots)
    return [told(each) for each in answers], which.entries(mark)


def gathered(which: Twin, changes: list[Change], group: str, lots: Counter[str]) -> list[Answer]:
    of_group = changes[0].path.startswith("/Groups")
    kind = Kind.NEWCOMERS if changes[0].method == "POST" else Kind.PEOPLE
    with ThreadPoolExecutor(len(changes)) as pool:
        moment = Moment(which.scim.secret, pool)
        answers = moment.together(*changes, group=group if of_group else None, kind=kind)
        lots["tried"] += 1
        lots["through"] += not moment.alone
        return answers


def told(answer: Answer) -> Any:
    return [answer.status, answer.headers.get("ETag"), answer.headers.get("Location"), answer.body]


@pytest.mark.parametrize(
    "drawn",
    [newcomers(), changes_of_people(), changes_of_a_group()],
    ids=["newcomers", "people", "a group"],
)
def test_changes_leave_the_same_together_and_one_after_the_other(eraser, drawn):
    together, alone = twin({}), twin({})
    examples = itertools.count()
    lots: Counter[str] = Counter()

    @settings(max_examples=25, database=None, phases=[Phase.generate])
    @given(drawn)
    def compare(wanted: list[dict[str, Any]]) -> None:
        example = f"-{next(examples)}"
        one = together.shared(sent(together, wanted, example, lots), eraser)
        other = alone.shared(sent(alone, wanted, example, None), eraser)
        assert one[0] == other[0]
        # Who goes alone does so after the others, so that ids are in another order.
        assert told_at_all(one[1]) == told_at_all(other[1])

    compare()
    assert lots["through"] > LOTS_LEAST, lots
    rows, others = (each.shared(each.rows(eraser), eraser) for each in (together, alone))
    for table in rows:
        assert sorted(rows[table], key=json.dumps) == sorted(others[table], key=json.dumps), table
