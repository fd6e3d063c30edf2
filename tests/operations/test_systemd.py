"""The units of deploy/systemd start commands that are there, with settings that are, and let them write nothing but their own folder."""

import re

import pytest

from config.environment import IN_FILES, ROOT
from tests.operations.test_compose import COMMANDS

UNITS = {path.stem: path.read_text() for path in (ROOT / "deploy/systemd").glob("*.service")}
SETTINGS = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs/settings.md").read_text()))


def values(unit: str, name: str) -> list[str]:
    """Give what a unit says of one thing, line by line."""
    return re.findall(rf"^{name}=(.*)$", UNITS[unit], re.MULTILINE)


def test_each_part_has_a_unit():
    assert set(UNITS) == {"rollcall-web", "rollcall-worker@", "rollcall-clock", "rollcall-prepare"}


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_a_unit_starts_a_command_of_ours(unit):
    (started,) = values(unit, "ExecStart")
    command = re.fullmatch(r"/opt/rollcall/\.venv/bin/python manage\.py (\w+)(.*)", started)
    assert command is not None
    assert command[1] in COMMANDS
    source = (ROOT / f"config/management/commands/{command[1]}.py").read_text()
    assert [option for option in re.findall(r"--\w+", command[2]) if f'"{option}"' not in source] == []


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_secrets_come_as_credentials_by_settings_that_are_there(unit):
    credentials = dict(line.split(":") for line in values(unit, "LoadCredential"))
    given = dict(pair.split("=", 1) for line in values(unit, "Environment") for pair in line.split())
    files = {name.removesuffix("_FILE"): value for name, value in given.items() if name.endswith("_FILE")}
    assert set(files) <= IN_FILES
    assert sorted(files.values()) == sorted(f"%d/{name}" for name in credentials)
    assert set(given) - {f"{name}_FILE" for name in files} == {"ROLLCALL_DATA"} <= SETTINGS


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_a_unit_writes_to_a_folder_of_its_own_alone(unit):
    (folder,) = values(unit, "RuntimeDirectory")
    assert f"Environment=ROLLCALL_DATA=/run/{folder}\n" in UNITS[unit]
    assert values(unit, "ProtectSystem") == ["strict"]
    assert values(unit, "ReadWritePaths") == []
    assert values(unit, "User") == ["rollcall"]
    assert values(unit, "NoNewPrivileges") == ["yes"]


def test_the_owner_of_the_tables_is_known_to_the_preparation_alone():
    assert [unit for unit, text in UNITS.items() if "DATABASE_OWNER_URL" in text] == ["rollcall-prepare"]


@pytest.mark.parametrize("unit", ["rollcall-web", "rollcall-worker@"])
def test_a_parent_tells_its_children_to_end(unit):
    assert values(unit, "KillMode") == ["mixed"]
