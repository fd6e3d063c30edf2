"""Moving people from the command line: shown first, done with --yes, everybody or those named."""

import pytest
from django.core.management import CommandError

from audit.record import Actor
from identity import groups, members, moves
from tests.api.client import recorded
from tests.config.test_as_code import rollcall
from tests.conftest import SETUP


@pytest.fixture
def people(acme, okta, entra):
    actor = Actor("directory", str(okta.directory.pk), "okta")
    for key in "abc":
        members.provision(
            acme, user_name=f"{key}@acme.example", directory=okta.directory, external_id=key, actor=actor
        )


def awaited(client):
    return {row.user_name for row in moves.awaited(client.directory)}


@pytest.mark.usefixtures("people")
def test_it_is_shown_first_and_done_with_yes(acme, entra):
    assert rollcall("move", "acme", "okta", "entra", "a@acme.example") == (
        2,
        "  a@acme.example (active): to be met by user name or address\n1 would move to entra. Nothing has happened; add --yes to do it.\n",
    )
    assert awaited(entra) == set()
    code, told = rollcall("move", "acme", "okta", "entra", "a@acme.example", "--yes")
    assert (code, told.endswith("1 moved to entra.\n")) == (0, True)
    assert awaited(entra) == {"a@acme.example"}
    assert recorded(acme, "member.move")[0]["source"] == "command_line"


@pytest.mark.usefixtures("people")
def test_everybody_goes_with_their_ids_and_groups_in_as_many_steps_as_it_takes(
    acme, okta, entra, monkeypatch
):
    monkeypatch.setattr("identity.move_plan.PEOPLE_MAX", 2)
    groups.create(acme, display_name="Staff", directory=okta.directory, actor=SETUP)
    code, told = rollcall(
        "move", "acme", "okta", str(entra.directory.pk), "--everybody", "--same-ids", "--groups=move", "--yes"
    )
    assert (code, "  the group Staff moves too\n3 moved to entra.\n" in told) == (0, True)
    assert {row.external_id for row in moves.awaited(entra.directory)} == set("abc")


@pytest.mark.usefixtures("people")
def test_a_name_at_fault_stops_all(entra, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("user_name,room\nb@acme.example,1\nnobody,2\n")
    code, told = rollcall("move", "acme", "okta", "entra", f"--file={path}", "--yes")
    assert (code, "nobody: unknown in okta\n" in told) == (1, True)
    assert awaited(entra) == set()


@pytest.mark.usefixtures("people")
def test_what_is_missing_names_itself():
    for arguments, field in (
        (("okta", "entra"), "names"),
        (("okta", "entra", "a@acme.example", "--everybody"), "names"),
        (("okta", "ldap", "--everybody"), "target"),
        (("okta", "okta", "--everybody", "--same-ids"), "same_ids"),
    ):
        with pytest.raises(CommandError, match=f"^{field}: "):
            rollcall("move", "acme", *arguments)
