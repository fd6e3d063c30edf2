"""The kinds of directories that are pulled, and what each asks to be told: declared by connectors, read by API and console.

A connector lives on the floor of the clock, which the pages that set it up must not know. So each registers its kind here when the
server starts, as values, and its test of the connection as a function.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, Literal

from identity.errors import Invalid

_TEXT_LENGTH_MAX: Final = 4096
# A private key with its certificate, or a service account's file.
_SECRET_LENGTH_MAX: Final = 65_536
_LIST_LENGTH_MAX: Final = 200
_MAPPING_LENGTH_MAX: Final = 60
_SHOWN_MAX: Final = 60

FieldKind = Literal["text", "url", "number", "flag", "choice", "list", "mapping"]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a kind is told. `in_scope`: another value changes who or what is read, so that the next run is previewed first.

    `kind` "list" is of texts; "mapping" is an object of texts. `least` and `most` bound a number. `choices` are those of a choice, or what
    a mapping may fill, and `needs` what it must.
    """

    name: str
    label: str
    kind: FieldKind = "text"
    help: str = ""
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    least: int = 0
    most: int = 1_000_000_000
    in_scope: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """A right that the directory has not given us: its name as the directory spells it, and where an administrator gives it."""

    right: str
    where: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a test of the connection found. `sentence` says what to do next; `people` and `groups` count what was seen."""

    ok: bool
    sentence: str
    code: str = ""
    missing: Sequence[Missing] = ()
    people: int | None = None
    groups: int | None = None
    sample: Sequence[str] = ()


# (settings, credentials, file) → verdict. Never raises for what the directory answers.
Test = Callable[[Mapping[str, Any], Mapping[str, Any], BinaryIO | None], Verdict]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of directory: `name` as the API has it, `title` as people read it."""

    name: str
    title: str
    settings: tuple[Field, ...]
    credentials: tuple[Field, ...]
    test: Test = field(compare=False)
    takes_file: bool = False


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make the kind known to this process; once more is the same."""
    _kinds[kind.name] = kind


def kinds() -> tuple[Kind, ...]:
    """Return every kind that can be pulled, by name."""
    return tuple(_kinds[name] for name in sorted(_kinds))


def kind_of(name: str) -> Kind:
    """Return the kind of that name. Raises Invalid."""
    if name not in _kinds:
        raise Invalid(f"kind is one of {', '.join(['scim', *sorted(_kinds)])}.", field="kind")
    return _kinds[name]


def with_defaults(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each field: the given one, else its default."""
    return {asked.name: values.get(asked.name, asked.default) for asked in fields}


def check(fields: Sequence[Field], values: object, path: str) -> None:
    """Refuse values that we don't know, that are missing, or that have the wrong shape; a refusal never repeats a value.

    Raises Invalid, its field being the path.
    """
    if not isinstance(values, Mapping):
        raise Invalid(f"{path} is an object.", field=path)
    known = {asked.name: asked for asked in fields}
    for name in values:
        if name not in known:
            raise Invalid(
                f"There is no {path}.{name}; there are {', '.join(known) or 'none'}.", field=f"{path}.{name}"
            )
    for asked in fields:
        value = values.get(asked.name)
        if value is None or value in ("", [], {}):
            if asked.required:
                raise Invalid(f"{path}.{asked.name} is needed: {asked.label}.", field=f"{path}.{asked.name}")
            if value is None:
                continue
        problem = _CHECKS[asked.kind](asked, value)
        if problem:
            raise Invalid(f"{path}.{asked.name} is {problem}.", field=f"{path}.{asked.name}")


def _text(_field: Field, value: object) -> str:
    fits = isinstance(value, str) and len(value) <= _SECRET_LENGTH_MAX and "\0" not in value
    return "" if fits else f"a text of at most {_SECRET_LENGTH_MAX} characters"


def _url(_field: Field, value: object) -> str:
    fits = isinstance(value, str) and len(value) <= _TEXT_LENGTH_MAX and "://" in value and "\0" not in value
    return "" if fits else "an address, as https://host/path"


def _number(field: Field, value: object) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool) and field.least <= value <= field.most
    return "" if fits else f"a whole number from {field.least} to {field.most}"


def _flag(_field: Field, value: object) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _choice(field: Field, value: object) -> str:
    return "" if value in field.choices else f"one of {', '.join(field.choices)}"


def _list(_field: Field, value: object) -> str:
    fits = (
        isinstance(value, list) and len(value) <= _LIST_LENGTH_MAX and all(_is_word(item) for item in value)
    )
    return "" if fits else f"a list of at most {_LIST_LENGTH_MAX} texts"


def _mapping(field: Field, value: object) -> str:
    if not (
        isinstance(value, Mapping)
        and len(value) <= _MAPPING_LENGTH_MAX
        and all(_is_word(item) for pair in value.items() for item in pair)
    ):
        return f"an object of at most {_MAPPING_LENGTH_MAX} texts"
    strange = sorted(set(value) - set(field.choices))
    if strange:
        return f"an object that fills {', '.join(field.choices)}: {strange[0][:_SHOWN_MAX]} is none of them"
    missing = [name for name in field.needs if value and name not in value]
    return f"an object that fills {' and '.join(field.needs)}: {missing[0]} is missing" if missing else ""


def _is_word(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT_LENGTH_MAX and "\0" not in value


_CHECKS: Final[dict[FieldKind, Callable[[Field, object], str]]] = {
    "text": _text, "url": _url, "number": _number, "flag": _flag, "choice": _choice, "list": _list, "mapping": _mapping,
}  # fmt: skip
