"""The attack catalogue has 66 rows, and each of them is a test."""

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent


def test_every_row_is_a_test():
    files = [*TESTS.glob("saml/test_*.py"), *TESTS.glob("console/test_*.py")]
    text = "".join(path.read_text() for path in files)
    rows = {
        int(number)
        for number in re.findall(r"rows?[-_](\d\d)\b|row_(\d\d)", text)
        for number in number
        if number
    }
    rows |= {int(number) for number in re.findall(r"_and_(\d\d)_", text)}
    assert rows == set(range(1, 67))
