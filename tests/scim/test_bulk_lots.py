"""Bulk by the lot and operation by operation: random requests leave the same answers, rows and entries in twin organizations."""

import itertools
import json
import re
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row

from audit.ids import uuid7
from audit.models import Detail, Entry
from identity import directories, domains, organizations, resources, tenancy
from identity.models import Organization
from scim.bulk_changes import Changes
from scim.bulk_newcomers import Newcomers
from tests.conftest import SETUP, join, scim_client
from tests.scim.talk import PATCH, Scim

pytestmark = pytest.mark.usefixtures("db")

DEFAULTS = {"grants": [{"kind": "portfolio", "id": "nordics", "permission": "view"},
                       {"kind": "portfolio", "id": "unknown", "permission": "view"}], "roles": ["auditor"]}  # fmt: skip
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
# Counted by the statement that changes them: their sums are compared.
_SUMS = {"identity_directorysize": ("people", "active")}
# The record and its numbers, the log with its times, what one walk along a list remembers, and what is secret.
_APART = {
    "audit_entry", "audit_detail", "audit_position", "audit_head", "audit_unsequenced", "scim_loggedrequest", "identity_stretch",
    "identity_stretchstep", "identity_datakey", "identity_domain", "identity_token", *_SUMS,
}  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Times, prefixes of tokens, nonces and digests of receipts, hashes of no password, and what groups add to a version.
_ELSE = re.compile(
    r"20\d\d-\d\d-\d\d[T ][0-9:.]+(?:Z|\+00:00)?|rcd_\w+|(?<=W/\\\"\d)\.[0-9a-f]{12}"
    r"|(?<=\")(?:!\w{40}|(?:[0-9a-f]{32}){1,2})(?=\")"
)
_twins = itertools.count()


@dataclass
class Twin:
    """One of two organizations that are sent the same; the people of an example have names of their own."""

    organization: Organization
    scim: Scim
    domain: str

    def send(self, wanted: dict[str, Any], example: str) -> Any:
        """Bring in who is here before, send the request, and return all that came of it in words that both share."""
        here = {name: self.scim.create(f"{name}{example}@{self.domain}")["id"] for name in HERE}
        out = self.scim.create(f"out{example}@{self.domain}", externalId=f"x1-{example}", active=False)["id"]
        self.scim.create_group(f"Waits{example}", f"x2-{example}")
        join(self.organization, f"hand{example}@{self.domain}")
        written = json.dumps(wanted).replace("{domain}", self.domain).replace("{example}", example)
        mark = uuid7()
        for name, its_id in (here | {"out": out}).items():
            written = written.replace(f"{{{name}}}", its_id)
        answer = self.scim.post("/Bulk", json.loads(written))
        return [answer.status, *answer.body["Operations"]], self.entries(mark)

    def entries(self, mark: Any) -> list[Any]:
        """Return what was recorded since, in order."""
        with tenancy.of(self.organization):
            details = {each.entry_id: each.body for each in Detail.objects.filter(entry_id__gt=mark)}
            return [
                (each.event, each.subject_kind, each.subject_id, each.outcome, each.reason, each.actor_id, details[each.pk])
                for each in Entry.objects.filter(pk__gt=mark).order_by("pk")
            ]  # fmt: skip

    def rows(self, superuser: psycopg.Connection) -> dict[str, list[Any]]:
        """Return every row of the organization, but for those of _APART, and the sums; the directory's log as its warnings."""
        reading = superuser.cursor(row_factory=dict_row)
        tables = "SELECT table_name FROM information_schema.columns WHERE column_name = 'organization_id' AND table_schema = 'public'"
        found = {}
        for name in sorted(row["table_name"] for row in reading.execute(tables)):
            if name not in _APART:
                question = sql.SQL("SELECT to_jsonb(row) AS it FROM {} row WHERE organization_id = %s")
                rows = reading.execute(question.format(sql.Identifier(name)), [self.organization.pk])
                found[name] = [row["it"] for row in rows]
        for name, columns in _SUMS.items():
            summed = sql.SQL(", ").join(
                sql.SQL("sum({0}) AS {0}").format(sql.Identifier(each)) for each in columns
            )
            question = sql.SQL("SELECT {} FROM {} WHERE organization_id = %s").format(
                summed, sql.Identifier(name)
            )
            found[name] = [
                {key: int(value) for key, value in row.items()}
                for row in reading.execute(question, [self.organization.pk])
            ]
        logged = "SELECT warnings FROM scim_loggedrequest WHERE organization_id = %s AND path = '/Bulk' ORDER BY id"
        found["warnings"] = [row["warnings"] for row in reading.execute(logged, [self.organization.pk])]
        return found

    def names(self, superuser: psycopg.Connection) -> dict[str, str]:
        """Return what the ids of the organization's people, groups and things are called."""
        named = """SELECT id::text, user_name FROM identity_member WHERE organization_id = %(it)s
             UNION SELECT id::text, display_name FROM identity_group WHERE organization_id = %(it)s
             UNION SELECT id::text, key FROM identity_resource WHERE organization_id = %(it)s
             UNION SELECT id::text, name FROM identity_role WHERE organization_id = %(it)s"""
        return dict(superuser.execute(named, {"it": self.organization.pk}).fetchall())

    def shared(self, what: Any, superuser: psycopg.Connection) -> Any:
        """Return it without what differs between twins: ids by what they are called, no times."""
        names = self.names(superuser)
        text = _UUID.sub(
            lambda found: json.dumps(names.get(found[0], "an id"))[1:-1], json.dumps(what, default=str)
        )
        return json.loads(_ELSE.sub("", text).replace(self.domain, "domain"))


GUARD = {"members": 4, "percent": 1, "seconds": 3600}


def twin(defaults: dict[str, Any], guard: dict[str, int] | None = GUARD) -> Twin:
    """Give an organization with a domain and a directory whose newcomers get that much by rule, and that is guarded so."""
    number = next(_twins)
    made = organizations.create(
        name=f"Twin {number}", slug=f"twin-{number}", access_model="portfolio_asset", actor=SETUP
    )
    resources.register(made, [{"kind": "portfolio", "id": "nordics"}], actor=SETUP)
    domain = f"twin{number}.example"
    domains.confirm(domains.claim(made, domain, actor=SETUP), actor=SETUP)
    client = scim_client(made, "generic", "idp")
    directories.change(client.directory, defaults=defaults, settings={"burst_guard": guard}, actor=SETUP)
    return Twin(made, Scim(client), domain)


# As many operations at least are carried out in lots, or the examples say little.
LOTS_LEAST = 10
HERE = ("ann", "ben", "cem", "dia")
USER_NAMES = [*(f"n{number}{{example}}@{{domain}}" for number in range(9)), "N1{example}@{domain}", "ann{example}@{domain}",
              "out{example}@{domain}", "hand{example}@{domain}", " "]  # fmt: skip
ADDRESSED = [*(f"{{{name}}}" for name in HERE), "{out}", "nobody"]
references = st.integers(0, 13).map(lambda number: f"bulkId:b{number}")


@st.composite
def a_person(draw: st.DrawFn, number: int) -> dict[str, Any]:
    own = f"own{number}{{example}}@{{domain}}"
    person: dict[str, Any] = {"userName": draw(st.sampled_from([own] * 30 + USER_NAMES))}
    if draw(st.booleans()):
        person["externalId"] = f"x{draw(st.integers(0, 9))}-{{example}}"
    if draw(st.booleans()):
        person["emails"] = [
            {
                "value": draw(
                    st.sampled_from([person["userName"], "m{example}@{domain}", "hand{example}@{domain}"])
                )
            }
        ]
    more = draw(st.sampled_from(range(30)))
    if more in {0, 1}:
        person["active"] = more == 1
    elif more == 2:
        person["active"], person["shoeSize"] = "False", 43
    elif more == 3:
        person["roles"] = [{"value": "auditor"}]
    elif more == 4:
        person[ENTERPRISE] = {"manager": {"value": draw(references)}}
    elif more == 5:
        person["externalId"] = "x" * 2000
    elif more == 6:
        person["password"] = "secret"
    elif more == 7:
        person["active"] = "perhaps"
    return person


@st.composite
def an_operation(draw: st.DrawFn, number: int, often: list[int]) -> dict[str, Any]:
    kind = draw(st.sampled_from([*range(12), *often * 20]))
    bulk_id = draw(st.sampled_from([f"b{number}"] * 19 + ["b0"]))
    if kind <= 6:
        return {"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": draw(a_person(number))}
    if kind == 7:
        members = draw(
            st.lists(references | st.sampled_from(["x3-{example}", "x4-{example}"]), max_size=4, unique=True)
        )
        data = {"displayName": f"G{number}{{example}}", "members": [{"value": each} for each in members]}
        return {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data}
    path = f"/Users/{draw(st.sampled_from([ADDRESSED[number % 5]] * 9 + ADDRESSED) | references)}"
    if kind == 8:
        return {"method": "PUT", "path": path, "data": draw(a_person(number))}
    if kind == 9:
        return {"method": "DELETE", "path": path}
    value = draw(
        st.sampled_from(
            [{"title": "Lead"}, {"active": False}, {"active": True}, {"userName": "n1{example}@{domain}"}]
        )
    )
    data = {"schemas": [PATCH], "Operations": [{"op": "replace", "value": value}]}
    return {"method": "PATCH", "path": path, "data": data} | (
        {} if kind == 10 else {"version": f'W/"{number % 3}"'}
    )


@st.composite
def a_request(draw: st.DrawFn) -> dict[str, Any]:
    often = draw(st.sampled_from([[0, 0, 0], [8, 9, 10], [10, 10, 11]]))
    operations = [draw(an_operation(number, often)) for number in range(draw(st.integers(5, 14)))]
    errors = draw(st.sampled_from([None, None, None, 1, 2]))
    return {"Operations": operations} | ({"failOnErrors": errors} if errors else {})


_AT_THE_END = ("grant.", "role.", "member.suspend", "member.unlink", "member.offboard", "sync.hold")


def told_in_order(record: list[Any]) -> list[Any]:
    """Return the entries but for those of what is given by rule, or taken, and of who leaves: a lot has that when all of it are there."""
    return [each for each in record if not each[0].startswith(_AT_THE_END)]


def told_at_all(record: list[Any]) -> list[Any]:
    return sorted(record, key=json.dumps)


@pytest.mark.parametrize(
    ("defaults", "guard"), [({}, None), (DEFAULTS, GUARD)], ids=["none by rule", "some by rule, guarded"]
)
def test_a_request_leaves_the_same_by_the_lot_and_one_by_one(eraser, defaults, guard):
    lots: Counter[str] = Counter()

    def counted(part: type, verb: str) -> AbstractContextManager[Any]:
        real = getattr(part, verb)

        def counting(self: Any, lot: Any, *more: Any) -> Any:
            done = real(self, lot, *more)
            lots[verb] += len(done or ())
            return done

        return patch.object(part, verb, counting)

    by_lot, alone = twin(defaults, guard), twin(defaults, guard)
    examples = itertools.count()

    @settings(max_examples=20, database=None, phases=[Phase.generate])
    @given(a_request())
    def compare(wanted: dict[str, Any]) -> None:
        example = f"-{next(examples)}"
        with counted(Newcomers, "let_in"), counted(Changes, "carry_out"):
            one = by_lot.shared(by_lot.send(wanted, example), eraser)
        with patch.object(Newcomers, "lot", lambda *_: []), patch.object(Changes, "lot", lambda *_: []):
            other = alone.shared(alone.send(wanted, example), eraser)
        assert one[0] == other[0]
        for chosen in (told_in_order, told_at_all):
            assert chosen(one[1]) == chosen(other[1])

    compare()
    assert lots.total() > LOTS_LEAST
    rows, others = (each.shared(each.rows(eraser), eraser) for each in (by_lot, alone))
    for table in rows:
        assert sorted(rows[table], key=json.dumps) == sorted(others[table], key=json.dumps), table
