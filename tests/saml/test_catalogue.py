"""The attack catalogue has 66 rows, and each of them is a test."""

import re
from pathlib import Path

# What is not a matter of messages: where it is held instead.
ELSEWHERE = {
    61: "signing out is a POST with a CSRF token: tests/console",
    66: "the way to an identity provider is found by domain, never by person: tests/console",
}


def test_every_row_is_a_test_or_says_where_it_is_held():
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    rows = {
        int(number)
        for number in re.findall(r"rows?[-_](\d\d)\b|row_(\d\d)", text)
        for number in number
        if number
    }
    rows |= {int(number) for number in re.findall(r"_and_(\d\d)_", text)}
    assert rows | set(ELSEWHERE) == set(range(1, 67))
