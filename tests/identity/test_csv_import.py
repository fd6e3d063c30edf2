"""Lists that people paste: what they mean, and where they are wrong."""

import pytest

from identity import csv_import
from identity.csv_import import Row
from identity.errors import Invalid, TooMany


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@x.example\nb@x.example", ["a@x.example", "b@x.example"]),
        ("a@x.example, b@x.example; a@x.example", ["a@x.example", "b@x.example"]),
        ("Jane <jane@x.example>, tom@x.example", ["jane@x.example", "tom@x.example"]),
        ('"Jones, Jane" <jane@x.example>\nTom T <tom@x.example>', ["jane@x.example", "tom@x.example"]),
        (
            "a@x.example\r\nJane <jane@x.example>\nb@x.example",
            ["a@x.example", "jane@x.example", "b@x.example"],
        ),
        ("email\r\na@x.example\r\n", ["a@x.example"]),
        ("", []),
    ],
)
def test_a_pasted_list_is_read_as_people_write_it(text, expected):
    assert csv_import.words(text) == expected


@pytest.mark.parametrize("text", ["y" * csv_import.TEXT_LENGTH_MAX, '"' + "y" * 999_999, "Jane " * 200_000])
def test_a_list_as_long_as_may_be_is_read_without_an_end_of_it_in_sight(text):
    assert csv_import.words(text) == list(dict.fromkeys(text.strip('"').split()))


def test_rows_carry_their_line_and_columns():
    text = '\ufeffUser_Name;Reason\njane;"left; for good"\n\ntom;\n'
    assert csv_import.rows(text, ("user_name",), ("reason",)) == [
        Row(2, {"user_name": "jane", "reason": "left; for good"}),
        Row(4, {"user_name": "tom", "reason": ""}),
    ]


def test_rows_may_stand_between_tabs():
    text = "user_name\treason\njane\tleft, for good; really\n"
    assert csv_import.rows(text, ("user_name",), ("reason",)) == [
        Row(2, {"user_name": "jane", "reason": "left, for good; really"})
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name\nx",
        "user_name,other\na,b",
        "user_name,user_name\na,b",
        "user_name,reason\na",
        "user_name\n\0",
    ],
)
def test_a_wrong_list_is_refused(text):
    with pytest.raises(Invalid):
        csv_import.rows(text, ("user_name",), ("reason",))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("email,name\nc@x.example,C\nd@x.example,D\n", ["c@x.example", "d@x.example"]),
        ("user_name;E-Mail\njane;jane@x.example\n", ["jane@x.example"]),
        ("\ufeffName,Mail\nJane,jane@x.example\nJane,jane@x.example\n", ["jane@x.example"]),
        ('"email","name"\n"c@x.example","Jones, Jane"\n', ["c@x.example"]),
        ("Name\tEmail\r\nJörg Jones\tc@x.example\r\n", ["c@x.example"]),
        ("email\nc@x.example", ["c@x.example"]),
        ('"email"\n"c@x.example"', ["c@x.example"]),
        ("c@x.example, d@x.example", ["c@x.example", "d@x.example"]),
        ("", []),
    ],
)
def test_of_a_csv_the_column_of_addresses_counts(text, found):
    assert csv_import.addresses(text) == found


def test_a_list_has_an_end():
    many = "\n".join(f"p{number}" for number in range(csv_import.ROWS_MAX + 1))
    with pytest.raises(TooMany):
        csv_import.words(many)
    with pytest.raises(TooMany):
        csv_import.rows(f"user_name\n{many}", ("user_name",))
