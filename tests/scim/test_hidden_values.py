"""Values of an organization's own attributes that no answer shows: nobody reads them back, by any door, and the same one is known again."""

import json

import pytest

from audit import sequencer
from audit.models import Detail
from identity import tenancy
from identity.errors import Invalid
from identity.models import Member
from scim import exchange, replay
from scim.models import LoggedRequest
from scim.own_schemas import change, define, delete
from tests.api.client import token_of
from tests.conftest import SETUP
from tests.scim.talk import Scim

URN = "urn:acme:scim:schemas:door:1.0:User"
ATTRIBUTES = [
    {"name": "pin", "mutability": "writeOnly"},
    {"name": "codes", "returned": "never", "multiValued": True},
    {"name": "safe", "returned": "never", "type": "complex",
     "subAttributes": [{"name": "number", "type": "integer"}, {"name": "word"}]},
    {"name": "keys", "returned": "never", "type": "complex", "multiValued": True,
     "subAttributes": [{"name": "value"}, {"name": "type"}, {"name": "primary", "type": "boolean"}]},
    {"name": "birth", "returned": "never", "mutability": "immutable"},
    {"name": "floor"},
]  # fmt: skip
SECRET = {
    "pin": "pin-umbra", "codes": ["code-zephyr", "code-quill"], "safe": {"number": 7351427351, "word": "word-cadabra"},
    "keys": [{"value": "key-jolly", "type": "desk", "primary": True}], "birth": "birth-young",
}  # fmt: skip
# Nothing of them may stand in an id by chance.
TEXTS = ("umbra", "zephyr", "quill", "7351427351", "cadabra", "jolly", "young")


@pytest.fixture
def schema(acme):
    return define(acme, urn=URN, name="Door", attributes=ATTRIBUTES, actor=SETUP)


@pytest.fixture
def idp(okta, schema):
    return Scim(okta)


@pytest.fixture
def jane(idp):
    return idp.create("jane@acme.example", **{URN: {**SECRET, "floor": "2"}})["id"]


def version(idp, person):
    return idp.get(f"/Users/{person}").body["meta"]["version"]


def writes(person):
    """Give what says all of it again, by each verb and in each client's way."""
    yield "PUT", {"userName": "jane@acme.example", URN: {**SECRET, "floor": "2"}}
    for operation in (
        {"op": "replace", "value": {URN: SECRET}},
        {"op": "add", "path": URN, "value": SECRET},
        {"op": "replace", "path": f"{URN}:safe.word", "value": "word-cadabra"},
        {"op": "add", "path": f"{URN}:codes", "value": ["code-zephyr"]},
        {"op": "add", "path": f"{URN}:keys", "value": SECRET["keys"]},
        {"op": "replace", "path": f"{URN}:pin", "value": "pin-umbra"},
        {"op": "add", "value": {"pin": "pin-umbra"}},
        {"op": "add", "value": json.dumps({f"{URN}:pin": "pin-umbra"})},
    ):
        yield (
            "PATCH",
            {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]},
        )


def everything_kept(acme):
    """Give all that the members, the record and the request log hold, as text."""
    with tenancy.of(acme):
        profiles = [each.profile for each in Member.objects.all()]
        details = [each.body for each in Detail.objects.all()]
        rows = list(LoggedRequest.objects.all())
        log = [[row.path, row.warnings, str(exchange.unseal(acme.pk, row.pk, row.exchange))] for row in rows]
    return json.dumps([profiles, details, log])


def test_they_are_kept_nowhere(acme, ada, idp, jane):
    for method, body in writes(jane):
        assert idp.send(method, f"/Users/{jane}", body).status == 200, body
    idp.send("PATCH", "/Users/00000000-0000-0000-0000-000000000000", {"Operations": [{"op": "add", "value": {URN: SECRET}}]})  # fmt: skip
    idp.get(f'/Users?filter={URN}:pin eq "pin-umbra"')
    idp.patch(f"/Users/{jane}", {"op": "remove", "path": f'{URN}:keys[value eq "key-jolly"]'})
    bulk = [
        {"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name, URN: SECRET}} for name in "abc"
    ]  # fmt: skip
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": bulk}
    assert {each["status"] for each in idp.post("/Bulk", body).body["Operations"]} == {"201"}
    sequencer.run()
    api = token_of(ada)
    read = [
        api.get(path).content.decode()
        for path in (f"/organizations/acme/members/{jane}", "/organizations/acme/members", "/organizations/acme/entries")
    ]  # fmt: skip
    kept = everything_kept(acme)
    assert "floor" in kept
    for text in TEXTS:
        assert text not in kept, kept[max(0, kept.index(text) - 300) : kept.index(text) + 40]
        assert not any(text in each for each in read)


def test_the_same_value_again_changes_nothing_and_another_does(acme, idp, jane):
    first = version(idp, jane)
    for method, body in writes(jane):
        assert idp.send(method, f"/Users/{jane}", body).status == 200, body
        assert version(idp, jane) == first, body
    for number, (name, value) in enumerate({
        "pin": "pin-0000", "codes": ["code-zephyr"], "safe": {"number": 1}, "keys": [{"value": "key-1"}],
    }.items(), 1):  # fmt: skip
        assert (
            idp.patch(f"/Users/{jane}", {"op": "replace", "path": f"{URN}:{name}", "value": value}).status
            == 200
        )
        assert version(idp, jane) != first
        with tenancy.of(acme):
            changes = [
                each.body["changes"] for each in Detail.objects.order_by("pk") if "changes" in each.body
            ]
        changed = [each for each in changes if URN in each and each[URN][0]]
        assert len(changed) == number
        before, after = changed[-1][URN]
        assert [each for each in before if before[each] != after[each]] == [name]
    assert idp.patch(f"/Users/{jane}", {"op": "remove", "path": f"{URN}:pin"}).status == 200
    with tenancy.of(acme):
        assert "pin" not in Member.objects.get(pk=jane).profile[URN]


def test_two_people_with_one_value_have_two_digests(acme, idp, jane):
    idp.create("bob@acme.example", **{URN: SECRET})
    with tenancy.of(acme):
        pins = {
            each.profile[URN]["pin"]["$hidden"] for each in Member.objects.filter(user_name__contains="@acme")
        }
    assert len(pins) == 2


def test_what_is_set_once_stays_as_it_was(idp, jane):
    person = f"/Users/{jane}"
    for value, status in (("birth-young", 200), ("birth-1967", 400)):
        assert idp.patch(person, {"op": "add", "path": f"{URN}:birth", "value": value}).status == status
        assert idp.put(person, {"userName": "jane@acme.example", URN: {"birth": value}}).status == status


@pytest.mark.parametrize("path", ['codes[value eq "code-zephyr"]', "codes.value", 'keys[type eq "desk"]', "keys.value"])  # fmt: skip
@pytest.mark.parametrize("verb", ["add", "remove", "replace"])
def test_nothing_is_chosen_among_them(idp, jane, path, verb):
    """Whoever guesses right would see it by the answer."""
    answer = idp.patch(f"/Users/{jane}", {"op": verb, "path": f"{URN}:{path}", "value": "x"})
    assert (answer.status, answer.code) == (400, "filter_hidden")
    assert "zephyr" not in json.dumps(answer.body)


def test_such_a_request_is_not_run_again(acme, idp, jane):
    idp.patch(f"/Users/{jane}", {"op": "replace", "path": f"{URN}:pin", "value": "pin-1"})
    with tenancy.of(acme):
        row = LoggedRequest.objects.filter(method="PATCH").get()
    with pytest.raises(Invalid, match="wrote what is never shown"):
        replay.apply(row, actor=SETUP)
    idp.patch(f"/Users/{jane}", {"op": "replace", "path": f"{URN}:floor", "value": "3"})
    with tenancy.of(acme):
        row = LoggedRequest.objects.filter(method="PATCH").latest("pk")
    shown = replay.rehearse(row, actor=SETUP)
    assert (shown.status, shown.changes) == (200, {})


def test_no_definition_shows_them_or_hides_what_was_shown(acme, idp, jane, schema):
    def as_(**changed):
        attributes = [each | changed.get(each["name"], {}) for each in ATTRIBUTES]
        return change(schema, actor=SETUP, name="Door", attributes=attributes)

    shown = {"mutability": "readWrite", "returned": "default"}
    for name in ("pin", "codes", "safe", "keys", "birth"):
        with pytest.raises(Invalid, match="never are"):
            as_(**{name: shown})
    with pytest.raises(Invalid, match="never are"):
        as_(floor={"returned": "never"})
    as_(pin={"description": "of the door", "type": "integer"})
    delete(schema, actor=SETUP)
    with pytest.raises(Invalid):
        define(acme, urn=URN, name="Door", attributes=[{"name": "pin"}], actor=SETUP)
