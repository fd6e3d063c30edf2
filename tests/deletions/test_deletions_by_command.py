"""Deletions at the command line: scheduled, cancelled, and the proof of one that was carried out."""

import io

import pytest
from django.core.management import CommandError, call_command

from identity import deletions, organizations, tenancy
from tests.api.client import recorded
from tests.conftest import SETUP
from tests.deletions.conftest import carried_out, fall_due


def rollcall(*arguments):
    out = io.StringIO()
    code = 0
    try:
        call_command("rollcall", "delete", *arguments, stdout=out)
    except SystemExit as ended:
        code = ended.code
    return code, out.getvalue()


def test_at_the_command_line(acme, operators, eraser):
    with pytest.raises(CommandError, match="Suspend the organization first"):
        rollcall("acme", "--confirm", "Acme")
    organizations.suspend(acme, actor=SETUP)
    with pytest.raises(CommandError, match="No deletion"):
        rollcall("acme")
    for wrong in ("tomorrow", "2027-13-01T00:00:00Z", "2027-03-31T18:00:00"):
        with pytest.raises(CommandError, match="after: A time has its zone"):
            rollcall("acme", "--confirm", "Acme", "--after", wrong)
    code, said = rollcall("acme", "--confirm", "Acme")
    assert (code, "not before" in said) == (0, True)
    assert rollcall("acme")[0] == 2
    assert recorded(acme, "organization.schedule_deletion")[0]["actor"]["id"] == "command_line"
    assert rollcall("acme", "--cancel")[0] == 0
    with pytest.raises(CommandError, match="was deleted here"):
        rollcall("acme", "--proof")
    rollcall("acme", "--confirm", "Acme")
    with tenancy.of(acme):
        deletion = deletions.pending(acme.pk)
    done = carried_out(fall_due(eraser, deletion))
    code, said = rollcall("acme", "--proof")
    assert (code, done.record_hash in said) == (0, True)
    assert rollcall(str(acme.pk), "--proof")[1] == said
