"""/Users through the door: what comes back, what is there afterwards, and what the record says."""

import pytest

from audit.models import Detail
from audit.record import Actor
from identity import members, tenancy
from identity.models import Member
from scim.models import LoggedRequest
from scim.schemas import ENTERPRISE_USER, USER
from tests.conftest import SETUP, join, scim_client
from tests.scim.talk import BASE, Scim, entries

ADA = Actor("member", "0197-ada", "Ada Admin")

pytestmark = pytest.mark.usefixtures("db")


def test_a_created_person_is_answered_whole_and_read_back(idp, acme, okta):
    answer = idp.post(
        "/Users",
        {
            "schemas": [USER.id, ENTERPRISE_USER.id],
            "userName": "mei@example.org",
            "externalId": "00u1",
            "name": {"givenName": "Mei", "familyName": "Ito"},
            "emails": [{"value": "mei@example.org", "primary": True}],
            ENTERPRISE_USER.id: {"department": "R"},
            "password": "secret-of-mei",
        },
    )
    assert answer.status == 201
    made = answer.body
    location = f"{BASE}/Users/{made['id']}"
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.headers["Location"] == location
    assert answer.headers["ETag"] == 'W/"1"'
    created = made["meta"].pop("created")
    assert made["meta"].pop("lastModified") == created
    assert created.endswith("Z")
    assert made == {
        "schemas": [USER.id, ENTERPRISE_USER.id],
        "id": made["id"],
        "externalId": "00u1",
        "userName": "mei@example.org",
        "name": {"givenName": "Mei", "familyName": "Ito"},
        "emails": [{"value": "mei@example.org", "primary": True}],
        ENTERPRISE_USER.id: {"department": "R"},
        "active": True,
        "meta": {"resourceType": "User", "location": location, "version": 'W/"1"'},
    }
    again = idp.get(f"/Users/{made['id']}").body
    assert {name: again[name] for name in made if name != "meta"} == {
        name: made[name] for name in made if name != "meta"
    }
    entry = entries(acme, event="member.create")[-1]
    assert (entry.actor_kind, entry.actor_id, entry.subject_id, entry.source, entry.outcome) == (
        "directory", str(okta.directory.pk), made["id"], "scim", "success",
    )  # fmt: skip
    with tenancy.of(acme):
        assert "secret-of-mei" not in str(Detail.objects.get(entry_id=entry.pk).body)


def test_active_false_suspends_and_active_true_reactivates(idp, acme):
    made = idp.create("mei@example.org", externalId="1")
    answer = idp.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False}})
    assert (answer.status, answer.body["active"], answer.body["meta"]["version"]) == (200, False, 'W/"2"')
    with tenancy.of(acme):
        assert Member.objects.get(pk=made["id"]).state == "suspended"
    assert [each.event for each in entries(acme, subject_id=made["id"])][-1] == "member.suspend"
    answer = idp.patch(f"/Users/{made['id']}", {"op": "Replace", "path": "active", "value": "True"})
    assert (answer.status, answer.body["active"]) == (200, True)
    assert [each.event for each in entries(acme, subject_id=made["id"])][-1] == "member.reactivate"


def test_a_put_replaces_and_keeps_what_identifies(idp):
    made = idp.create("mei@example.org", externalId="1", title="Clerk", nickName="M")
    answer = idp.put(
        f"/Users/{made['id']}",
        {"userName": "mei@example.org", "title": "Lead", "id": made["id"], "meta": made["meta"]},
    )
    assert answer.status == 200
    assert (answer.body["title"], answer.body.get("nickName"), answer.body["externalId"], answer.body["active"]) == (
        "Lead", None, "1", True,
    )  # fmt: skip


def test_a_patch_that_changes_nothing_writes_nothing(idp, acme):
    made = idp.create("mei@example.org", title="Clerk")
    before = len(entries(acme))
    answer = idp.patch(f"/Users/{made['id']}", {"op": "replace", "path": "title", "value": "Clerk"})
    assert (answer.status, answer.body["meta"]["version"], len(entries(acme))) == (200, 'W/"1"', before)


def test_delete_offboards_and_a_new_post_makes_a_new_member(idp, acme):
    made = idp.create("mei@example.org", externalId="1")
    assert idp.delete(f"/Users/{made['id']}").status == 204
    assert idp.get(f"/Users/{made['id']}").status == 404
    assert idp.delete(f"/Users/{made['id']}").status == 404
    with tenancy.of(acme):
        assert Member.objects.get(pk=made["id"]).state == "offboarded"
    assert idp.create("mei@example.org", externalId="1")["id"] != made["id"]


def test_a_post_revives_the_suspended_member_with_this_external_id(idp, acme):
    made = idp.create("mei@example.org", externalId="1")
    idp.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False}})
    answer = idp.post("/Users", {"userName": "mei.ito@example.org", "externalId": "1", "active": True})
    assert (answer.status, answer.body["id"], answer.body["active"], answer.body["userName"]) == (
        201, made["id"], True, "mei.ito@example.org",
    )  # fmt: skip
    assert "member.reactivate" in [each.event for each in entries(acme, subject_id=made["id"])]


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ({"userName": "MEI@example.org", "externalId": "2"}, "user_name_taken"),
        ({"userName": "mei@example.org"}, "user_name_taken"),
        ({"userName": "other@example.org", "externalId": "1"}, "external_id_taken"),
    ],
)
def test_a_second_creation_is_a_conflict(idp, acme, second, code):
    made = idp.create("mei@example.org", externalId="1")
    answer = idp.post("/Users", second)
    assert (answer.status, answer.body["scimType"], answer.code, answer.body["status"]) == (
        409,
        "uniqueness",
        code,
        "409",
    )
    assert answer.headers["Content-Type"] == "application/scim+json"
    refused = entries(acme, event="scim.refuse")[-1]
    assert (refused.outcome, refused.reason, refused.subject_kind) == ("refused", code, "token")
    assert idp.get("/Users").body["Resources"] == [idp.get(f"/Users/{made['id']}").body]


def suspended_by_hand(acme, made, actor=ADA):
    with tenancy.of(acme):
        member = Member.objects.get(pk=made["id"])
    return members.suspend(member, actor=actor, reason="stolen laptop")


def test_no_push_lets_in_whom_an_administrator_suspended(idp, acme):
    made = idp.create("mei@example.org", externalId="1")
    member = suspended_by_hand(acme, made)
    path, active = f"/Users/{made['id']}", {"op": "replace", "value": {"active": True}}
    put = idp.put(path, {"userName": "mei@example.org", "externalId": "1", "active": True, "title": "Clerk"})
    assert (put.status, put.body["active"], put.body["title"]) == (200, False, "Clerk")
    assert warned(acme) == ["suspended_here"]
    patched = idp.patch(path, active, {"op": "replace", "path": "title", "value": "Lead"})
    assert (patched.status, patched.body["active"], patched.body["title"]) == (200, False, "Lead")
    assert warned(acme) == ["suspended_here"]
    for answer in (
        idp.patch(path, active),
        idp.post("/Users", {"userName": "mei@example.org", "externalId": "1", "active": True}),
    ):
        assert (answer.status, answer.code) == (403, "suspended_here")
    assert idp.get(path).body["title"] == "Lead"
    # The directory's own word goes on counting, once an administrator has let them in.
    members.reactivate(member, actor=ADA)
    assert idp.get(path).body["active"] is True
    assert idp.patch(path, {"op": "replace", "value": {"active": False}}).body["active"] is False
    assert idp.patch(path, active).body["active"] is True


def test_whom_a_machine_suspended_a_push_lets_in(idp, acme):
    made = idp.create("mei@example.org", externalId="1")
    suspended_by_hand(acme, made, SETUP)
    answer = idp.put(f"/Users/{made['id']}", {"userName": "mei@example.org", "active": True})
    assert (answer.status, answer.body["active"]) == (200, True)


def test_an_administrators_word_counts_for_one_whom_a_machine_suspended_before(idp, acme):
    made = idp.create("mei@example.org", externalId="1")
    active = {"op": "replace", "value": {"active": True}}
    idp.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False}})
    member = suspended_by_hand(acme, made)
    assert (member.state_reason, member.version) == ("stolen laptop", 3)
    assert [entry.actor_kind for entry in entries(acme, event="member.suspend")] == ["directory", "member"]
    again = suspended_by_hand(acme, made)
    assert (again.version, again.suspended_at) == (3, member.suspended_at)
    answer = idp.patch(f"/Users/{made['id']}", active)
    assert (answer.status, answer.code) == (403, "suspended_here")
    members.reactivate(member, actor=ADA)
    assert idp.get(f"/Users/{made['id']}").body["active"] is True


def warned(acme):
    with tenancy.of(acme):
        latest = LoggedRequest.objects.latest("happened_at", "id")
    return [each["code"] for each in latest.warnings if each["path"] == "active"]


def test_a_person_whom_an_administrator_offboarded_is_never_revived(idp, acme):
    made = idp.create("mei@example.org", externalId="1")
    with tenancy.of(acme):
        member = Member.objects.get(pk=made["id"])
    members.offboard(member, actor=SETUP, reason="left")
    for answer in (
        idp.post("/Users", {"userName": "mei@example.org", "externalId": "1"}),
        idp.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": True}}),
        idp.put(f"/Users/{made['id']}", {"userName": "mei@example.org", "active": True}),
    ):
        assert (answer.status, answer.code) == (403, "offboarded")
    assert idp.get(f"/Users/{made['id']}").body["active"] is False
    with tenancy.of(acme):
        assert Member.objects.get(pk=made["id"]).state == "offboarded"


def test_a_local_member_is_linked_only_within_a_proved_domain(idp, acme):
    from identity import domains

    local = join(acme, "ada@acme.example")
    asked = {"userName": "ada@acme.example", "externalId": "7", "emails": [{"value": "ada@acme.example"}]}
    assert idp.get(f"/Users/{local.pk}").status == 404
    assert idp.post("/Users", asked).status == 409
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    answer = idp.post("/Users", asked)
    assert (answer.status, answer.body["id"]) == (201, str(local.pk))
    assert idp.get(f"/Users/{local.pk}").status == 200


def test_a_directory_neither_sees_nor_touches_the_people_of_another(idp, acme, globex):
    made = idp.create("mei@example.org", externalId="1")
    for other in (Scim(scim_client(globex, "entra")), Scim(scim_client(acme, "entra"))):
        body = {"userName": "x"}
        path = f"/Users/{made['id']}"
        answers = [
            other.get(path), other.put(path, body), other.delete(path), other.patch(path, {"op": "remove", "path": "title"}),
        ]  # fmt: skip
        assert [each.status for each in answers] == [404] * 4
        assert other.get("/Users").body["totalResults"] == 0
        assert other.get(f'/Users?filter=id eq "{made["id"]}"').body["Resources"] == []
    assert idp.get(path).status == 200


def test_versions_make_requests_conditional(idp):
    made = idp.create("mei@example.org")
    path = f"/Users/{made['id']}"
    operation = {"op": "replace", "path": "title", "value": "Clerk"}
    assert idp.get(path, **{"If-None-Match": 'W/"1"'}).status == 304
    assert idp.patch(path, operation, **{"If-Match": 'W/"7"'}).status == 412
    assert idp.put(path, {"userName": "x"}, **{"If-Match": '"7"'}).code == "version_changed"
    assert idp.delete(path, **{"If-Match": 'W/"0"'}).status == 412
    answer = idp.patch(path, operation, **{"If-Match": 'W/"1"'})
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    assert idp.get(path, **{"If-None-Match": 'W/"1"'}).status == 200
    assert idp.delete(path, **{"If-Match": "*"}).status == 204


@pytest.mark.parametrize(
    "path",
    [
        "/Users/",
        "/Users?",
        "/Users/?aadOptscim062020",
        "/Users?filter=userName+eq+%22mei%40example.org%22&",
        "/Users?startIndex=&count=",
    ],
)
def test_slashes_and_bare_queries_do_not_matter(idp, path):
    made = idp.create("mei@example.org")
    assert [each["id"] for each in idp.get(path).body["Resources"]] == [made["id"]]
    assert idp.put(f"/Users/{made['id']}?", {"userName": "mei@example.org"}).status == 200
    assert idp.put(f"/Users/{made['id']}/", {"userName": "mei@example.org"}).status == 200


def test_attributes_choose_what_is_shown(idp):
    made = idp.create("mei@example.org", name={"givenName": "Mei"})
    shown = idp.get(f"/Users/{made['id']}?attributes=name.givenName").body
    assert shown == {"schemas": [USER.id], "id": made["id"], "name": {"givenName": "Mei"}}
    assert "name" not in idp.get(f"/Users/{made['id']}?excludedAttributes=name").body
    assert idp.patch(f"/Users/{made['id']}?attributes=active", {"op": "replace", "value": {"title": "x"}}).body == {
        "schemas": [USER.id], "id": made["id"], "active": True,
    }  # fmt: skip


def test_a_creation_that_rippling_sends_again_is_the_same_one(acme):
    rippling = Scim(scim_client(acme, "rippling"))
    sent = {"userName": "j.roy@example.io", "externalId": "emp_5512", "title": "Clerk"}
    first = rippling.post("/Users", sent)
    again = rippling.post("/Users", sent)
    assert (again.status, again.body, again.headers["Location"]) == (
        201,
        first.body,
        first.headers["Location"],
    )
    corrected = rippling.post("/Users", sent | {"userName": "jo.roy@example.io", "title": "Head"})
    assert (corrected.status, corrected.body["id"]) == (201, first.body["id"])
    assert (corrected.body["userName"], corrected.body["title"]) == ("jo.roy@example.io", "Head")
    assert [each.event for each in entries(acme, event__startswith="member.")] == [
        "member.create",
        "member.change",
    ]
    with tenancy.of(acme):
        notices = LoggedRequest.objects.order_by("-id").first().warnings
    assert "created_again" in {each["code"] for each in notices}
    rippling.create("ann@example.io", externalId="emp_1")
    taken = rippling.post("/Users", {"userName": "ann@example.io", "externalId": "emp_5512"})
    assert (taken.status, taken.code) == (409, "user_name_taken")


def test_a_creation_that_anybody_else_sends_again_is_refused(idp):
    sent = {"userName": "j.roy@example.io", "externalId": "emp_5512"}
    assert [idp.post("/Users", sent).status for _ in range(2)] == [201, 409]
    agent = {"User-Agent": "Rippling/1.0"}
    assert idp.post("/Users", sent, **agent).status == 201
