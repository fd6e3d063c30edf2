"""What no schema knows: a warning each time, kept aside, shown in no answer, and never a secret."""

import pytest

from identity import tenancy
from identity.models import Member
from scim.models import LoggedRequest
from scim.unmapped import NAMES_MAX, URN


def kept(acme):
    with tenancy.of(acme):
        return Member.objects.get().profile.get(URN, {})


def warned(acme):
    with tenancy.of(acme):
        row = LoggedRequest.objects.order_by("-pk").first()
    return {each["path"]: each["note"] for each in row.warnings if each["code"] == "unknown_attribute"}


SENT = {
    "shoeSize": 43,
    "urn:other:ext:1.0:User": {"a": [1, None], "b": {"c": "d"}},
    "favourite.colour": "red",
}


def test_what_nobody_knows_is_kept_aside_and_said(acme, idp):
    made = idp.post("/Users", {"userName": "mei", "title": "x", "password": "p", **SENT}).body
    assert not any(name in str(made) for name in ("shoeSize", "unmapped", "favourite", "urn:other"))
    assert kept(acme) == SENT
    assert warned(acme) == dict.fromkeys(SENT, "kept aside, shown to nobody")
    person = f"/Users/{made['id']}"
    assert idp.get(person).body == made
    assert "unmapped" not in str(idp.get(f"/Users?attributes={URN}:shoeSize,userName").body)
    assert idp.get(f"/Users?filter={URN}:shoeSize pr").code == "filter_unknown"


def test_a_patch_and_a_put_keep_it_up_to_date(acme, idp):
    person = f"/Users/{idp.post('/Users', {'userName': 'mei', **SENT}).body['id']}"
    title = {"op": "replace", "path": "title", "value": "x"}
    assert idp.patch(person, title, {"op": "add", "path": "shoeSize", "value": 44}).status == 200
    assert kept(acme)["shoeSize"] == 44
    assert idp.patch(person, title, {"op": "remove", "path": "shoeSize"}).status == 200
    assert sorted(kept(acme)) == ["favourite.colour", "urn:other:ext:1.0:User"]
    assert idp.put(person, {"userName": "mei", "hat": "L"}).status == 200
    assert kept(acme) == {"hat": "L"}
    # By itself it is nothing that was asked for and made.
    answer = idp.patch(person, {"op": "add", "path": "shoeSize", "value": 45})
    assert (answer.status, answer.code) == (400, "nothing_resolved")
    assert kept(acme) == {"hat": "L"}


@pytest.mark.parametrize(
    "sent",
    [{"apiToken": "x"}, {"urn:x:y": {"deep": [{"passphrase": "x"}]}}, {"long": "x" * 5000}, {"n" * 300: 1}, {"huge": 10**40}],
    ids=["token", "nested", "long", "name", "huge"],
)  # fmt: skip
def test_secrets_and_what_is_large_are_not_kept(acme, idp, sent):
    assert idp.post("/Users", {"userName": "mei", **sent}).status == 201
    assert kept(acme) == {}
    assert list(warned(acme).values()) == ["left out"]


def test_there_is_a_limit(acme, idp):
    many = {f"a{number}": number for number in range(NAMES_MAX + 20)}
    assert idp.post("/Users", {"userName": "mei", **many}).status == 201
    assert len(kept(acme)) == NAMES_MAX


def test_a_post_that_brings_somebody_back_forgets_nothing_that_it_does_not_name(acme, idp):
    person = {"userName": "mei", "externalId": "1", "title": "x"}
    made = idp.post("/Users", person | SENT).body
    away = {"op": "replace", "path": "active", "value": False}
    assert idp.patch(f"/Users/{made['id']}", away).status == 200
    again = idp.post(
        "/Users", {"userName": "mei", "externalId": "1", "shoeSize": 44, "favourite.colour": None}
    )
    assert (again.status, again.body["id"], again.body["active"]) == (201, made["id"], True)
    assert kept(acme) == {"shoeSize": 44, "urn:other:ext:1.0:User": SENT["urn:other:ext:1.0:User"]}
    # What its sender sees is what its sender said.
    assert "title" not in again.body


def test_what_is_too_large_to_keep_does_not_leave_the_old_value_standing(acme, idp):
    made = idp.post("/Users", {"userName": "mei", "externalId": "1", "shoeSize": 43}).body
    idp.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    large = {"userName": "mei", "externalId": "1", "title": "x", "shoeSize": "x" * 5000}
    assert idp.post("/Users", large).status == 201
    assert kept(acme) == {}


def test_there_is_a_limit_for_who_comes_back_too(acme, idp):
    first, second = ({f"{letter}{number}": number for number in range(30)} for letter in "ab")
    made = idp.post("/Users", {"userName": "mei", "externalId": "1", **first}).body
    idp.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    assert idp.post("/Users", {"userName": "mei", "externalId": "1", **second}).status == 201
    assert len(kept(acme)) == NAMES_MAX
    assert set(second) <= set(kept(acme))
