"""/Me: a person sees themselves by a token of their own, and changes what is theirs to say."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.models import Detail
from identity import groups, members, organizations, roles, tenancy, tokens
from tests.conftest import SETUP, again, join
from tests.scim.talk import BASE, Scim, entries


def own_token(member, *scopes):
    return Scim(tokens.issue(member, actor=SETUP, scopes=list(scopes) or ["own_profile"])[1])


@pytest.fixture
def me(jane):
    return own_token(jane)


def test_a_person_sees_themselves(acme, jane, me):
    roles.replace(jane, ["auditor"], actor=SETUP)
    team = groups.create(acme, actor=SETUP, display_name="Team", members=[str(jane.pk)])
    answer = me.get("/Me")
    location = f"{BASE}/Users/{jane.pk}"
    assert (answer.status, answer.headers["Location"]) == (200, location)
    assert answer.body["userName"] == "jane@acme.example"
    assert answer.body["meta"]["location"] == location
    assert answer.body["meta"]["resourceType"] == "User"
    assert [each["value"] for each in answer.body["roles"]] == ["auditor"]
    assert [each["value"] for each in answer.body["groups"]] == [str(team.pk)]
    assert me.get("/Me/").body == answer.body
    assert me.get("/Me", **{"If-None-Match": answer.headers["ETag"]}).status == 304
    assert set(me.get("/Me?attributes=userName").body) == {"schemas", "id", "userName"}


def test_a_person_changes_what_is_theirs(acme, jane, me):
    answer = me.patch(
        "/Me",
        {"op": "replace", "path": "nickName", "value": "Janie"},
        {"op": "add", "path": "phoneNumbers", "value": [{"value": "+47 1", "type": "work"}]},
    )
    assert (answer.status, answer.body["nickName"]) == (200, "Janie")
    assert again(jane).profile["phoneNumbers"] == [{"value": "+47 1", "type": "work"}]
    entry = entries(acme, event="member.change")[-1]
    assert (entry.actor_kind, entry.subject_id, entry.source) == ("token", str(jane.pk), "scim")
    with tenancy.of(acme):
        assert Detail.objects.get(pk=entry.pk).body["changes"]["nickName"] == [None, "Janie"]
    put = me.put("/Me", {"locale": "nb-NO"})
    assert (put.status, put.body["locale"], put.body.get("nickName")) == (200, "nb-NO", None)
    assert put.body["emails"] == answer.body["emails"], "what is not theirs stays"


def test_what_was_read_can_be_sent_back(acme, jane, me):
    roles.replace(jane, ["auditor"], actor=SETUP)
    before = me.get("/Me").body
    count = len(entries(acme))
    answer = me.put("/Me", before | {"timezone": "Europe/Oslo"})
    assert answer.body["timezone"] == "Europe/Oslo"
    assert len(entries(acme)) == count + 1
    assert "roles" not in again(jane).profile


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("userName", "ada@acme.example"),
        ("active", False),
        ("externalId", "00u1"),
        ("displayName", "The CEO"),
        ("emails", [{"value": "ada@acme.example", "primary": True}]),
        ("roles", [{"value": "organization_admin"}]),
        ("entitlements", [{"value": "portfolio:p1:edit"}]),
        ("x509Certificates", [{"value": "aGVsbG8="}]),
        ("title", "CEO"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", {"department": "Board"}),
    ],
)
def test_nobody_makes_themselves_somebody_else(acme, jane, me, name, value):
    operation = {"op": "add", "value": {name: value}}
    for answer in (me.patch("/Me", operation), me.put("/Me", {name: value})):
        assert (answer.status, answer.code, answer.body["scimType"]) == (403, "me_not_yours", "mutability")
        assert f"“{name}”" in answer.body["detail"]
    both = me.patch("/Me", {"op": "add", "path": "nickName", "value": "J"}, operation)
    assert both.status == 403
    assert again(jane).profile == jane.profile, "all or nothing"
    assert entries(acme, outcome="refused")[-1].reason == "me_not_yours"


def test_groups_are_read_only(me):
    answer = me.patch("/Me", {"op": "remove", "path": "groups"})
    assert (answer.status, answer.body["scimType"]) == (400, "mutability")


def test_if_match_holds(me):
    tag = me.get("/Me").headers["ETag"]
    change = {"op": "add", "path": "nickName", "value": "J"}
    assert me.patch("/Me", change, **{"If-Match": tag}).status == 200
    assert me.patch("/Me", change, **{"If-Match": tag}).code == "version_changed"


def test_nobody_joins_or_leaves_by_it(jane, me):
    assert (me.post("/Me", {"userName": "x"}).code, me.delete("/Me").code) == ("me_stays", "me_stays")
    assert me.delete("/Me").status == 501
    assert again(jane).is_active


def test_a_directory_is_nobody(okta):
    for method in ("GET", "PUT", "PATCH", "DELETE", "POST"):
        answer = Scim(okta).send(method, "/Me", {"nickName": "x"})
        assert (answer.status, answer.code) == (501, "me_is_nobody")


def test_a_token_of_another_scope_is_refused_and_recorded(acme, jane):
    answer = own_token(jane, "members.read").get("/Me")
    assert (answer.status, answer.code) == (403, "token_scope")
    assert entries(acme, outcome="refused")[-1].reason == "token_scope"


def test_a_persons_token_opens_nothing_else(acme, jane, me):
    for path in (
        "/Users",
        "/Groups",
        "/Roles",
        "/Entitlements",
        f"/Users/{jane.pk}",
        "/ServiceProviderConfig",
    ):
        assert me.get(path).status == 403, path


def test_who_is_out_is_nobody(acme, jane, me):
    members.suspend(jane, actor=SETUP)
    assert me.get("/Me").status == 401
    members.reactivate(jane, actor=SETUP)
    assert me.get("/Me").status == 401, "going out ended the token"
    other = own_token(again(jane))
    organizations.suspend(acme, actor=SETUP)
    assert other.get("/Me").status == 403


def test_an_expired_token_is_refused(me):
    with time_machine.travel(timezone.now() + timedelta(days=366)):
        assert me.get("/Me").code == "token_expired"


def test_each_sees_only_themselves(acme, globex, jane, me, gus):
    assert "jane@" not in str(own_token(gus).get("/Me").body)
    tom = join(acme, "tom@acme.example")
    answer = me.put("/Me", {"id": str(tom.pk), "nickName": "T"})
    assert (answer.status, answer.code) == (400, "id_differs")
    assert again(tom).profile.get("nickName") is None


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"nickName": {"a": 1}}', b'{"id": "1", "Operations": []}']
)
def test_bad_input_is_refused(me, body):
    for method in ("PUT", "PATCH"):
        answer = me.send(method, "/Me", body)
        assert answer.status == (400 if body else 415), (method, answer)
