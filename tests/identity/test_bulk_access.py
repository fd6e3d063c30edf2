"""Grants and roles given and ended by one call: each line has its own result, and what is done is recorded."""

from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.ids import uuid7
from identity import bulk_access, grants, members, resources, roles, tenancy
from identity.bulk_access import Edit
from identity.errors import TooMany
from identity.grants import GrantSpec
from identity.models import Grant, RoleAssignment
from tests.api.client import recorded, token_of
from tests.conftest import SETUP, join
from tests.waiting import PATIENCE

PATH = "/organizations/acme/access/bulk"
ACCESS = ("grant.give", "grant.end", "grant.confirm", "role.assign", "role.revoke", "role.confirm")


def grant(key, permission="view", kind="portfolio"):
    return {"kind": kind, "id": key, "permission": permission}


def held(organization):
    """Read what is open: (user name, thing, whether an administrator holds it there)."""
    with tenancy.of(organization):
        things = Grant.objects.filter(ended_at__isnull=True).values_list(
            "member__user_name", "resource__key", "held"
        )
        names = RoleAssignment.objects.filter(ended_at__isnull=True).values_list(
            "member__user_name", "role__name", "held"
        )
        return {*things, *names}


@pytest.fixture
def rows(acme):
    resources.register(acme, [{"kind": "portfolio", "id": name} for name in ("p1", "p2")], actor=SETUP)
    return acme


def outcome(answer):
    return [(item["status"], item["code"], item["field"]) for item in answer.json()["items"]]


def test_grants_and_roles_are_given_and_ended_and_what_was_so_is_told(rows, ada, jane):
    grants.replace(jane, [GrantSpec("portfolio", "p2", "edit")], actor=SETUP)
    before = len(recorded(rows, *ACCESS))
    edits = [
        {"member": str(jane.pk), "act": "give", "grant": grant("p1")},
        {"user_name": "JANE@acme.example", "act": "end", "grant": grant("p2", "edit")},
        {"user_name": "jane@acme.example", "act": "give", "role": "auditor"},
        {"member": str(ada.pk), "act": "end", "role": "auditor"},
        {"member": str(ada.pk), "act": "give", "role": "organization_admin"},
    ]
    answer = token_of(ada).post(PATH, {"edits": edits})
    assert [line[0] for line in outcome(answer)] == ["given", "ended", "given", "unchanged", "unchanged"]
    assert [item["member"] for item in answer.json()["items"]] == [str(jane.pk)] * 3 + [str(ada.pk)] * 2
    assert answer.json()["counts"] == {"given": 2, "ended": 1, "unchanged": 2}
    assert held(rows) == {
        ("jane@acme.example", "p1", True), ("jane@acme.example", "auditor", True), ("ada@acme.example", "organization_admin", True),
    }  # fmt: skip
    lines = recorded(rows, *ACCESS)[before:]
    assert [line["event"] for line in lines] == ["grant.end", "grant.give", "role.assign"]
    assert {line["actor"]["kind"] for line in lines} == {"token"}


def test_again_it_changes_nothing(rows, ada, jane):
    body = {"edits": [{"member": str(jane.pk), "act": "give", "grant": grant("p1")}]}
    token_of(ada).post(PATH, body)
    before = len(recorded(rows))
    assert outcome(token_of(ada).post(PATH, body)) == [("unchanged", "", "")]
    assert [line["event"] for line in recorded(rows)[before:]] in ([], ["token.issue"])


def test_a_dry_run_tells_the_same_and_changes_nothing(rows, ada, jane):
    edits = [
        {"member": str(jane.pk), "act": "give", "grant": grant("p1")},
        {"member": str(jane.pk), "act": "give", "role": "emperor"},
    ]
    api = token_of(ada)
    shown = api.post(PATH, {"edits": edits, "dry_run": True})
    assert shown.json()["dry_run"] is True
    assert held(rows) == {("ada@acme.example", "organization_admin", True)}
    assert recorded(rows, "grant.give") == []
    done = api.post(PATH, {"edits": edits, "dry_run": False})
    assert done.json()["items"] == shown.json()["items"]
    assert ("jane@acme.example", "p1", True) in held(rows)


def test_with_a_key_it_happens_once(rows, ada, jane):
    api = token_of(ada)
    api.headers["Idempotency-Key"] = "k1"
    body = {"edits": [{"member": str(jane.pk), "act": "give", "grant": grant("p1")}]}
    first, second = api.post(PATH, body), api.post(PATH, body)
    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"


def test_what_a_machine_gave_becomes_an_administrators_word(rows, ada, jane):
    with tenancy.change(rows):
        found = grants.resolve(rows.pk, [GrantSpec("portfolio", "p1", "view")]).found
        grants.give(jane, [(next(iter(found.values())), "view")], "organization_default", actor=SETUP)
    edits = [{"member": str(jane.pk), "act": "give", "grant": grant("p1")}]
    assert outcome(token_of(ada).post(PATH, {"edits": edits})) == [("confirmed", "", "")]
    assert ("jane@acme.example", "p1", True) in held(rows)


def test_lines_at_fault_are_refused_each_for_itself(rows, ada, jane, gus):
    joe = join(rows, "joe@acme.example")
    members.offboard(joe, actor=SETUP)
    faults = [
        ({"user_name": "nobody"}, {"grant": grant("p1")}, "not_found", "user_name"),
        ({"member": str(uuid7())}, {"grant": grant("p1")}, "not_found", "member"),
        ({"member": str(gus.pk)}, {"grant": grant("p1")}, "not_found", "member"),
        ({"member": str(joe.pk)}, {"role": "auditor"}, "not_found", "member"),
        ({"member": str(jane.pk)}, {"grant": grant("p9")}, "unknown_resource", "id"),
        ({"member": str(jane.pk)}, {"grant": grant("p1", "fly")}, "unknown_resource", "permission"),
        ({"member": str(jane.pk)}, {"grant": grant("p1", kind="boat")}, "unknown_resource", "kind"),
        ({"member": str(jane.pk)}, {"role": "emperor"}, "unknown_role", "role"),
        ({"member": str(jane.pk)}, {"grant": grant("p1")}, "", ""),
        ({"user_name": "jane@acme.example"}, {"grant": grant("p1")}, "invalid", "permission"),
    ]
    answer = token_of(ada).post(PATH, {"edits": [{**who, **what, "act": "give"} for who, what, *_ in faults]})
    assert answer.status_code == 200
    assert outcome(answer) == [
        ("refused" if code else "given", code, field) for _who, _what, code, field in faults
    ]
    assert all(item["detail"] for item in answer.json()["items"] if item["code"])
    assert answer.json()["counts"] == {"given": 1, "refused": 9}


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"act": "give", "role": "auditor"}, "member"),
        ({"member": str(uuid7()), "user_name": "x", "act": "give", "role": "auditor"}, "member"),
        ({"user_name": "x", "act": "give"}, "grant"),
        ({"user_name": "x", "act": "give", "role": "auditor", "grant": {"kind": "a", "id": "b", "permission": "c"}}, "grant"),
        ({"user_name": "x", "act": "take", "role": "auditor"}, "act"),
        ({"user_name": "x", "role": "auditor"}, "act"),
        ({"user_name": "x", "act": "give", "role": 7}, "role"),
        ({"user_name": "x", "act": "give", "role": "x" * 64}, "role"),
        ({"user_name": "x", "act": "give", "rôle": "auditor"}, "rôle"),
    ],
)  # fmt: skip
def test_a_line_of_the_wrong_shape_refuses_the_call(acme, ada, line, field):
    answer = token_of(ada).post(PATH, {"edits": [line]})
    assert (answer.status_code, answer.json()["field"]) == (400, f"edits[0].{field}")


def test_the_limits_and_rights_hold(acme, ada, jane):
    line = {"member": str(jane.pk), "act": "give", "role": "member"}
    over = token_of(ada).post(PATH, {"edits": [line] * 1001})
    assert (over.status_code, over.json()["field"]) == (400, "edits")
    assert token_of(ada, "access.read", "members.write").post(PATH, {"edits": [line]}).status_code == 403
    assert token_of(ada).post(PATH, {"edits": []}).json() == {"dry_run": False, "counts": {}, "items": []}
    with pytest.raises(TooMany):
        bulk_access.preview(acme, [Edit(n, "x", "member") for n in range(2001)])


def test_nobody_hands_out_or_takes_more_than_they_hold(rows, ada, jane):
    join(rows, "second@acme.example", role="organization_admin")
    mia = join(rows, "mia@acme.example", role="member_manager")
    edits = [
        {"member": str(mia.pk), "act": "give", "role": "organization_admin"},
        {"member": str(ada.pk), "act": "end", "role": "organization_admin"},
        {"member": str(jane.pk), "act": "give", "role": "member_manager"},
        {"member": str(jane.pk), "act": "give", "grant": grant("p1")},
    ]
    assert outcome(token_of(mia).post(PATH, {"edits": edits})) == [
        ("refused", "forbidden", "role"), ("refused", "forbidden", "role"), ("given", "", ""), ("given", "", ""),
    ]  # fmt: skip
    assert roles.names_of(ada) == ["organization_admin"]
    assert roles.names_of(mia) == ["member_manager"]


def test_somebody_remains_administrator(acme, ada, jane):
    eve = join(acme, "eve@acme.example", role="organization_admin")

    def line(member, act):
        return {"member": str(member.pk), "act": act, "role": "organization_admin"}

    api = token_of(ada)
    both = api.post(PATH, {"edits": [line(ada, "end"), line(eve, "end")]})
    assert outcome(both) == [("ended", "", ""), ("refused", "last_administrator", "role")]
    with tenancy.of(acme):
        roles.replace(ada, ["organization_admin"], actor=SETUP)
    handed_over = api.post(PATH, {"edits": [line(ada, "end"), line(eve, "end"), line(jane, "give")]})
    assert [one[0] for one in outcome(handed_over)] == ["ended", "ended", "given"]


def test_a_suspended_newcomer_to_the_role_does_not_count(acme, ada, jane):
    members.suspend(jane, actor=SETUP)
    edits = [
        {"member": str(jane.pk), "act": "give", "role": "organization_admin"},
        {"member": str(ada.pk), "act": "end", "role": "organization_admin"},
    ]
    assert [line[1] for line in outcome(token_of(ada).post(PATH, {"edits": edits}))] == [
        "",
        "last_administrator",
    ]


def test_any_number_of_lines_takes_the_same_number_of_statements(rows):
    people = [join(rows, f"u{number}@acme.example") for number in range(40)]

    def statements(chosen):
        edits = [Edit(n, member.pk, GrantSpec("portfolio", "p1", "view")) for n, member in enumerate(chosen)]
        edits += [Edit(100 + n, member.user_name, "auditor") for n, member in enumerate(chosen)]
        with CaptureQueriesContext(connection) as queries:
            bulk_access.edit(rows, edits, actor=SETUP)
        return len(queries)

    assert statements(people[:3]) == statements(people[3:])


def test_two_lists_at_once_give_everything_once(rows):
    people = [join(rows, f"u{number}@acme.example") for number in range(20)]
    start, counted = Barrier(2), []

    def work(chosen):
        try:
            edits = [Edit(n, one.pk, GrantSpec("portfolio", "p1", "view")) for n, one in enumerate(chosen)]
            start.wait()
            counted.append(bulk_access.edit(rows, edits, actor=SETUP).counts)
        finally:
            connection.close()

    threads = [Thread(target=work, args=(chosen,)) for chosen in (people, people[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(counted, key=str) == [{"give": 20}, {"nothing": 20}]
    assert len(held(rows)) == 20
