"""Offboarding from the command line: shown first, done with --yes, and nobody by mistake."""

import io
import sys

import pytest
from django.core.management import CommandError

from identity import csv_import, tenancy, tokens
from identity.models import Member, Token
from tests.api.client import recorded
from tests.config.test_as_code import rollcall
from tests.conftest import SETUP, join, states


def test_it_is_shown_first_and_done_with_yes(acme, ada, jane):
    tokens.issue(jane, actor=SETUP)
    assert rollcall("offboard", "acme", "jane@acme.example") == (
        2,
        "jane@acme.example: ends 1 tokens\n1 would be offboarded. Nothing has happened; add --yes to do it.\n",
    )
    assert states(acme)["jane@acme.example"] == "active"
    code, told = rollcall("offboard", "acme", "jane@acme.example", "--reason=left", "--yes")
    assert (code, "jane@acme.example: receipt " in told) == (0, True)
    assert states(acme) == {"ada@acme.example": "active", "jane@acme.example": "offboarded"}
    entry = recorded(acme, "member.offboard")[0]
    assert (entry["actor"]["kind"], entry["source"], entry["data"]["reason"]) == (
        "operator",
        "command_line",
        "left",
    )
    assert rollcall("offboard", "acme", "jane@acme.example", "--yes") == (
        0,
        "jane@acme.example: offboarded\nNothing to do.\n",
    )


def test_a_name_at_fault_stops_all(acme, jane):
    code, told = rollcall("offboard", "acme", "jane@acme.example", "nobody", "--yes")
    assert (code, "nobody: unknown\n" in told) == (1, True)
    assert states(acme)["jane@acme.example"] == "active"


def test_a_csv_names_people_by_its_column(acme, ada, jane, tmp_path):
    path = tmp_path / "leavers.csv"
    path.write_text("name;user_name;team\nJane;jane@acme.example;Desk\n", "utf-8-sig")
    assert rollcall("offboard", "acme", f"--file={path}", "--yes")[0] == 0
    assert states(acme) == {"ada@acme.example": "active", "jane@acme.example": "offboarded"}


def test_a_list_comes_from_standard_input(acme, ada, jane, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"jane@acme.example\nada@acme.example\n")))
    code, told = rollcall("offboard", "acme", "--file=-")
    assert (code, "(the last administrator!)" in told) == (2, True)


def test_later_and_with_an_heir(acme, ada, jane):
    tokens.issue(jane, actor=SETUP, name="Robot", service=True)
    code, _ = rollcall(
        "offboard",
        "acme",
        "jane@acme.example",
        "--at=2030-01-31T18:00",
        "--hand-over-to=ada@acme.example",
        "--yes",
    )
    assert code == 0
    with tenancy.of(acme):
        assert Member.objects.get(pk=jane.pk).ends_at.year == 2030
        assert Token.objects.get().member_id == ada.pk


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere", "jane"), "There is no such organization."),
        (("acme",), "Name somebody"),
        (("acme", "--file=/nowhere/at/all"), "cannot be read"),
        (("acme", "jane@acme.example", "--at=tomorrow"), "Write a date and an hour"),
        (("acme", "jane@acme.example", "--hand-over-to=nobody"), "nobody: unknown"),
    ],
)
def test_what_is_wrong_is_refused(acme, jane, arguments, told):
    with pytest.raises(CommandError, match=told):
        rollcall("offboard", *arguments)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@x\nb@x", ["a@x", "b@x"]),
        ("user_name\na\nb", ["a", "b"]),
        ("email,name\na@x,Al\nb@x,Bo\na@x,Al", ["a@x", "b@x"]),
        ("Name;E-Mail\nAl;a@x\nBo;", ["a@x"]),
    ],
)
def test_a_list_in_any_form_names_people(text, found):
    assert csv_import.names(text) == found


def test_a_stranger_of_the_same_name_stays(acme, globex, jane):
    join(globex, "jane@acme.example")
    rollcall("offboard", "acme", "jane@acme.example", "--yes")
    assert states(globex) == {"jane@acme.example": "active"}


def test_the_last_administrator_leaves_only_with_a_word(acme, ada):
    with pytest.raises(CommandError, match="last administrator"):
        rollcall("offboard", "acme", "ada@acme.example", "--yes")
    assert states(acme)["ada@acme.example"] == "active"
    assert rollcall("offboard", "acme", "ada@acme.example", "--yes", "--despite-last-administrator")[0] == 0
    assert states(acme)["ada@acme.example"] == "offboarded"
