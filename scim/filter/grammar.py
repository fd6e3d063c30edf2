"""Reads filters (RFC 7644 §3.4.2.2) by recursive descent, with limits, so that no input is slow or deep."""

import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, get_args

from scim.errors import Code, ScimError
from scim.filter.ast import (
    And,
    AttributePath,
    Comparison,
    Filter,
    Literals,
    Not,
    Operator,
    Or,
    Present,
    ValuePath,
)

LENGTH_CHARACTERS_MAX = 4096
DEPTH_MAX = 32
TOKENS_MAX = 1000
DIGITS_MAX = 100

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<single>'[^']*')
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?(?![\w.:@+\-]))
    | (?P<word>[A-Za-z$][\w$.:\-]*+(?![@+]))
    | (?P<bare>[A-Za-z0-9@+][\w.:@+\-]*)
    | (?P<sub>\.[A-Za-z$][\w$\-]*)
    | (?P<mark>[()\[\]])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z$][\w$\-]*", re.ASCII)
# What follows the last colon of a URN may be the end of that URN, with a version in it.
_END_OF_URN = re.compile(r"[\w$\-]+", re.ASCII)
_REST_OF_URN = re.compile(r"[\w$\-]+(?:\.[\w$\-]+)*", re.ASCII)
_OPERATORS = frozenset(get_args(Operator))
_GRAMMAR = _OPERATORS | {"pr", "and", "or", "not"}
_CONSTANTS: dict[str, Literals] = {"true": True, "false": False, "null": None}


class Token(NamedTuple):
    """A piece of the text, its kind, and where it begins."""

    kind: str
    text: str
    position: int


@lru_cache(maxsize=2048)
def parse(text: str) -> Filter:
    """Return the tree of a filter; ScimError filter_syntax, filter_too_long or filter_too_complex otherwise."""
    reader = Reader(scan(text))
    tree = reader.either(0)
    reader.finish()
    return tree


def scan(text: str) -> list[Token]:
    """Cut the text into tokens, the last of kind "end"."""
    if len(text) > LENGTH_CHARACTERS_MAX:
        raise ScimError(Code.FILTER_TOO_LONG, limit=LENGTH_CHARACTERS_MAX)
    tokens = []
    position = 0
    while True:
        found = _TOKEN.match(text, position)
        if found is None:
            raise _unreadable(position, "this character does not belong here")
        kind = found.lastgroup or "end"
        tokens.append(Token(kind, found[kind], found.start(kind)))
        if kind == "end":
            return tokens
        if len(tokens) > TOKENS_MAX:
            raise ScimError(Code.FILTER_TOO_COMPLEX, limit=DEPTH_MAX)
        position = found.end()


def attribute_path(text: str) -> AttributePath | None:
    """Split [urn:]name[.sub] into its parts; None when it is no attribute path.

    Where a URN ends only its schema knows (`urn:acme:hr:2.1` is one as well): scim.schemas.resource_type decides.
    """
    urn, _, tail = text.rpartition(":")
    name, dot, sub = tail.partition(".")
    whole, rest = (_END_OF_URN, _REST_OF_URN) if urn[:3].lower() == "urn" else (_NAME, _NAME)
    if not whole.fullmatch(name) or (dot and not rest.fullmatch(sub)):
        return None
    return AttributePath(urn or None, name, sub or None)


class Reader:
    """Walks over tokens once; each method reads one rule of the grammar."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0

    @property
    def token(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.index]

    def finish(self) -> None:
        """Refuse whatever follows the end of the rule."""
        if self.token.kind != "end":
            raise self.unreadable("something follows the end")

    def unreadable(self, why: str) -> ScimError:
        """Return the refusal that points at the present token."""
        return _unreadable(self.token.position, why)

    def either(self, depth: int, *, inside: bool = False) -> Filter:
        """Read FILTER, its terms joined by `or`; `inside` the brackets of a value path no other may stand."""
        if depth > DEPTH_MAX:
            raise ScimError(Code.FILTER_TOO_COMPLEX, limit=DEPTH_MAX)
        terms = [self.both(depth, inside=inside)]
        while self.skip_word("or"):
            terms.append(self.both(depth, inside=inside))
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def both(self, depth: int, *, inside: bool) -> Filter:
        """Read terms joined by `and`, which binds closer than `or` (RFC 7644 §3.4.2.2, table 5)."""
        terms = [self.term(depth, inside=inside)]
        while self.skip_word("and"):
            terms.append(self.term(depth, inside=inside))
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def term(self, depth: int, *, inside: bool) -> Filter:
        """Read a bracketed filter, its negation, a value path, or a comparison."""
        token = self.token
        if self.skip_mark("("):
            return self.bracketed(depth, inside=inside)
        if token.kind != "word":
            raise self.unreadable("an attribute is expected")
        self.index += 1
        if token.text.lower() == "not" and self.skip_mark("("):
            return Not(self.bracketed(depth, inside=inside))
        path = attribute_path(token.text)
        if path is None:
            raise _unreadable(token.position, "this is no attribute name")
        if self.token.text == "[" and self.token.kind == "mark":
            if inside:
                raise self.unreadable("a value path cannot stand inside another")
            return self.value_path(path, depth)
        return self.comparison(path)

    def bracketed(self, depth: int, *, inside: bool) -> Filter:
        """Read what stands between ( and )."""
        tree = self.either(depth + 1, inside=inside)
        if not self.skip_mark(")"):
            raise self.unreadable("a closing bracket is missing")
        return tree

    def value_path(self, path: AttributePath, depth: int) -> Filter:
        """Read `emails[…]`, and Entra's `emails[…].value eq "x"`, which asks one more thing of the same element."""
        inner = self.between_brackets(depth)
        if self.token.kind != "sub":
            return ValuePath(path, inner)
        sub = self.token.text[1:]
        self.index += 1
        last = self.comparison(AttributePath(None, sub))
        terms = inner.terms if isinstance(inner, And) else (inner,)
        return ValuePath(path, And((*terms, last)))

    def between_brackets(self, depth: int) -> Filter:
        """Read what stands between [ and ]."""
        self.index += 1
        inner = self.either(depth + 1, inside=True)
        if not self.skip_mark("]"):
            raise self.unreadable("a closing bracket ] is missing")
        return inner

    def comparison(self, path: AttributePath) -> Filter:
        """Read `pr`, or an operator and a value."""
        operator = self.token.text.lower()
        if self.token.kind != "word" or (operator not in _OPERATORS and operator != "pr"):
            raise self.unreadable("an operator is expected, as eq")
        self.index += 1
        if operator == "pr":
            return Present(path)
        value = self.value()
        return Comparison(path, operator, value)  # type: ignore[arg-type]

    def value(self) -> Literals:
        """Read a JSON string, number, true, false or null; as some clients send it also text in single quotes, or in none.

        Without quotes it is one word, which ends where a blank or a bracket stands: nothing is guessed, and no filter grows wider.
        """
        token = self.token
        value: Literals
        if token.kind == "string":
            try:
                value = self.storable(json.loads(token.text))
            except json.JSONDecodeError as error:
                raise self.unreadable("the text in quotes is no JSON string") from error
        elif token.kind == "single":
            value = self.storable(token.text[1:-1])
        elif token.kind == "number":
            value = (
                int(token.text)
                if token.text.lstrip("-").isdigit() and len(token.text) < DIGITS_MAX
                else Decimal(token.text)
            )
        elif token.kind == "word" and token.text.lower() in _CONSTANTS:
            value = _CONSTANTS[token.text.lower()]
        elif token.kind in {"word", "bare"} and token.text.lower() not in _GRAMMAR:
            # RFC 7644 §3.4.2.1 itself, the tests of WSO2 and i2scim, Microsoft's collection: meta.created gt 2015-10-10T14:38:21Z.
            value = token.text
        else:
            raise self.unreadable("a value is expected, text in quotes")
        self.index += 1
        return value

    def storable(self, text: str) -> str:
        """Refuse text that PostgreSQL cannot hold, and that therefore equals nothing."""
        if _UNSTORABLE.search(text):
            raise self.unreadable("the text in quotes holds a character that cannot be stored")
        return text

    def skip_word(self, word: str) -> bool:
        """Step over `and` or `or` if it comes next."""
        if self.token.kind == "word" and self.token.text.lower() == word:
            self.index += 1
            return True
        return False

    def skip_mark(self, mark: str) -> bool:
        """Step over a bracket if it comes next."""
        if self.token.kind == "mark" and self.token.text == mark:
            self.index += 1
            return True
        return False


def _unreadable(position: int, why: str) -> ScimError:
    return ScimError(Code.FILTER_SYNTAX, position=position + 1, why=why)
