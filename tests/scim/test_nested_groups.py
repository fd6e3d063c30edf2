"""Groups in groups over SCIM: members of type Group, groups of type indirect, and no circle."""

import threading

import pytest
from django.db import connection, connections

from identity import tenancy
from identity.postgresql.flush import Statement
from scim.filter.grammar import parse
from scim.filter.sql import compiled
from scim.queries import _GROUPS_FROM
from scim.vocabularies import GROUP_WORDS
from tests.conftest import scim_client
from tests.scim.talk import BASE, Scim, crowd_memberships, entries

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def family(idp):
    """Give a person in a team, the team in a department, the department in a company."""
    person = idp.create("mei@example.org")["id"]
    team = idp.create_group("Team", person)["id"]
    department = idp.create_group("Department", team)["id"]
    company = idp.create_group("Company", department)["id"]
    return person, team, department, company


def members(idp, group):
    return [(each["type"], each["value"]) for each in idp.get(f"/Groups/{group}").body.get("members", [])]


def found(idp, path):
    answer = idp.get(path)
    assert answer.status == 200, answer
    return {each["id"] for each in answer.body["Resources"]}


def test_a_group_in_a_group_is_read_back(idp, family):
    _, team, department, _ = family
    answer = idp.get(
        f"/Groups/{department}?attributes=members.display,members.value,members.type,members.$ref"
    )
    assert answer.body["members"] == [
        {"value": team, "display": "Team", "$ref": f"{BASE}/Groups/{team}", "type": "Group"}
    ]
    assert "members" not in idp.get(f"/Groups/{department}?excludedAttributes=members").body


def test_a_persons_groups_say_how_they_are_in_them(idp, family):
    person, team, department, company = family
    shown = {each["value"]: each for each in idp.get(f"/Users/{person}").body["groups"]}
    assert {value: each["type"] for value, each in shown.items()} == {
        team: "direct", department: "indirect", company: "indirect",
    }  # fmt: skip
    assert shown[company]["display"] == "Company"
    assert shown[company]["$ref"] == f"{BASE}/Groups/{company}"
    # Directly as well: direct.
    idp.patch(f"/Groups/{company}", {"op": "add", "path": "members", "value": [{"value": person}]})
    both = {each["value"]: each["type"] for each in idp.get("/Users").body["Resources"][0]["groups"]}
    assert both == {team: "direct", department: "indirect", company: "direct"}


def test_filters_follow(idp, family):
    person, team, department, company = family
    alone = idp.create("ola@example.org")["id"]
    assert found(idp, f'/Groups?filter=members eq "{team}"') == {department}
    assert found(idp, f'/Groups?filter=members[value eq "{department}" and type eq "Group"]') == {company}
    assert found(idp, '/Groups?filter=members.type eq "User"') == {team}
    assert found(idp, '/Groups?filter=members.display eq "team"') == {department}
    assert found(idp, f'/Groups?filter=id eq "{department}" and members eq "{person}"') == set()
    assert found(idp, f'/Users?filter=groups eq "{company}"') == {person}
    assert found(idp, f'/Users?filter=groups[value eq "{company}" and type eq "direct"]') == set()
    assert found(idp, '/Users?filter=groups.type eq "indirect"') == {person}
    assert found(idp, "/Users?filter=not (groups pr)") == {alone}
    assert found(idp, '/Users?filter=groups.display eq "company"') == {person}


@pytest.mark.parametrize(
    "shape",
    [
        lambda team: {"op": "remove", "path": f'members[value eq "{team}"]'},
        lambda team: {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": team}]},
        lambda team: {"op": "replace", "path": "members", "value": []},
        lambda team: {"op": "remove", "path": "members"},
    ],
)
def test_every_way_of_removing_takes_it_out(idp, family, shape):
    person, team, department, _ = family
    assert idp.patch(f"/Groups/{department}", shape(team)).status == 200
    assert members(idp, department) == []
    assert [each["type"] for each in idp.get(f"/Users/{person}").body["groups"]] == ["direct"]


def test_people_and_groups_are_replaced_together(idp, family):
    person, team, department, _ = family
    other = idp.create_group("Other")["id"]
    body = {"displayName": "Department", "members": [{"value": person}, {"value": other, "type": "Group"}]}
    assert idp.put(f"/Groups/{department}", body).status == 200
    assert members(idp, department) == [("User", person), ("Group", other)]
    answer = idp.patch(
        f"/Groups/{department}",
        {"op": "add", "path": "members", "value": [{"$ref": f"{BASE}/Groups/{team}"}]},
    )
    assert answer.status == 200
    assert {value for _, value in members(idp, department)} == {person, other, team}


def test_a_circle_is_refused_with_a_sentence(idp, acme, family):
    person, team, _, company = family
    newcomer = idp.create("new@example.org")["id"]
    add = {"op": "add", "path": "members", "value": [{"value": newcomer}, {"value": company}]}
    answer = idp.patch(f"/Groups/{team}", add)
    assert (answer.status, answer.code, answer.body["scimType"]) == (400, "group_cycle", "invalidValue")
    assert answer.body["detail"].startswith("“Team” would be in itself")
    assert members(idp, team) == [("User", person)], "all or nothing"
    itself = idp.patch(f"/Groups/{team}", {"op": "add", "path": "members", "value": [{"value": team}]})
    assert itself.code == "group_cycle"
    assert entries(acme, outcome="refused")[-1].reason == "group_cycle"


def test_a_deleted_group_leaves_the_others(idp, family):
    person, team, department, company = family
    tags = {group: idp.get(f"/Groups/{group}").headers["ETag"] for group in (team, company)}
    assert idp.delete(f"/Groups/{department}").status == 204
    # The one that it was in is another one without it, also for whoever asks whether it still is what they have.
    left = idp.get(f"/Groups/{company}", **{"If-None-Match": tags[company]})
    assert (left.status, left.body.get("members")) == (200, [])
    assert left.body["meta"]["lastModified"] > left.body["meta"]["created"]
    assert idp.get(f"/Groups/{team}", **{"If-None-Match": tags[team]}).status == 304
    assert len(idp.get(f"/Users/{person}").body["groups"]) == 1


def test_a_group_that_is_not_here_yet_joins_when_it_comes(idp):
    outer = idp.create_group("Outer", "ext-team")["id"]
    assert members(idp, outer) == []
    team = idp.create_group("Team", externalId="ext-team")["id"]
    assert members(idp, outer) == [("Group", team)]


def test_another_directorys_group_is_no_member(idp, globex, entra, family):
    team = family[1]
    for other in (Scim(entra), Scim(scim_client(globex, "okta"))):
        outer = other.create_group("Outer", team)["id"]
        assert members(other, outer) == []


def test_the_version_grows_with_each_change_alone(idp, family):
    _, team, department, _ = family
    before = idp.get(f"/Groups/{department}").headers["ETag"]
    add = {"op": "add", "path": "members", "value": [{"value": team}]}
    assert idp.patch(f"/Groups/{department}", add).headers["ETag"] == before
    removed = idp.patch(f"/Groups/{department}", {"op": "remove", "path": f'members[value eq "{team}"]'})
    assert removed.headers["ETag"] != before


def test_two_patches_at_once_make_no_circle(okta, idp):
    pair = [idp.create_group(name)["id"] for name in ("A", "B")]
    ready, answers = threading.Barrier(2), []

    def work(outer, inner):
        mine = Scim(okta)
        ready.wait()
        add = {"op": "add", "path": "members", "value": [{"value": inner}]}
        answers.append(mine.patch(f"/Groups/{outer}", add))
        connections.close_all()

    threads = [threading.Thread(target=work, args=ends) for ends in (pair, reversed(pair))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200, 400]
    assert sorted(len(members(idp, group)) for group in pair) == [0, 1]


def test_a_large_group_is_found_by_its_index(idp, okta, family, eraser):
    """Looking for a member's group starts from the member, with groups in groups or without."""
    crowd_memberships(eraser, okta.directory.organization_id)
    condition, parameters = compiled(parse(f'members eq "{family[0]}"'), GROUP_WORDS)
    explaining = Statement(f"EXPLAIN SELECT g.id{_GROUPS_FROM} AND {condition}", parameters)
    directory = okta.directory
    with tenancy.of(directory.organization_id), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        rows = tenancy.read_as(directory.organization_id, directory.pk, directory.pk, explaining)
        plan = "\n".join(row[0] for row in rows)
    assert "membership_by_member" in plan or "membership_open_once" in plan, plan


def bulk(idp, *operations):
    schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
    answer = idp.post("/Bulk", {"schemas": [schema], "Operations": list(operations)})
    assert answer.status == 200, answer
    return answer.body["Operations"]


def creates(bulk_id, *inside):
    members = [{"value": f"bulkId:{each}"} for each in inside]
    data = {"displayName": bulk_id.upper(), "members": members}
    return {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data}


def test_bulk_builds_a_tree_in_any_order(idp):
    results = {
        each["bulkId"]: each for each in bulk(idp, creates("a", "b", "c"), creates("b"), creates("c", "b"))
    }
    assert {each["status"] for each in results.values()} == {"201"}
    ids = {name: each["location"].rpartition("/")[2] for name, each in results.items()}
    assert {value for _, value in members(idp, ids["a"])} == {ids["b"], ids["c"]}
    assert members(idp, ids["c"]) == [("Group", ids["b"])]


def test_bulk_closes_no_circle(idp):
    results = bulk(idp, creates("a", "b"), creates("b", "a"))
    # Nothing is made of what cannot be completed (tests/scim/test_bulk.py).
    assert [each["status"] for each in results] == ["409", "409"]
    assert any("would be in itself" in each["response"]["detail"] for each in results)
