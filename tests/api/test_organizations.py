"""Organizations over the API."""

import pytest
from django.db import connection
from django.db.models import F

from audit.events import Event
from audit.record import Subject, record
from identity import looking, organizations, tenancy
from identity.models import Member
from tests.api.client import browser_of, operator, recorded, token_of
from tests.conftest import SETUP

MANY = """
INSERT INTO identity_member (id, organization_id, password, user_name, user_name_key, email, email_key, display_name, profile, state,
  state_reason, version, session_epoch, created_at, changed_at)
SELECT uuidv7(), %s, '!', name, name, address, address, name, '{}', 'active', '', 1, 0, now(), now()
  FROM (SELECT 'p' || n || '@x' AS name, CASE n WHEN 0 THEN '' ELSE 'p' || n || '@x' END AS address
          FROM generate_series(0, 101) AS n) AS made
"""
NEW = {"name": "Initech", "slug": "initech", "access_model": "company_shop"}


def test_an_operator_creates_an_organization_ready_for_use(db, settings):
    api = operator(settings)
    answer = api.post("/organizations", NEW)
    assert answer.status_code == 201
    made = answer.json()
    assert {name: made[name] for name in made if name not in {"id", "created_at"}} == {
        "delete_after": None,
        **NEW,
        "state": "active",
        "operating": False,
        "email_unique": False,
        "grace_days": 30,
        "session_hours": 24,
        "second_factor": "optional",
        "time_zone": "UTC",
        "retention_days": 0,
        "defaults": {},
    }
    assert api.get("/organizations/initech").json() == made
    assert api.get(f"/organizations/{made['id']}").json() == made
    kinds = api.get("/organizations/initech/kinds").json()["items"]
    assert [kind["name"] for kind in kinds] == ["company", "shop", "shop_country"]


def test_creating_is_recorded_as_the_operators_act(db, settings, opal, operators):
    operator(settings).post("/organizations", NEW)
    token_of(opal).post("/organizations", {**NEW, "slug": "umbrella"})
    api = operator(settings)
    actors = [
        api.get(f"/organizations/{slug}/entries", event="organization.create", limit=1)
        for slug in ("initech", "umbrella")
    ]
    assert all(answer.status_code == 200 for answer in actors)
    from identity import organizations, tenancy

    with tenancy.everywhere("a test"):
        made = [organizations.by_slug_or_id(slug) for slug in ("initech", "umbrella")]
    first, second = (recorded(organization, "organization.create")[0] for organization in made)
    assert first["actor"] == {"kind": "operator", "id": "environment", "label": "operator token"}
    assert (second["actor"]["kind"], second["actor"]["id"]) == ("operator", str(opal.pk))
    assert second["source"] == "api"


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"slug": "acme"}, 409, "name_taken", "slug"),
        ({"slug": "Acme!"}, 400, "invalid", "slug"),
        ({"slug": 5}, 400, "invalid", "slug"),
        ({"slug": "a" * 64}, 400, "invalid", "slug"),
        ({"name": ""}, 400, "invalid", "name"),
        ({"name": "  "}, 400, "invalid", "name"),
        ({"name": None}, 400, "invalid", "name"),
        ({"name": "a\0"}, 400, "invalid", "name"),
        ({"name": ["x"]}, 400, "invalid", "name"),
        ({"access_model": "bank"}, 400, "invalid", "access_model"),
        ({"access_model": {}}, 400, "invalid", "access_model"),
        ({"is_operating": True}, 400, "invalid", "is_operating"),
    ],
)
def test_a_wrong_organization_is_refused_and_nothing_is_made(acme, settings, change, status, code, field):
    api = operator(settings)
    answer = api.post("/organizations", {**NEW, **change})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert [item["slug"] for item in api.get("/organizations").json()["items"]] == ["acme"]


def test_nobody_else_creates_organizations(ada, opal, operators):
    for api in (token_of(ada), token_of(opal, "members.write"), browser_of(ada)):
        answer = api.post("/organizations", NEW)
        assert (answer.status_code, answer.json()["code"]) == (
            403,
            "forbidden" if api.headers else "csrf_failed",
        )


def test_everybody_lists_their_own_and_operators_all(acme, globex, ada, jane, opal, operators):
    def slugs(api, **query):
        return [item["slug"] for item in api.get("/organizations", **query).json()["items"]]

    assert slugs(token_of(ada)) == ["acme"]
    assert slugs(browser_of(jane)) == ["acme"]
    assert sorted(slugs(token_of(opal))) == ["acme", "globex", "operators"]
    first = token_of(opal).get("/organizations", limit=2).json()
    rest = token_of(opal).get("/organizations", limit=2, after=first["next"]).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)


def test_an_administrator_changes_settings_and_the_record_tells(acme, ada):
    body = {
        "name": "Acme Ltd",
        "grace_days": 0,
        "session_hours": 8,
        "email_unique": True,
        "defaults": {"roles": []},
    }
    answer = token_of(ada).patch("/organizations/acme", body)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in body} == body
    (entry,) = recorded(acme, "organization.change")
    assert entry["changes"] == {
        "name": ["Acme", "Acme Ltd"],
        "grace_days": [30, 0],
        "session_hours": [24, 8],
        "email_unique": [False, True],
        "defaults": [{}, {"roles": []}],
    }
    assert entry["actor"]["kind"] == "token"


def test_addresses_of_very_many_become_unique_so_many_a_statement(acme, ada, eraser, monkeypatch):
    eraser.execute("SET session_replication_role = replica")
    eraser.execute(MANY, [acme.pk])
    eraser.execute("SET session_replication_role = origin")
    monkeypatch.setattr(looking, "ROWS", 40)
    api = token_of(ada)

    def claimed():
        with tenancy.of(acme):
            here = Member.objects.filter(organization=acme)
            return here.filter(email_claim=F("email_key")).count(), here.filter(email_claim=None).count()

    for is_unique, expected in ((True, (102, 1)), (False, (0, 103))):
        updates = []

        def noted(execute, sql, parameters, many, context, updates=updates):
            found = execute(sql, parameters, many, context)
            if sql.startswith('UPDATE "identity_member"'):
                updates.append(context["cursor"].rowcount)
            return found

        with connection.execute_wrapper(noted):
            assert api.patch("/organizations/acme", {"email_unique": is_unique}).status_code == 200
        assert claimed() == expected
        assert (sum(updates), len(updates)) == (102, 6)
    with tenancy.change(acme):
        organizations.change(acme, actor=SETUP, email_unique=True)
        # It was looked at by now: nothing of so many is left to COMMIT. What comes after it is, as ever.
        organizations.change(acme, actor=SETUP, email_unique=False)
        Member.objects.filter(organization=acme, user_name="p7@x").update(email_key="p8@x")
        record(Event.MEMBER_CHANGE, organization_id=acme.pk, actor=SETUP, subject=Subject("member", "x"))
    refused = api.patch("/organizations/acme", {"email_unique": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "email_taken")
    assert claimed() == (0, 103)


def test_an_empty_change_writes_nothing(acme, ada):
    assert token_of(ada).patch("/organizations/acme", {}).status_code == 200
    assert recorded(acme, "organization.change") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"grace_days": -1}, "grace_days"),
        ({"grace_days": True}, "grace_days"),
        ({"grace_days": 1.5}, "grace_days"),
        ({"grace_days": "3"}, "grace_days"),
        ({"grace_days": 10**30}, "grace_days"),
        ({"session_hours": 0}, "session_hours"),
        ({"email_unique": "true"}, "email_unique"),
        ({"email_unique": 1}, "email_unique"),
        ({"slug": "other"}, "slug"),
        ({"access_model": "company_shop"}, "access_model"),
        ({"defaults": []}, "defaults"),
        ({"defaults": {"grant": []}}, "defaults.grant"),
        ({"defaults": {"roles": [5]}}, "defaults.roles[0]"),
        ({"defaults": {"grants": [{"kind": "asset", "id": "x"}]}}, "defaults.grants[0].permission"),
        (
            {"defaults": {"grants": [{"kind": "asset", "id": 5, "permission": "view"}]}},
            "defaults.grants[0].id",
        ),
        ([], ""),
        ("name", ""),
    ],
)
def test_wrong_settings_are_refused_by_field(acme, ada, body, field):
    answer = token_of(ada).patch("/organizations/acme", body)
    assert (answer.status_code, answer.json()["code"], answer.json().get("field", "")) == (
        400,
        "invalid",
        field,
    )
    assert recorded(acme, "organization.change") == []


def test_addresses_cannot_be_made_unique_while_two_share_one(acme, ada, jane):
    from tests.conftest import join

    join(acme, "jane-admin", emails=[{"value": "jane@acme.example"}])
    answer = token_of(ada).patch("/organizations/acme", {"email_unique": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert token_of(ada).get("/organizations/acme").json()["email_unique"] is False
