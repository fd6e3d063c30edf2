"""What a password must be, after NIST SP 800-63B-4 (3.1.1.2): long and not known to everybody; nothing about its composition."""

import unicodedata
from functools import cache
from typing import Final

from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from identity.errors import Invalid
from identity.models import Member

CHARACTERS_MIN: Final = 15
# A limit on what is hashed, far above any passphrase; in bytes, since a character may be four.
BYTES_MAX: Final = 1024
_NAME_CHARACTERS_MIN: Final = 4


def check(member: Member, password: str, *, field: str = "password") -> None:
    """Raise Invalid unless this may be the member's password."""
    text = normal(password)
    if len(text) < CHARACTERS_MIN:
        raise Invalid(
            f"A password has at least {CHARACTERS_MIN} characters: four unrelated words are easy to remember.",
            field=field,
        )
    if len(text.encode("utf-8", "replace")) > BYTES_MAX:
        raise Invalid(f"A password has at most {BYTES_MAX} bytes.", field=field)
    if len(set(text)) == 1:
        raise Invalid("One character over and over is guessed first. Take four unrelated words.", field=field)
    try:
        _common().validate(text)
    except ValidationError:
        raise Invalid("This password is on every list of common ones. Take another.", field=field) from None
    if _is_names(member, text):
        raise Invalid(
            "Your name or address, or the name of this service, is guessed first. Take another.", field=field
        )


def matches(member: Member, password: str) -> bool:
    """Tell whether this is the member's password; costs one hash."""
    return check_password(normal(password), member.password)


def normal(password: str) -> str:
    """Return the one spelling of a password: keyboards write the same letters in different ways (NFKC, as 800-63B has it)."""
    return unicodedata.normalize("NFKC", password)


@cache
def _common() -> CommonPasswordValidator:
    """Read Django's list of twenty thousand once a process."""
    return CommonPasswordValidator()


def _is_names(member: Member, text: str) -> bool:
    """Tell whether next to nothing remains when names that anybody knows are taken out."""
    folded = text.casefold()
    parts = [*member.user_name_key.split("@"), *member.email_key.split("@")]
    known = {"rollcall", member.user_name_key, member.email_key, *parts}
    rest = folded
    for name in sorted(known, key=len, reverse=True):
        if len(name) >= _NAME_CHARACTERS_MIN:
            rest = rest.replace(name, "")
    return rest != folded and len(rest.strip(" 0123456789!.-_")) < _NAME_CHARACTERS_MIN
