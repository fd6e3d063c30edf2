"""A CSV file that is not what it should be, read again and again, puts nobody out."""

from contextlib import suppress

import pytest

from identity import pulls, tenancy
from identity.errors import Invalid
from identity.models import Link, Membership
from tasks.connectors import csv
from tests.conftest import SETUP
from tests.sync.conftest import ADA
from tests.sync.scripted import settle, states


@pytest.fixture
def csv_pull(acme):
    mapping = {"external_id": "No", "user_name": "Login"}
    return pulls.create(acme, kind="csv", name="HR", settings={"mapping": mapping}, actor=SETUP)


def read_file(pull, body):
    """Lay the file there, have it read, and approve what waits."""
    pulls.put_file(pull, body.encode() if isinstance(body, str) else body, "hr.csv", actor=SETUP)
    return settle(pull, ADA)


def test_a_key_that_stands_twice_makes_the_file_incomplete(acme, csv_pull):
    """An export by the wrong column, every row of a team under the team's number: whoever lost their row is not gone."""
    assert read_file(csv_pull, "No,Login\n1,amy\n2,bob\n3,cyd\n").state == "done"
    for _ in range(3):
        made = read_file(csv_pull, "No,Login\n1,amy\n1,bob\n1,cyd\n")
        assert [lack["code"] for lack in made.lacks] == ["key_twice"]
    assert set(states(csv_pull).values()) == {"active"}
    made = read_file(csv_pull, "No,Login\n1,amy\n1,amy\n1,amy\n")
    assert made.lacks == [
        {
            "code": "key_twice",
            "sentence": "2 rows have a key that another row has: each person stands in one row.",
        }
    ]


@pytest.mark.parametrize("page_rows", [1, 2, 500])
@pytest.mark.parametrize(
    "rows",
    [
        "1,amy,a\n2,bob,b\n1,mallory,c",
        "1,mallory,c\n2,bob,b\n1,amy,a",
        "1,amelia,a\n2,bob,b\n1,mallory,c",
        "1,amelia,a\n1,amelia,a\n2,bob,b\n1,mallory,c",
    ],
)
def test_of_rows_that_differ_under_one_key_none_counts(acme, monkeypatch, rows, page_rows):
    """A typing error in a number: nobody is renamed to somebody else, and nobody comes into their groups."""
    monkeypatch.setattr(csv, "PAGE_ROWS", page_rows)
    mapping = {"external_id": "No", "user_name": "Login", "groups": "Teams"}
    csv_pull = pulls.create(acme, kind="csv", name="HR", settings={"mapping": mapping}, actor=SETUP)
    assert read_file(csv_pull, "No,Login,Teams\n1,amy,a\n2,bob,b\n3,cyd,c\n").state == "done"
    made = read_file(csv_pull, f"No,Login,Teams\n{rows}\n3,cyd,c\n4,dan,c\n5,eve,c\n5,eva,c\n")
    assert made.state == "done"
    assert made.lacks == [
        {
            "code": "key_twice",
            "sentence": "2 keys stand in rows that differ, so none of these rows counts: 1, 5.",
        }
    ]
    with tenancy.of(acme):
        links = Link.objects.filter(directory=csv_pull.directory_id)
        assert sorted(links.values_list("member__user_name", flat=True)) == ["amy", "bob", "cyd", "dan"]
        team = Membership.objects.filter(group__display_name="c", ended_at__isnull=True)
        assert sorted(team.values_list("member__user_name", flat=True)) == ["cyd", "dan"]
    assert set(states(csv_pull).values()) == {"active"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ("No,Login\n".encode("utf-16"), "at least 1"),
        (b"No,Login\n", "at least 1"),
        (b'No,Login\n1,"amy\n2,bob\n3,cyd\n', "no CSV"),
        (b"No,Login\n1,amy\n2\n", "1 records"),
        (b"No,Login\n1,amy\n2,bob,a comma\n", "1 records"),
        (b"PK\x03\x04" + b"\0" * 50, "workbook"),
        (b"<html>Please sign in</html>", "no column"),
    ],
    ids=[
        "empty",
        "mark_alone",
        "utf16_heading",
        "heading",
        "open_quote",
        "cut_off",
        "too_many_cells",
        "spreadsheet",
        "web_page",
    ],
)
def test_whatever_lies_there_in_the_files_place_puts_nobody_out(acme, csv_pull, body, says):
    assert read_file(csv_pull, "No,Login\n1,amy\n2,bob\n3,cyd\n").state == "done"
    for _ in range(3):
        with suppress(Invalid):
            made = read_file(csv_pull, body)
            told = " ".join([made.fault_sentence, *(lack["sentence"] for lack in made.lacks)])
            assert says in told, told
    assert set(states(csv_pull).values()) == {"active"}
    assert len(states(csv_pull)) == 3
