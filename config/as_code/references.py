"""References: what a file says stands in the environment, or in another file beside it. Secrets come no other way."""

import os
from pathlib import Path
from typing import Any, Final, Self

from identity.errors import Invalid

_FORM: Final = 'A reference is {from: "env:NAME"}, or {from: "file:PATH"} beside this file.'


class Referred(str):
    """A text that a reference led to, and the reference, by which alone it may be told."""

    __slots__ = ("reference",)
    reference: str

    def __new__(cls, text: str, reference: str) -> Self:
        """Keep both."""
        made = super().__new__(cls, text)
        made.reference = reference
        return made


def follow(value: Any, beside: Path, place: str = "") -> Any:
    """Put what references lead to in their place. Raises Invalid, its field being the place of the one that leads nowhere."""
    if isinstance(value, dict):
        if set(value) == {"from"} and isinstance(value["from"], str):
            return _led_to(value["from"], beside, place)
        return {key: follow(item, beside, f"{place}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list):
        return [follow(item, beside, f"{place}[{index}]") for index, item in enumerate(value)]
    return value


def written(references: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return references by name as a file has them."""
    return {name: {"from": reference} for name, reference in sorted(references.items())}


def _led_to(reference: str, beside: Path, place: str) -> Referred:
    kind, _, name = reference.partition(":")
    if kind == "env":
        if name not in os.environ:
            raise Invalid(
                f"The environment has no {name}. Set it where this command runs, or correct the reference.",
                field=place,
            )
        return Referred(os.environ[name], reference)
    if kind == "file":
        try:
            return Referred((beside / name).read_text("utf-8"), reference)
        except UnicodeDecodeError as error:
            raise Invalid(f"{name} cannot be read: it is not UTF-8.", field=place) from error
        except (OSError, ValueError) as error:
            raise Invalid(f"{name} cannot be read: {error}", field=place) from error
    raise Invalid(_FORM, field=place)
