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
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?(?=[\s()\[\]]|\Z))
    | (?P<word>[A-Za-z$][\w$.:\-]*+(?=[\s"()\[\]]|\Z))
    | (?P<sub>\.[A-Za-z$][\w$\-]*)
    | (?P<mark>[()\[\]])
    | (?P<bare>(?!--)[^\s"'.;\\()\[\]{}=<>*|][^\s";\\()\[\]{}=<>*|]*)
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
_COMPARING = _OPERATORS | {"pr"}
_GRAMMAR = _COMPARING | {"and", "or", "not"}
# The kinds of tokens that text without quotes is made of.
_BARE = frozenset({"word", "bare", "number", "sub"})
_CONSTANTS: dict[str, Literals] = {"true": True, "false": False, "null": None}


class Token(NamedTuple):
    """A piece of the text, its kind, and where it begins and ends."""

    kind: str
    text: str
    position: int
    end: int


@lru_cache(maxsize=2048)
def parse(text: str) -> Filter:
    """Return the tree of a filter; ScimError filter_syntax, filter_too_long or filter_too_complex otherwise."""
    reader = Reader(text)
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
        tokens.append(Token(kind, found[kind], *found.span(kind)))
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

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = scan(text)
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
        if self.token.kind != "word" or operator not in _COMPARING:
            raise self.unreadable("an operator is expected, as eq")
        self.index += 1
        if operator == "pr":
            return Present(path)
        value = self.value()
        return Comparison(path, operator, value)  # type: ignore[arg-type]

    def value(self) -> Literals:
        """Read a JSON string, number, true, false or null; as some clients send it also text in single quotes, or in none.

        Without quotes it ends where a bracket closes, or at an `and` or `or` with a comparison behind it: whatever can be read as the
        grammar says is read so, and no filter grows wider.
        """
        token = self.token
        value: Literals
        last = self.last_of_bare()
        if last > self.index:
            # authentik and WSO2 look for the name that they were given, as it is: displayName Eq Research and Development.
            value = self.storable(self.text[token.position : self.tokens[last].end])
            self.index = last
        elif token.kind == "string":
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
            value = self.storable(token.text)
        else:
            raise self.unreadable("a value is expected, text in quotes")
        self.index += 1
        return value

    def last_of_bare(self) -> int:
        """Return where the text without quotes that begins here has its last token; of brackets it holds those that it opens."""
        last = self.index
        if self.token.kind not in _BARE or self.token.text.lower() in _GRAMMAR:
            return last
        opened = 0
        while (token := self.tokens[last + 1]).kind in _BARE or token.kind == "mark":
            word = token.text.lower()
            if word in _COMPARING:
                raise _unreadable(token.position, "text of several words is to stand in quotes")
            opened += (word in {"(", "["}) - (word in {")", "]"})
            if opened < 0 or (not opened and word in {"and", "or"} and self.begins_term(last + 2)):
                return last
            last += 1
        if opened:
            raise _unreadable(token.position, "a closing bracket is missing")
        return last

    def begins_term(self, index: int) -> bool:
        """Tell whether a comparison, or what stands in its place, begins at this token; so does the end, where one is missing."""
        token = self.tokens[index]
        if token.kind != "word":
            return token.kind not in _BARE
        following = self.tokens[index + 1]
        return following.kind == "mark" or following.text.lower() in _COMPARING

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
