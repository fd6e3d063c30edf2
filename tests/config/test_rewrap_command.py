"""A new master key from the command line: everybody's data key is wrapped anew, once, on record, and an old key may then go."""

import base64
import os

import pytest

from identity import secrets
from tests.api.client import recorded
from tests.config.test_as_code import rollcall
from tests.conftest import SETUP

NOTHING_OPEN = "ROLLCALL_MASTER_KEYS_OLD is not needed any more.\n"


@pytest.fixture
def sealed(acme, globex, settings):
    """Give what two organizations sealed under a master key that is an old one by now."""
    values = {one: secrets.seal(one.pk, "x", b"private") for one in (acme, globex)}
    settings.ROLLCALL_MASTER_KEYS_OLD = [settings.ROLLCALL_MASTER_KEY]
    settings.ROLLCALL_MASTER_KEY = base64.b64encode(os.urandom(32)).decode()
    yield values
    secrets.forget()


def test_the_old_master_key_can_go_afterwards(acme, globex, settings, sealed):
    code, told = rollcall("rewrap")
    assert (code, told.endswith(NOTHING_OPEN)) == (0, True)
    settings.ROLLCALL_MASTER_KEYS_OLD = []
    secrets.forget()
    assert [secrets.open_(one.pk, "x", value) for one, value in sealed.items()] == [b"private"] * 2
    (entry,) = recorded(acme, "key.rewrap")
    assert (entry["actor"]["kind"], entry["source"]) == ("operator", "command_line")
    assert settings.ROLLCALL_MASTER_KEY not in str(entry)


def test_a_second_time_changes_nothing(acme, sealed):
    rollcall("rewrap")
    assert rollcall("rewrap")[1].startswith("0 of ")
    assert len(recorded(acme, "key.rewrap")) == 1


def test_a_key_that_nobody_has_any_more_is_told_and_stops_nobody_else(acme, globex, settings, sealed):
    secrets.rewrap(globex.pk, actor=SETUP)
    settings.ROLLCALL_MASTER_KEYS_OLD = []
    secrets.forget()
    code, told = rollcall("rewrap")
    assert code == 1
    assert f"The data key of organization {acme.pk} is wrapped by master key" in told
    assert str(globex.pk) not in told
    assert NOTHING_OPEN not in told
    assert recorded(acme, "key.rewrap") == []
