"""Organizations as code: what is exported plans to nothing, what is applied twice changes nothing, what is wrong changes nothing."""

import json
import re
from io import StringIO
from pathlib import Path

import jsonschema
import pytest
import yaml
from django.core.management import CommandError, call_command

from audit.models import Entry
from config.environment import ROOT
from identity import directories, groups, mappings, organizations, resources, roles, tenancy, tokens
from identity.grants import GrantSpec
from identity.mappings import Mapping
from identity.models import Directory, Group, Kind, Organization, Role
from saml.models import Connection
from tests.conftest import SETUP
from tests.saml.documents import IDP
from tests.saml.door import connect
from tests.statements import Statements

SCHEMA = ROOT / "docs/organizations.schema.json"


def rollcall(*arguments: object) -> tuple[int, str]:
    """Run a subcommand and return its exit code and what it printed."""
    out = StringIO()
    try:
        call_command("rollcall", *map(str, arguments), stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def exported(path: Path, *slugs: str) -> dict:
    rollcall("export", path, *(f"--organization={slug}" for slug in slugs))
    return yaml.safe_load(path.read_text())


def entries() -> int:
    with tenancy.everywhere("the tests count entries"):
        return Entry.objects.count()


@pytest.fixture
def rich(acme, jane):
    """Give an organization with one of everything that a file can say."""
    organizations.change(
        acme, grace_days=7, time_zone="Europe/Berlin", defaults={"roles": ["trader"]}, actor=SETUP
    )
    roles.define(acme, "trader", label="Trader", capabilities=["members.read"], actor=SETUP)
    resources.define_kind(acme, "desk", permissions=["sit"], parent="portfolio", actor=SETUP)
    resources.define_kind(acme, "chair", permissions=["sit"], parent="desk", actor=SETUP)
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    okta = directories.create(acme, name="Okta", idp="okta", settings={"request_log_days": 3}, actor=SETUP)
    tokens.issue(okta, actor=SETUP)
    connect(acme, attribute_mapping={"email": ["mail"]}, sha1_until="2027-01-01T00:00:00Z")
    for name, directory in (("Traders", okta), ("Own", None)):
        group = groups.create(acme, display_name=name, directory=directory, actor=SETUP)
        mappings.replace(group, Mapping((GrantSpec("portfolio", "p1", "view"),), ("trader",)), actor=SETUP)
    return acme


def test_what_is_exported_plans_to_nothing_and_applies_to_nothing(rich, globex, tmp_path):
    path = tmp_path / "all.yaml"
    assert [one["slug"] for one in exported(path)["organizations"]] == ["acme", "globex"]
    before = entries()
    assert rollcall("plan", path) == (0, "Nothing would change.\n")
    assert rollcall("apply", path) == (0, "Nothing had to change.\n")
    assert entries() == before


def test_an_export_holds_no_secret(rich, tmp_path, eraser):
    text = json.dumps(exported(tmp_path / "one.yaml", "acme"))
    assert "PRIVATE KEY" not in text
    assert "token" not in text
    assert not re.search(r"rc[a-z]*_[A-Za-z0-9]{8,}", text)


def test_the_committed_schema_is_the_shapes_own_and_holds_for_the_export(rich, tmp_path):
    committed = json.loads(SCHEMA.read_text())
    # Where this fails: python manage.py rollcall schema > docs/organizations.schema.json
    assert committed == json.loads(rollcall("schema")[1])
    check = jsonschema.Draft202012Validator(committed)
    document = exported(tmp_path / "one.yaml", "acme")
    assert list(check.iter_errors(document)) == []
    document["organizations"][0]["grase_days"] = 1
    assert [error.validator for error in check.iter_errors(document)] == ["additionalProperties"]
    check.validate({"version": 1, "organizations": [{"slug": "a", "name": {"from": "env:NAME"}}]})


def moved(document: dict) -> dict:
    """Say the same of another organization."""
    one = document["organizations"][0]
    one |= {"slug": "copy", "name": "Copy"}
    one["mappings"] = [row for row in one["mappings"] if not row["directory"]]
    return document


def test_a_whole_organization_is_made_elsewhere(rich, tmp_path):
    path = tmp_path / "copy.yaml"
    document = moved(exported(tmp_path / "one.yaml", "acme"))
    for row in document["organizations"][0]["mappings"]:
        row["grants"] = []
    path.write_text(yaml.safe_dump(document))
    code, told = rollcall("plan", path)
    assert code == 2
    assert "+ copy/directories/Okta" in told
    with tenancy.everywhere("the tests look for the copy"):
        assert not Organization.objects.filter(slug="copy").exists()
    code, applied = rollcall("apply", path)
    assert code == 0
    assert applied.replace("things changed.", "things would change.") == told
    assert rollcall("plan", path)[0] == 0
    with tenancy.everywhere("the tests look for the copy"):
        made = Organization.objects.get(slug="copy")
    with tenancy.of(made):
        assert (made.grace_days, made.time_zone, made.defaults) == (7, "Europe/Berlin", {"roles": ["trader"]})
        assert set(Kind.objects.values_list("name", flat=True)) == {"portfolio", "asset", "desk", "chair"}
        assert Role.objects.get(name="trader").capabilities == ["members.read"]
        assert Directory.objects.get().settings == {"request_log_days": 3}
        connection = Connection.objects.get()
        assert (connection.active, connection.idp_entity_id) == (True, IDP.entity_id)
        assert Group.objects.get().display_name == "Own"
        entry = Entry.objects.filter(event="organization.create").get()
    assert (entry.actor_kind, entry.actor_id, entry.source) == ("operator", "command_line", "command_line")


def written(path: Path, **organization: object) -> Path:
    path.write_text(yaml.safe_dump({"version": 1, "organizations": [{"slug": "acme", **organization}]}))
    return path


def test_what_differs_is_changed_and_the_rest_left_alone(rich, tmp_path):
    path = written(
        tmp_path / "change.yaml", grace_days=9, directories=[{"name": "Okta", "idp": "okta", "active": False}],
        connections=[{"name": "The company's IdP", "skew_seconds": 30}],
        mappings=[{"group": "Traders", "directory": "Okta", "roles": ["auditor"]}],
    )  # fmt: skip
    code, told = rollcall("plan", path)
    assert code == 2
    assert "~ acme\n    grace_days: 7 → 9\n" in told
    assert "~ acme/directories/Okta\n    active: true → false\n" in told
    assert "    skew_seconds: 60 → 30\n" in told
    assert '    roles: ["trader"] → ["auditor"]\n' in told
    rollcall("apply", path)
    with tenancy.of(rich):
        assert Organization.objects.get().grace_days == 9
        assert Directory.objects.get().settings == {"request_log_days": 3}
    assert rollcall("apply", path)[1] == "Nothing had to change.\n"


def test_an_organization_is_suspended_and_resumed(acme, tmp_path):
    for state in ("suspended", "active"):
        path = written(tmp_path / "state.yaml", state=state)
        assert rollcall("apply", path)[0] == 0
        with tenancy.of(acme):
            assert Organization.objects.get().state == state


REFUSED = {
    "an unknown field": ({"grase_days": 1}, "organizations[0].grase_days: There is no such field."),
    "a wrong value": ({"grace_days": -1}, "organizations[0].grace_days: "),
    "a wrong zone": ({"time_zone": "Mars/Base"}, "organizations[0] acme: time_zone: "),
    "another access model": ({"access_model": "company_shop"}, "never changed"),
    "a changed kind": ({"kinds": [{"name": "portfolio", "permissions": ["x"]}]}, "kinds[0].permissions: portfolio is there"),
    "a changed role": ({"roles": [{"name": "auditor", "capabilities": []}]}, "roles[0].capabilities: auditor is there"),
    "an unknown group": ({"mappings": [{"group": "X", "directory": "Y"}]}, "mappings[0].group: Y has brought no group X"),
    "an unknown role": ({"mappings": [{"group": "X", "roles": ["y"]}]}, "mappings[0].roles: "),
    "an untested connection": (
        {"connections": [{"name": "C", "active": True, "defaults": {}}]}, "organizations[0] acme: connections[0].",
    ),
    "no such variable": ({"name": {"from": "env:NO_SUCH_NAME"}}, "The environment has no NO_SUCH_NAME."),
    "no such file": ({"name": {"from": "file:nothing"}}, "nothing cannot be read"),
    "a strange reference": ({"name": {"from": "http://x"}}, "A reference is {from: "),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_named_and_changes_nothing(acme, tmp_path, case):
    values, told = REFUSED[case]
    path = written(tmp_path / "wrong.yaml", **({"name": "Other"} | values))
    before = entries()
    for subcommand in ("plan", "apply"):
        with pytest.raises(CommandError, match=re.escape(told)):
            rollcall(subcommand, path)
    assert entries() == before
    with tenancy.of(acme):
        assert Organization.objects.get().name == "Acme"


def test_references_are_followed_and_not_written_back(acme, tmp_path, monkeypatch):
    monkeypatch.setenv("ACME_NAME", "Acme from outside")
    (tmp_path / "idp.pem").write_text(IDP.keys.certificate_pem)
    path = written(
        tmp_path / "refer.yaml", name={"from": "env:ACME_NAME"},
        connections=[{"name": "C", "certificates": [{"from": "file:idp.pem"}]}],
    )  # fmt: skip
    rollcall("apply", path)
    document = exported(tmp_path / "out.yaml", "acme")["organizations"][0]
    assert document["name"] == "Acme from outside"
    assert "BEGIN CERTIFICATE" in document["connections"][0]["certificates"][0]


def test_a_wrong_second_organization_leaves_the_first_as_it_was(acme, globex, tmp_path):
    path = tmp_path / "two.yaml"
    wrong = [{"slug": "acme", "name": "New"}, {"slug": "globex", "time_zone": "Mars/Base"}]
    path.write_text(yaml.safe_dump({"version": 1, "organizations": wrong}))
    with pytest.raises(CommandError, match=r"organizations\[1\] globex: time_zone"):
        rollcall("apply", path)
    with tenancy.of(acme):
        assert Organization.objects.get().name == "Acme"


def test_what_is_so_already_costs_nothing_however_many_groups(acme, tmp_path):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    path, counted = tmp_path / "acme.yaml", []
    for first, last in ((0, 2), (2, 20)):
        for number in range(first, last):
            group = groups.create(acme, display_name=f"Team {number}", actor=SETUP)
            mappings.replace(
                group, Mapping((GrantSpec("portfolio", "p1", "view"),), ("auditor",)), actor=SETUP
            )
        with Statements() as exporting:
            assert len(exported(path, "acme")["organizations"][0]["mappings"]) == last
        with Statements() as applying:
            assert rollcall("apply", path) == (0, "Nothing had to change.\n")
        counted.append((len(exporting.statements), len(applying.statements)))
    assert counted[0] == counted[1]


def test_what_is_so_already_costs_nothing_however_many_directories(acme, tmp_path):
    path, counted = tmp_path / "acme.yaml", []
    for first, last in ((0, 2), (2, 20)):
        for number in range(first, last):
            made = directories.create(
                acme, name=f"Store {number}", idp="okta", settings={"request_log_days": 3}, actor=SETUP
            )
            directories.change(made, active=number % 2 == 0, actor=SETUP)
        assert len(exported(path, "acme")["organizations"][0]["directories"]) == last
        with Statements() as planning:
            assert rollcall("plan", path) == (0, "Nothing would change.\n")
        counted.append(len(planning.statements))
    assert counted[0] == counted[1]


def test_a_directory_that_stands_twice_is_what_the_last_place_says(acme, okta, tmp_path):
    name = okta.directory.name
    twice = [{"name": name, "active": False}, {"name": name, "active": True}]
    # The settings that a file does not name stay, and are no difference.
    new = [
        {"name": "New", "idp": "okta"},
        {"name": "New", "idp": "entra", "settings": {"request_log_days": 2}},
        {"name": "New"},
    ]
    path = tmp_path / "acme.yaml"
    path.write_text(
        yaml.safe_dump({"version": 1, "organizations": [{"slug": "acme", "directories": [*twice, *new]}]})
    )
    code, told = rollcall("apply", path)
    assert (code, told.count(f"~ acme/directories/{name}"), told.count("acme/directories/New")) == (0, 2, 2)
    with tenancy.of(acme):
        assert Directory.objects.get(name=name).active is True
        made = Directory.objects.get(name="New")
    assert (made.idp, made.settings) == ("entra", {"request_log_days": 2})


def test_a_group_that_stands_twice_is_what_the_last_place_says(acme, tmp_path):
    group = groups.create(acme, display_name="Team", actor=SETUP)
    mappings.replace(group, Mapping((), ("auditor",)), actor=SETUP)
    twice = [{"group": "Team", "roles": []}, {"group": "team", "roles": ["auditor"]}]
    new = [{"group": "New", "roles": ["auditor"]}, {"group": "New", "roles": []}]
    path = tmp_path / "acme.yaml"
    path.write_text(
        yaml.safe_dump({"version": 1, "organizations": [{"slug": "acme", "mappings": [*twice, *new]}]})
    )
    code, told = rollcall("apply", path)
    assert (code, told.count("acme/mappings/")) == (0, 4)
    assert mappings.of_group(group).roles == ("auditor",)
    with tenancy.of(acme):
        made = Group.objects.get(display_name_key="new")
    assert mappings.of_group(made) == Mapping()
