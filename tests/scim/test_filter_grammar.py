"""The filter parser: the whole grammar of RFC 7644 §3.4.2.2, and a clean refusal of everything else."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim.errors import ScimError
from scim.filter.ast import And, AttributePath, Comparison, Filter, Not, Or, Present, ValuePath
from scim.filter.grammar import LENGTH_CHARACTERS_MAX, parse

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def attribute(name: str, sub: str | None = None, urn: str | None = None) -> AttributePath:
    return AttributePath(urn, name, sub)


def eq(name: str, value: object) -> Comparison:
    return Comparison(attribute(name), "eq", value)  # type: ignore[arg-type]


# The examples of RFC 7644 §3.4.2.2, figure 2, and what clients add to them.
CASES = [
    ('userName eq "bjensen"', eq("userName", "bjensen")),
    ('name.familyName co "O\'Malley"', Comparison(attribute("name", "familyName"), "co", "O'Malley")),
    ('userName sw "J"', Comparison(attribute("userName"), "sw", "J")),
    (
        'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"',
        Comparison(attribute("userName", urn="urn:ietf:params:scim:schemas:core:2.0:User"), "sw", "J"),
    ),
    (
        f'{ENTERPRISE}:manager.displayName ew "n"',
        Comparison(attribute("manager", "displayName", ENTERPRISE), "ew", "n"),
    ),
    ("title pr", Present(attribute("title"))),
    (
        'meta.lastModified gt "2011-05-13T04:42:34Z"',
        Comparison(attribute("meta", "lastModified"), "gt", "2011-05-13T04:42:34Z"),
    ),
    ('title pr and userType eq "Employee"', And((Present(attribute("title")), eq("userType", "Employee")))),
    ('title pr or userType eq "Intern"', Or((Present(attribute("title")), eq("userType", "Intern")))),
    (
        'userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")',
        And(
            (
                eq("userType", "Employee"),
                Or(
                    (
                        Comparison(attribute("emails"), "co", "example.com"),
                        Comparison(attribute("emails", "value"), "co", "example.org"),
                    )
                ),
            )
        ),
    ),
    (
        'userType ne "Employee" and not (emails co "example.com")',
        And(
            (
                Comparison(attribute("userType"), "ne", "Employee"),
                Not(Comparison(attribute("emails"), "co", "example.com")),
            )
        ),
    ),
    (
        'emails[type eq "work" and value co "@example.com"]',
        ValuePath(
            attribute("emails"), And((eq("type", "work"), Comparison(attribute("value"), "co", "@example.com")))
        ),
    ),
    ("a eq 1 or b eq 2 and c eq 3", Or((eq("a", 1), And((eq("b", 2), eq("c", 3)))))),
    ("(a eq 1 or b eq 2) and c eq 3", And((Or((eq("a", 1), eq("b", 2))), eq("c", 3)))),
    # Entra compares a part of the chosen value behind the bracket.
    (
        'emails[type eq "work"].value eq "k@x"',
        ValuePath(attribute("emails"), And((eq("type", "work"), eq("value", "k@x")))),
    ),
    ("USERNAME EQ 'single quoted'", eq("USERNAME", "single quoted")),
    # Text without quotes, as WSO2's compliance tests and Microsoft's collection of requests write it.
    ("userName sw O", Comparison(attribute("userName"), "sw", "O")),
    ("userName eq b.jensen+1@example.com and (active eq true)", And((eq("userName", "b.jensen+1@example.com"), eq("active", True)))),
    (
        "meta.created gt 2015-10-10T14:38:21.8617979-07:00",
        Comparison(attribute("meta", "created"), "gt", "2015-10-10T14:38:21.8617979-07:00"),
    ),
    ("emails.value co @foo.com", Comparison(attribute("emails", "value"), "co", "@foo.com")),
    ("emails[type eq work]", ValuePath(attribute("emails"), eq("type", "work"))),
    ("a eq 01x or b eq 2e3x", Or((eq("a", "01x"), eq("b", "2e3x")))),
    # The same, as authentik looks for a userName and WSO2 for a displayName, whatever the name is.
    ("displayName Eq Head Office", eq("displayName", "Head Office")),
    ("displayName Eq  2024  Intake & Büro Köln ", eq("displayName", "2024  Intake & Büro Köln")),
    ("displayName eq Research and Development", eq("displayName", "Research and Development")),
    ("displayName eq 1 or more and active eq true", And((eq("displayName", "1 or more"), eq("active", True)))),
    ("not (a eq Head Office) or b pr", Or((Not(eq("a", "Head Office")), Present(attribute("b"))))),
    ("(a eq Sales (EU, UK) [old] and b pr)", And((eq("a", "Sales (EU, UK) [old]"), Present(attribute("b"))))),
    ("b[c eq true north and d pr]", ValuePath(attribute("b"), And((eq("c", "true north"), Present(attribute("d")))))),
    ("a eq x and not (b pr)", And((eq("a", "x"), Not(Present(attribute("b")))))),
    ("userName eq o'brien's", eq("userName", "o'brien's")),
    ("userName eq ACME/jane#EXT#,x", eq("userName", "ACME/jane#EXT#,x")),
    ("userName eq -é .b - c--d", eq("userName", "-é .b - c--d")),
    ("not(active eq TRUE)", Not(eq("active", True))),
    ("  a   eq\tnull  ", eq("a", None)),
    ('a eq "\\u00e9\\"\\\\"', eq("a", 'é"\\')),
    ("a eq -12", eq("a", -12)),
    ("a ge 1.50", Comparison(attribute("a"), "ge", Decimal("1.50"))),
    ("a eq 2e3", eq("a", Decimal("2e3"))),
    ('members.$ref eq "x"', Comparison(attribute("members", "$ref"), "eq", "x")),
    # Words of the grammar may name attributes.
    ("not eq 1", eq("not", 1)),
    ("or pr", Present(attribute("or"))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), CASES, ids=[text for text, _ in CASES])
def test_a_filter_is_read_as_the_grammar_says(text: str, tree: Filter) -> None:
    assert parse(text) == tree
    assert parse(str(tree)) == tree


REFUSED = [
    "", " ", "userName", "userName eq", "userName xx 1", 'userName eq "a" userName eq "b"', "(", ")", "()", "a eq 1)", "(a eq 1",
    "a eq 1 and", "and a eq 1", "not a eq 1", "a[b eq 1", "a[]", "a[b[c eq 1]]", "a[b eq 1].c", 'a eq "open', "a eq 'open", 'a eq "\\x"',
    "a..b eq 1", "a.b.c eq 1", ".a eq 1", "1a eq 1",
    "a eq and", "a eq and b eq 1", "a eq PR", "a@b eq 1", "a eq {x}", "a eq b;c", "a eq 1; drop table x", "ä eq 1",
    # Nor is it text where somebody means SQL or a pattern: nobody found is no answer to that.
    "a eq 1 -- x", "a eq x OR 1=1", "a eq x' OR 1=1", "a eq x' OR 'x'='x", "a eq *", "a eq x*", "a eq a|b", "a eq x /* y", "a eq <x>",
    # Text of several words without quotes: not where a word is one of the grammar, or what is meant could be another comparison.
    "a eq two words and", "a eq two b eq 1", "a eq two words pr", "a eq two or not (b", 'a eq two "words"', 'a eq "two" words',
    "a eq two (words", "a eq two (b eq 1)", "a eq two) words", "(a eq two [words)",
    "a eq (two)", "a eq two words or (b)", "a eq two\x00words", "a eq two \ud800",
    'a eq "\\u0000"', 'a eq "\\ud800"', 'a eq "x\x00"', "a:b:1c eq 1", "a eq {}", 'a eq "a\nb"',
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_invalid_filter(text: str) -> None:
    with pytest.raises(ScimError) as refused:
        parse(text)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidFilter")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(" * 2000 + "a eq 1" + ")" * 2000, "filter_too_complex"),
        ("(" * 40 + "a eq 1" + ")" * 40, "filter_too_complex"),
        ("(" * 10_000, "filter_too_long"),
        ("not (" * 700, "filter_too_complex"),
        (" or ".join(["a pr"] * 500), "filter_too_complex"),
        (f'a eq "{"x" * LENGTH_CHARACTERS_MAX}"', "filter_too_long"),
    ],
)
def test_a_filter_has_limits(text: str, code: str) -> None:
    with pytest.raises(ScimError) as refused:
        parse(text)
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["(" * 31 + "a pr" + ")" * 31, " or ".join(["a pr"] * 300)])
def test_what_stays_within_the_limits_is_read(text: str) -> None:
    assert parse(str(parse(text))) == parse(text)


NAMES = st.from_regex(r"\A[A-Za-z$][A-Za-z0-9_$-]{0,8}\Z")
PATHS = st.builds(AttributePath, st.sampled_from([None, ENTERPRISE, "urn:x:y"]), NAMES, st.none() | NAMES)
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.booleans(),
    st.none(),
    st.integers(-(10**20), 10**20),
    st.decimals(-1000, 1000, places=3).map(lambda number: Decimal(str(number))),
)
COMPARISONS = st.builds(
    Comparison, PATHS, st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]), VALUES
)


def combined(leaves: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda terms: And(tuple(terms))),
            st.lists(inner, min_size=2, max_size=3).map(lambda terms: Or(tuple(terms))),
            st.builds(Not, inner),
        ),
        max_leaves=6,
    )


PLAIN = st.one_of(COMPARISONS, st.builds(Present, PATHS))
TREES = combined(st.one_of(PLAIN, st.builds(ValuePath, PATHS, combined(PLAIN))))


@given(TREES)
def test_every_tree_survives_being_written_and_read(tree: Filter) -> None:
    assert parse.__wrapped__(str(tree)) == tree


@given(st.text(max_size=200) | st.text("()[]\".'aeq 1not and or pr\\.:", max_size=300))
def test_any_text_is_read_or_refused_as_ours(text: str) -> None:
    try:
        tree = parse.__wrapped__(text)
    except ScimError as refused:
        assert refused.scim_type == "invalidFilter"  # noqa: PT017 - a refusal is one of the two right answers
    else:
        assert parse.__wrapped__(str(tree)) == tree
