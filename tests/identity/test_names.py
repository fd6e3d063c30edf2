"""User names and addresses are compared without case, width and ways to compose a letter (RFC 7644 §5)."""

from importlib import import_module
from urllib.parse import quote

import pytest

from identity import tenancy
from identity.models import Member
from identity.profile import is_same, key_of
from tests.conftest import join
from tests.scim.talk import Scim

COMPOSED, IN_PIECES, WIDE = "jos\u00e9@acme.example", "Jose\u0301@acme.example", "ｊｏｓé＠acme.example"
COMPOSE = import_module("identity.migrations.0045_names_composed").COMPOSE


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (" Jane ", "jane"),
        (IN_PIECES, COMPOSED),
        (WIDE, COMPOSED),
        ("\u3000ＡＢＣ\u3000", "abc"),
        ("ｶﾞ", "ガ"),
        ("\u212bngstr\u00d6m", "ångström"),
        ("STRAẞE", "strasse"),
        ("\u0391\u0345", "αι"),
    ],
)
def test_a_key_is_of_one_case_width_and_way_to_compose(text, key):
    assert key_of(text) == key == key_of(key)


def test_a_letter_in_pieces_is_the_same_and_a_wide_one_looks_alike():
    assert is_same(COMPOSED, IN_PIECES)
    assert not is_same(COMPOSED, WIDE)


def test_a_name_in_pieces_is_taken_and_found(okta):
    idp = Scim(okta)
    made, _ = idp.create(COMPOSED)["id"], idp.create("joshua@acme.example")
    for name in (IN_PIECES, WIDE):
        assert (idp.post("/Users", {"userName": name}).status, name) == (409, name)
        for asked in (f'userName eq "{name}"', f'userName sw "{name[:5]}"'):
            found = idp.get(f"/Users?filter={quote(asked)}").body["Resources"]
            assert [each["id"] for each in found] == [made], asked


def test_keys_that_were_made_before_are_brought_to_the_same_form(acme, eraser):
    """Of two that are one now, the older gets the key; the other one stays as it was."""
    people = [join(acme, name) for name in ("a@acme.example", "b@acme.example", "c@acme.example")]
    before = ["ame\u0301lie", "ａmélie", "zoe\u0308"]
    for member, key in zip(people, before, strict=True):
        eraser.execute("SET session_replication_role = replica")
        eraser.execute("UPDATE identity_member SET user_name_key = %s WHERE id = %s", [key, member.pk])
        eraser.execute("RESET session_replication_role")
    eraser.execute(COMPOSE)
    with tenancy.of(acme):
        keys = dict(Member.objects.values_list("pk", "user_name_key"))
    assert [keys[each.pk] for each in people] == ["amélie", "ａmélie", "zoë"]
    state = eraser.execute(
        "SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgrelid = 'identity_member'::regclass"
    )
    assert state.fetchall() == [("O",)]
