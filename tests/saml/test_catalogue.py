"""The attack catalogue has 66 rows, and each of them is a test; each reason of ours is given somewhere, and expected by a test."""

import re
from pathlib import Path

import pytest

from config.environment import ROOT
from saml.refusals import CATALOGUE

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


@pytest.mark.parametrize("floors", [("saml", "identity"), ("tests",)])
def test_every_reason_is_given_and_expected_by_a_test(floors):
    listed = {ROOT / "saml/refusals.py", ROOT / "saml/advice.py"}
    files = {path for floor in floors for path in (ROOT / floor).rglob("*.py")} - listed
    text = "".join(path.read_text() for path in files)
    assert [code for code in CATALOGUE if f'"{code}"' not in text] == []
