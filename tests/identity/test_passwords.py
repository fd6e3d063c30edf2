"""What may be a password: long, not common, not one's own name; nothing about its composition."""

import pytest

from identity import members, passwords
from identity.errors import Invalid
from tests.conftest import SETUP


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "at least 15"),
        ("fourteen chars", "at least 15"),
        ("é" * 14, "at least 15"),
        ("x" * 1025, "at most 1024 bytes"),
        ("ü" * 300 + "語" * 200, "at most 1024 bytes"),
        ("aaaaaaaaaaaaaaaaaaaa", "over and over"),
        ("1qaz2wsx3edc4rfv", "common"),
        ("jane@acme.example", "name or address"),
        ("Jane@Acme.Example2027!", "name or address"),
        ("rollcallrollcall", "name of this service"),
    ],
)
def test_what_is_refused_says_why(jane, password, said):
    before = jane.password
    with pytest.raises(Invalid, match=said):
        members.set_password(jane, password, actor=SETUP)
    assert jane.password == before


@pytest.mark.parametrize(
    "password",
    [
        "all lowercase letters",
        "123 456 789 012 345",
        "пароль из трёх слов",
        "correct horse battery",
        "x y" * 300,
    ],
)
def test_any_characters_will_do(jane, password):
    members.set_password(jane, password, actor=SETUP)


def test_the_same_letters_typed_on_another_keyboard_open_too(jane):
    members.set_password(jane, "zu\u0308rich am see im mai", actor=SETUP)
    jane.password = members_password(jane)
    assert passwords.matches(jane, "z\u00fcrich am see im mai")
    assert not passwords.matches(jane, "zurich am see im mai")


def members_password(member):
    from identity import tenancy
    from identity.models import Member

    with tenancy.of(member.organization_id):
        return Member.objects.get(pk=member.pk).password
