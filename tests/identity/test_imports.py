"""Lists by CSV and in bulk: what is previewed is what is done, all of it or nothing, with an entry for each thing."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from identity import (
    access,
    bulk_members,
    grants,
    imports,
    members,
    organizations,
    resources,
    roles,
    tenancy,
)
from identity.errors import Conflict, Invalid, LastAdministrator, TooMany
from identity.grants import GrantSpec
from identity.models import FirstAccess, Grant, Member
from identity.people_plan import Person
from tests.api.client import browser_of, csv_of, recorded, token_of
from tests.conftest import SETUP, join

PEOPLE = """user_name,email,display_name,roles
jane@acme.example,jane@acme.example,Jane J.,auditor
joe@acme.example,joe@acme.example,Joe,
kim@acme.example,,,-
"""


def names_of(organization, user_name):
    with tenancy.of(organization):
        member = Member.objects.exclude(state="offboarded").get(user_name=user_name)
    return roles.names_of(member)


@pytest.fixture
def things(acme):
    resources.register(acme, [{"kind": "portfolio", "id": name} for name in ("p1", "p2")], actor=SETUP)
    return acme


def apply(organization, kind, text):
    plan = imports.preview(organization, kind, text)
    return imports.apply(organization, kind, text, plan.digest, actor=SETUP)


def test_people_come_in_and_change_as_previewed(acme, jane):
    organizations.change(acme, defaults={"roles": ["member"], "grants": []}, actor=SETUP)
    before = len(recorded(acme, "member.create", "member.change", "role.assign"))
    plan = imports.preview(acme, "members", PEOPLE)
    assert [(step.line, step.act) for step in plan.steps] == [(2, "change"), (3, "create"), (4, "create")]
    assert plan.steps[0].changes == {"displayName": ["Jane Jones", "Jane J."], "roles": [[], ["auditor"]]}
    assert len(recorded(acme, "member.create", "member.change", "role.assign")) == before
    assert apply(acme, "members", PEOPLE).digest == plan.digest
    assert names_of(acme, "jane@acme.example") == ["auditor"]
    assert names_of(acme, "joe@acme.example") == ["member"]
    assert names_of(acme, "kim@acme.example") == []
    with tenancy.of(acme):
        assert FirstAccess.objects.filter(member__user_name="joe@acme.example").count() == 1
    assert [line["event"] for line in recorded(acme, "member.create", "member.change", "role.assign")][before:] == [
        "member.create", "member.create", "role.assign", "member.change", "role.assign",
    ]  # fmt: skip


def test_the_same_list_again_changes_nothing(acme, jane):
    apply(acme, "members", PEOPLE)
    before = len(recorded(acme))
    assert apply(acme, "members", PEOPLE).counts == {"nothing": 3}
    assert len(recorded(acme)) == before


FAULTS = {
    "no address": ("new,not an address,,", "invalid", "email"),
    "no user name": (",a@b.example,,", "invalid", "user_name"),
    "twice": ("JANE@acme.example,,,", "invalid", "user_name"),
    "no such role": ("new,,,emperor", "unknown_role", "roles"),
    "too long": (f"new,,{'x' * 257},", "invalid", "display_name"),
    "name too long": (f"{'x' * 1025},,,", "invalid", "user_name"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_line_at_fault_is_named_and_nothing_happens(acme, jane, case):
    line, code, field = FAULTS[case]
    text = f"{PEOPLE}{line}\n"
    plan = imports.preview(acme, "members", text)
    assert [(problem.line, problem.code, problem.field) for problem in plan.problems] == [(5, code, field)]
    with pytest.raises(Invalid, match=r"^Line 5: "):
        imports.apply(acme, "members", text, plan.digest, actor=SETUP)
    with tenancy.of(acme):
        assert Member.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("members", ""),
        ("members", "name\njane"),
        ("members", "user_name,user_name\na,b"),
        ("members", "user_name,email\njane"),
        ("members", 'user_name\n"a\0"'),
        ("grants", "user_name,kind,id\na,b,c"),
        ("animals", "user_name\na"),
    ],
)
def test_what_is_no_such_list_is_refused(acme, kind, text):
    with pytest.raises(Invalid):
        imports.preview(acme, kind, text)


def test_too_many_lines_are_refused(acme):
    with pytest.raises(TooMany):
        imports.preview(acme, "members", "user_name\n" + "".join(f"u{n}\n" for n in range(2001)))


def test_what_has_changed_since_the_preview_is_not_done(acme, jane):
    plan = imports.preview(acme, "members", PEOPLE)
    members.change(jane, profile={"displayName": "Other"}, actor=SETUP)
    with pytest.raises(Conflict):
        imports.apply(acme, "members", PEOPLE, plan.digest, actor=SETUP)
    with pytest.raises(Conflict):
        imports.apply(
            acme,
            "members",
            PEOPLE.replace("Joe", "Jim"),
            imports.preview(acme, "members", PEOPLE).digest,
            actor=SETUP,
        )


def test_each_address_once_where_the_organization_wants_it(acme, jane):
    organizations.change(acme, email_unique=True, actor=SETUP)
    members.change(jane, profile={**jane.profile, "title": "x"}, actor=SETUP)
    text = "user_name,email\nnew,JANE@acme.example\na,same@acme.example\nb,same@acme.example\njane@acme.example,jane@acme.example\n"
    plan = imports.preview(acme, "members", text)
    assert [(problem.line, problem.code) for problem in plan.problems] == [
        (2, "email_taken"),
        (4, "email_taken"),
    ]


def test_the_last_administrator_stays(acme, ada):
    text = "user_name,roles\nada@acme.example,auditor\n"
    with pytest.raises(LastAdministrator):
        apply(acme, "members", text)
    both = "user_name,roles\nada@acme.example,auditor\neve@acme.example,organization_admin\n"
    apply(acme, "members", both)
    assert names_of(acme, "ada@acme.example") == ["auditor"]


def test_a_leaver_of_the_same_name_is_left_alone(acme, jane):
    members.offboard(jane, actor=SETUP)
    assert apply(acme, "members", "user_name\njane@acme.example\n").counts == {"create": 1}
    with tenancy.of(acme):
        assert sorted(Member.objects.values_list("state", flat=True)) == ["active", "offboarded"]


GRANTS = """user_name,kind,id,permission,act
jane@acme.example,portfolio,p1,view,
jane@acme.example,portfolio,p2,edit,end
ADA@acme.example,portfolio,p2,view,give
"""


def test_grants_are_given_and_ended_as_previewed(things, ada, jane):
    grants.replace(jane, [GrantSpec("portfolio", "p2", "edit")], actor=SETUP)
    plan = apply(things, "grants", GRANTS)
    assert [step.act for step in plan.steps] == ["give", "end", "give"]
    with tenancy.of(things):
        open_ones = set(
            Grant.objects.filter(ended_at__isnull=True).values_list(
                "member__user_name", "resource__key", "held"
            )
        )
    assert open_ones == {("jane@acme.example", "p1", True), ("ada@acme.example", "p2", True)}
    assert [line["event"] for line in recorded(things, "grant.give", "grant.end")] == [
        "grant.give",
        "grant.end",
        "grant.give",
        "grant.give",
    ]
    assert apply(things, "grants", GRANTS).counts == {"nothing": 3}


def test_grants_at_fault_are_named(things, jane):
    lines = ["nobody,portfolio,p1,view,", "jane@acme.example,portfolio,p9,view,", "jane@acme.example,shop,p1,view,",
             "jane@acme.example,portfolio,p1,fly,", "jane@acme.example,portfolio,p1,view,take",
             "jane@acme.example,portfolio,p1,view,", "jane@acme.example,portfolio,p1,view,end"]  # fmt: skip
    text = "user_name,kind,id,permission,act\n" + "\n".join(lines)
    found = [
        (problem.line, problem.code, problem.field)
        for problem in imports.preview(things, "grants", text).problems
    ]
    assert found == [
        (2, "not_found", "user_name"), (3, "unknown_resource", "id"), (4, "unknown_resource", "kind"),
        (5, "unknown_resource", "permission"), (6, "invalid", "act"), (8, "invalid", "permission"),
    ]  # fmt: skip


def test_another_organizations_people_and_things_are_not_found(things, globex, gus, jane):
    text = "user_name,kind,id,permission\ngus@globex.example,portfolio,p1,view\n"
    assert imports.preview(things, "grants", text).problems[0].code == "not_found"
    text = "user_name,kind,id,permission\ngus@globex.example,portfolio,p1,view\n"
    assert imports.preview(globex, "grants", text).problems[0].code == "unknown_resource"


def test_a_list_of_any_length_takes_the_same_number_of_statements(acme):
    def statements(number, prefix):
        people = [
            Person(n, f"{prefix}{n}", f"{prefix}{n}@acme.example", None, ("auditor",)) for n in range(number)
        ]
        with CaptureQueriesContext(connection) as queries:
            bulk_members.bring_in(acme, people, actor=SETUP)
        return len(queries)

    # From a hundred on one more, which has PostgreSQL count its tables (identity.arrivals).
    assert statements(300, "a") == statements(150, "b") == statements(3, "c") + 1


def test_in_bulk_each_has_its_own_result(acme, ada, jane):
    rows = [
        {"user_name": "new", "roles": ["auditor"]},
        {"user_name": "jane@acme.example"},
        {"user_name": "bad", "email": "x"},
        {"user_name": " "},
    ]
    answer = token_of(ada).post("/organizations/acme/members/bulk", {"members": rows})
    items = answer.json()["items"]
    assert [(item["index"], item["status"], item["code"]) for item in items] == [
        (0, "created", ""), (1, "refused", "user_name_taken"), (2, "refused", "invalid"), (3, "refused", "invalid"),
    ]  # fmt: skip
    assert items[0]["member"]["user_name"] == "new"
    assert names_of(acme, "new") == ["auditor"]
    with tenancy.of(acme):
        assert access.roles_of(Member.objects.get(user_name="new"))[0].origin == "admin"


def test_in_bulk_the_limits_and_rights_hold(acme, ada):
    path = "/organizations/acme/members/bulk"
    over = token_of(ada).post(path, {"members": [{"user_name": f"u{n}"} for n in range(1001)]})
    assert (over.status_code, over.json()["field"]) == (400, "members")
    assert token_of(ada, "members.read").post(path, {"members": []}).status_code == 403
    manager = join(acme, "max@acme.example", role="member_manager")
    body = {"members": [{"user_name": "evil", "roles": ["organization_admin"]}]}
    assert token_of(manager).post(path, body).status_code == 403
    assert token_of(ada, "members.write").post(path, body).status_code == 403


def test_by_api_a_preview_is_done_by_its_digest(acme, ada):
    api = token_of(ada)
    shown = api.post("/organizations/acme/imports/preview", {"kind": "members", "csv": PEOPLE})
    assert (shown.status_code, shown.json()["counts"]) == (200, {"create": 3})
    wrong = api.post("/organizations/acme/imports", {"kind": "members", "csv": PEOPLE, "digest": "0" * 64})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "version_conflict")
    body = {"kind": "members", "csv": PEOPLE, "digest": shown.json()["digest"]}
    assert api.post("/organizations/acme/imports", body).json()["counts"] == {"create": 3}
    manager = join(acme, "max@acme.example", role="member_manager")
    steal = {"kind": "members", "csv": "user_name,roles\nmax@acme.example,organization_admin\n"}
    assert token_of(manager).post("/organizations/acme/imports/preview", steal).status_code == 403
    given = {"kind": "grants", "csv": "user_name,kind,id,permission\n"}
    assert (
        token_of(ada, "members.write").post("/organizations/acme/imports/preview", given).status_code == 403
    )
    assert browser_of(ada).post("/organizations/acme/imports/preview", given).status_code == 403


def test_the_overview_lists_grants_of_ones_own_and_of_groups_and_no_formula(things, ada, jane):
    from identity import groups, mappings
    from identity.mappings import Mapping

    group = groups.create(things, display_name="=cmd()", members=[str(jane.pk)], actor=SETUP)
    mappings.replace(group, Mapping((GrantSpec("portfolio", "p2", "view"),)), actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "edit")], actor=SETUP)
    answer = token_of(ada).get("/organizations/acme/access.csv")
    columns = ("user_name", "id", "permission", "origin", "group")
    assert [tuple(row[name] for name in columns) for row in csv_of(answer)] == [
        ("ada@acme.example", "", "", "", ""),
        ("jane@acme.example", "p1", "edit", "admin", ""),
        ("jane@acme.example", "p2", "view", "group", "'=cmd()"),
    ]
    assert token_of(jane).get("/organizations/acme/access.csv").status_code == 403
