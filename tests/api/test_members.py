"""Members over the API: listing, showing, bringing in by hand."""

import pytest

from identity import members, organizations, resources
from tests.api.client import recorded, token_of
from tests.conftest import SETUP, join, scim_client
from tests.scim.talk import Scim

PATH = "/organizations/acme/members"


def test_members_are_listed_page_by_page_and_each_once(acme, ada):
    for number in range(12):
        join(acme, f"m{number}@acme.example")
    api = token_of(ada)
    seen, query = [], {"limit": 5}
    while True:
        answer = api.get(PATH, **query).json()
        seen += [item["user_name"] for item in answer["items"]]
        if answer["next"] is None:
            break
        query["after"] = answer["next"]
        join(acme, f"late{len(seen)}@acme.example")
    assert len(seen) == len(set(seen))
    assert {"ada@acme.example", *(f"m{number}@acme.example" for number in range(12))} <= set(seen)


def test_search_finds_any_part_and_state_narrows(acme, ada, jane):
    members.suspend(jane, actor=SETUP)
    api = token_of(ada)

    def found(**query):
        return {item["user_name"] for item in api.get(PATH, **query).json()["items"]}

    assert found(q="JANE") == found(q="jones") == found(state="suspended") == {"jane@acme.example"}
    assert found(q="@acme") == {"ada@acme.example", "jane@acme.example"}
    assert found(q="jane", state="active") == set()
    assert found(q="%") == found(q="_") == found(q="globex") == set()
    # A display name is kept as it is written; a user name is compared without its width and its way to compose letters.
    taro = join(acme, "tar\u014d@acme.example", displayName="ﾀﾅｶ Straße")
    assert found(q="ﾀﾅｶ") == found(q=" straße ") == found(q="ＴＡＲo\u0304") == {taro.user_name}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "x"}, "limit"),
        ({"limit": "1000"}, "limit"),
        ({"after": "not-a-uuid"}, "after"),
        ({"state": "gone"}, "state"),
        ({"q": "a\0"}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"sort": "name"}, "sort"),
        ({"q": ["a", "b"]}, "q"),
        ({"directory": "Okta"}, "directory"),
        ({"external_id": "00u1"}, "external_id"),
    ],
)
def test_a_wrong_query_is_refused_by_name(ada, query, field):
    answer = token_of(ada).get(PATH, **query)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_one_member_is_shown(ada, jane):
    answer = token_of(ada).get(f"{PATH}/{jane.pk}")
    assert answer.status_code == 200
    shown = answer.json()
    assert {
        name: shown[name] for name in ("id", "user_name", "email", "display_name", "state", "version")
    } == {
        "id": str(jane.pk),
        "user_name": "jane@acme.example",
        "email": "jane@acme.example",
        "display_name": "Jane Jones",
        "state": "active",
        "version": 1,
    }
    assert shown["profile"]["displayName"] == "Jane Jones"
    assert "password" not in answer.content.decode()


def test_people_of_a_directory_are_found_by_it_and_by_what_it_calls_them(acme, ada, okta, entra):
    first = Scim(okta).create("mei@acme.example", externalId="00u1")
    gone = Scim(okta).create("gone@acme.example", externalId="00u3")
    other = Scim(entra).create("bo@acme.example", externalId="00u1")
    Scim(okta).delete(f"/Users/{gone['id']}")
    api = token_of(ada)

    def found(directory, **query):
        answer = api.get(PATH, directory=str(directory.pk), **query).json()
        return [item["id"] for item in answer["items"]]

    assert found(okta.directory) == found(okta.directory, external_id="00u1") == [first["id"]]
    assert found(entra.directory, external_id="00u1") == [other["id"]]
    assert found(okta.directory, external_id="00U1") == found(okta.directory, external_id="00u3") == []
    assert found(okta.directory, state="suspended") == found(okta.directory, q="bo") == []
    (named,) = api.get(f"{PATH}/{first['id']}").json()["directories"]
    assert (named["id"], named["name"], named["external_id"]) == (str(okta.directory.pk), "okta", "00u1")
    assert api.get(f"{PATH}/{gone['id']}").json()["directories"] == []
    assert api.get(f"{PATH}/{ada.pk}").json()["directories"] == []


def test_a_directory_of_somebody_else_has_nobody_here(ada, globex):
    theirs = scim_client(globex)
    Scim(theirs).create("mei@globex.example", externalId="1")
    answer = token_of(ada).get(PATH, directory=str(theirs.directory.pk), external_id="1")
    assert (answer.status_code, answer.json()) == (200, {"items": [], "next": None})


def test_somebody_is_brought_in_by_hand_with_everything_at_once(acme, ada):
    resources.register(acme, [{"kind": "portfolio", "id": "p1", "name": "First"}], actor=SETUP)
    api = token_of(ada)
    body = {
        "user_name": "new@acme.example",
        "email": "New@acme.example",
        "display_name": "Nora New",
        "profile": {"title": "Analyst", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D"}},
        "roles": ["auditor"],
        "grants": [{"kind": "portfolio", "id": "p1", "permission": "edit"}],
    }  # fmt: skip
    answer = api.post(PATH, body)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["email"], made["display_name"], made["state"]) == ("New@acme.example", "Nora New", "active")
    assert made["profile"] == {
        **body["profile"],
        "displayName": "Nora New",
        "emails": [{"value": "New@acme.example", "type": "work", "primary": True}],
    }
    access = api.get(f"{PATH}/{made['id']}/access").json()
    assert [(grant["id"], grant["permission"], grant["origin"]) for grant in access["grants"]] == [
        ("p1", "edit", "admin")
    ]
    assert [(role["name"], role["origin"]) for role in access["roles"]] == [("auditor", "admin")]
    (entry,) = (line for line in recorded(acme, "member.create") if line["subject"]["id"] == made["id"])
    assert entry["changes"]["title"] == [None, "Analyst"]
    assert (entry["actor"]["kind"], entry["source"]) == ("token", "api")


def test_without_roles_and_grants_the_organizations_defaults_hold(acme, ada):
    organizations.change(acme, actor=SETUP, defaults={"roles": ["auditor"]})
    api = token_of(ada)
    first = api.post(PATH, {"user_name": "first"}).json()
    second = api.post(PATH, {"user_name": "second", "roles": []}).json()
    roles = [api.get(f"{PATH}/{made['id']}/access").json()["roles"] for made in (first, second)]
    assert [role["origin"] for role in roles[0]] == ["organization_default"]
    assert roles[1] == []


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 400, "invalid", "user_name"),
        ({"user_name": "jane@acme.example"}, 409, "user_name_taken", "user_name"),
        ({"user_name": "JANE@acme.example "}, 409, "user_name_taken", "user_name"),
        ({"user_name": ""}, 400, "invalid", "user_name"),
        ({"user_name": "x" * 1025}, 400, "invalid", "user_name"),
        ({"user_name": 7}, 400, "invalid", "user_name"),
        ({"user_name": "n\0"}, 400, "invalid", "user_name"),
        ({"user_name": "n", "email": "nonsense"}, 400, "invalid", "email"),
        ({"user_name": "n", "state": "suspended"}, 400, "invalid", "state"),
        ({"user_name": "n", "profile": []}, 400, "invalid", "profile"),
        ({"user_name": "n", "profile": {"password": "x"}}, 400, "invalid", "profile.password"),
        ({"user_name": "n", "profile": {"name": "Nora"}}, 400, "invalid", "profile.name"),
        ({"user_name": "n", "profile": {"emails": ["a@b.example"]}}, 400, "invalid", "profile.emails[0]"),
        ({"user_name": "n", "profile": {"emails": [{"value": "a"}]}}, 400, "invalid", "profile.emails[0].value"),
        (
            {"user_name": "n", "profile": {"phoneNumbers": [{"value": "1", "primary": True}] * 2}},
            400,
            "invalid",
            "profile.phoneNumbers",
        ),
        (
            {"user_name": "n", "email": "a@b.example", "profile": {"emails": [{"value": "c@d.example"}]}},
            400,
            "invalid",
            "email",
        ),
        ({"user_name": "n", "roles": ["king"]}, 400, "unknown_role", "roles"),
        ({"user_name": "n", "roles": "auditor"}, 400, "invalid", "roles"),
        (
            {"user_name": "n", "grants": [{"kind": "portfolio", "id": "zz", "permission": "view"}]},
            400,
            "unknown_resource",
            "grants",
        ),
        ({"user_name": "n", "grants": [{"kind": "x", "id": "y", "permission": "z", "a": 1}]}, 400, "invalid", "grants[0].a"),
    ],
)  # fmt: skip
def test_a_wrong_member_is_refused_and_nobody_is_made(ada, jane, body, status, code, field):
    api = token_of(ada)
    answer = api.post(PATH, body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert len(api.get(PATH).json()["items"]) == 2


def test_access_is_given_only_by_who_may_give_it(acme, ada):
    api = token_of(ada, "members.read", "members.write")
    answer = api.post(PATH, {"user_name": "new", "roles": ["member"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert api.post(PATH, {"user_name": "new"}).status_code == 201
