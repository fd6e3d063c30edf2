"""Directories that we read, as code: secrets by reference alone, never in a file, a plan or the record; the rest as any other thing."""

import json
import re

import pytest
import yaml
from django.core.management import CommandError

from audit.models import Detail
from identity import pulls, tenancy
from identity.models import Directory, Pull
from tests.api.client import token_of
from tests.config.test_as_code import entries, exported, rollcall, written
from tests.conftest import SETUP
from tests.sync import scripted

SECRET = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    scripted.install(monkeypatch)


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv("ACME_HR_PASSWORD", SECRET)


def hr(**values):
    return {
        "name": "HR", "kind": "scripted", "credentials": {"password": {"from": "env:ACME_HR_PASSWORD"}},
        "settings": {"filter": "staff", "guard_members": 3}, "schedule": {"every_minutes": 30}, **values,
    }  # fmt: skip


def the_pull(organization):
    with tenancy.of(organization):
        return Pull.objects.select_related("directory").get()


def test_a_directory_is_made_and_then_nothing_differs(acme, tmp_path, secret):
    path = written(tmp_path / "hr.yaml", directories=[hr()])
    code, told = rollcall("plan", path)
    assert (code, "+ acme/directories/HR" in told) == (2, True)
    with tenancy.of(acme):
        assert not Directory.objects.exists()
    assert rollcall("apply", path)[0] == 0
    pull = the_pull(acme)
    assert pulls.credentials_of(pull) == {"password": SECRET}
    assert (pull.every_minutes, pull.directory.settings) == (30, {"filter": "staff", "guard_members": 3})
    before = entries()
    assert rollcall("apply", path) == (0, "Nothing had to change.\n")
    everything = tmp_path / "all.yaml"
    shown = exported(everything)["organizations"][0]["directories"]
    assert shown[0]["credentials"] == {"password": {"from": "env:ACME_HR_PASSWORD"}}
    assert rollcall("plan", everything) == (0, "Nothing would change.\n")
    assert rollcall("apply", everything) == (0, "Nothing had to change.\n")
    assert entries() == before


def test_the_secret_is_in_no_output_and_not_in_the_record(acme, tmp_path, secret, eraser):
    path = written(tmp_path / "hr.yaml", directories=[hr()])
    told = (
        rollcall("plan", path)[1] + rollcall("apply", path)[1] + json.dumps(exported(tmp_path / "all.yaml"))
    )
    assert SECRET not in told
    with tenancy.of(acme):
        assert SECRET not in json.dumps(list(Detail.objects.values_list("body", flat=True)))


def test_another_secret_behind_the_same_reference_is_a_change(acme, tmp_path, secret, monkeypatch):
    path = written(tmp_path / "hr.yaml", directories=[hr()])
    rollcall("apply", path)
    monkeypatch.setenv("ACME_HR_PASSWORD", "another")
    code, told = rollcall("plan", path)
    assert code == 2
    assert '→ "other values behind the same references"' in told
    assert pulls.credentials_of(the_pull(acme)) == {"password": SECRET}
    rollcall("apply", path)
    assert pulls.credentials_of(the_pull(acme)) == {"password": "another"}
    assert rollcall("plan", path)[0] == 0


def test_a_secret_comes_from_a_file_without_its_last_line_end(acme, tmp_path):
    (tmp_path / "password").write_text(f"{SECRET}\n")
    path = written(
        tmp_path / "hr.yaml", directories=[hr(credentials={"password": {"from": "file:password"}})]
    )
    rollcall("apply", path)
    assert pulls.credentials_of(the_pull(acme)) == {"password": SECRET}
    assert rollcall("plan", path)[0] == 0


def test_what_the_file_does_not_name_stays(acme, tmp_path, secret):
    rollcall("apply", written(tmp_path / "hr.yaml", directories=[hr(defaults={"roles": ["member"]})]))
    less = [
        {"name": "HR", "kind": "scripted", "settings": {"guard_members": 9}, "paused": True, "active": False}
    ]
    path = written(tmp_path / "less.yaml", directories=less)
    code, told = rollcall("plan", path)
    assert code == 2
    assert "    paused: false → true\n" in told
    rollcall("apply", path)
    pull = the_pull(acme)
    assert pull.directory.settings == {"filter": "staff", "guard_members": 9}
    assert (pull.directory.active, pull.directory.defaults) == (False, {"roles": ["member"]})
    assert pull.paused_at is not None
    assert pulls.credentials_of(pull) == {"password": SECRET}
    rollcall("apply", written(tmp_path / "hr.yaml", directories=[hr(paused=False)]))
    assert the_pull(acme).paused_at is None


def test_who_pushes_keeps_its_dialect_and_its_other_settings(acme, okta, tmp_path):
    path = written(
        tmp_path / "okta.yaml",
        directories=[
            {"name": "okta", "settings": {"burst_guard": {"members": 3, "percent": 2, "seconds": 60}}}
        ],
    )
    rollcall("apply", path)
    rate = {"requests": 100, "seconds": 10}
    rollcall("apply", written(path, directories=[{"name": "okta", "settings": {"rate_limit": rate}}]))
    with tenancy.of(acme):
        found = Directory.objects.get()
    assert found.idp == "okta"
    assert found.settings == {"burst_guard": {"members": 3, "percent": 2, "seconds": 60}, "rate_limit": rate}
    assert rollcall("plan", path) == (0, "Nothing would change.\n")


def test_credentials_that_no_file_brought_are_left_out_and_left_alone(acme, tmp_path, secret):
    scripted.pull_of(acme)
    path = tmp_path / "all.yaml"
    told = rollcall("export", path)[1]
    assert "acme/directories/HR: no file brought its credentials" in told
    assert "credentials" not in yaml.safe_load(path.read_text())["organizations"][0]["directories"][0]
    assert rollcall("plan", path) == (0, "Nothing would change.\n")
    assert pulls.credentials_of(the_pull(acme)) == {"password": "geheim"}


def test_who_changes_them_by_hand_takes_the_reference_away(acme, ada, tmp_path, secret):
    rollcall("apply", written(tmp_path / "hr.yaml", directories=[hr()]))
    pull = the_pull(acme)
    path = f"/organizations/acme/directories/{pull.directory_id}"
    assert token_of(ada).patch(path, {"credentials": {"password": "by hand"}}).status_code == 200
    assert the_pull(acme).references is None
    assert token_of(ada).patch(path, {"schedule": {"every_minutes": 90}}).status_code == 200
    assert pulls.credentials_of(the_pull(acme)) == {"password": "by hand"}


REFUSED = {
    "no such variable": (
        hr(credentials={"password": {"from": "env:NO_SUCH_NAME"}}),
        "organizations[0].directories[0].credentials.password: The environment has no NO_SUCH_NAME.",
    ),
    "no such file": (
        hr(credentials={"password": {"from": "file:nothing"}}),
        "organizations[0].directories[0].credentials.password: nothing cannot be read",
    ),
    "a secret in the file": (
        hr(credentials={"password": SECRET}),
        "organizations[0].directories[0].credentials.password: No secret stands in a file",
    ),
    "an unknown credential": (
        hr(credentials={"pass": {"from": "env:ACME_HR_PASSWORD"}}),
        "organizations[0] acme: directories[0].credentials.pass: There is no credentials.pass",
    ),
    "an unknown setting": (
        hr(settings={"colr": 1}),
        "directories[0].settings.colr: There is no settings.colr",
    ),
    "an unknown kind": (hr(kind="carrier_pigeon"), "directories[0].kind: kind is one of scim"),
    "too often": (hr(schedule={"every_minutes": 1}), "directories[0].schedule.every_minutes: "),
    "an unknown field": (hr(idp="okta"), "directories[0].idp: There is no such field."),
    "no name": ({"kind": "scripted"}, "directories[0].name: "),
    "a list": ([], "directories[0]"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_named_and_changes_nothing(acme, tmp_path, secret, case):
    item, told = REFUSED[case]
    path = written(tmp_path / "wrong.yaml", directories=[item])
    before = entries()
    for subcommand in ("plan", "apply"):
        with pytest.raises(CommandError, match=re.escape(told)) as refusal:
            rollcall(subcommand, path)
        assert SECRET not in str(refusal.value)
    assert entries() == before


def test_another_kind_is_refused(acme, tmp_path, secret, okta):
    rollcall("apply", written(tmp_path / "hr.yaml", directories=[hr()]))
    for item in ({"name": "HR"}, {"name": "HR", "kind": "csv"}, hr(name="okta")):
        with pytest.raises(CommandError, match="kind of a directory is never changed"):
            rollcall("apply", written(tmp_path / "wrong.yaml", directories=[item]))


def test_a_refused_setting_leaves_no_other_credentials_behind(acme, ada):
    pull = scripted.pull_of(acme)
    path = f"/organizations/acme/directories/{pull.directory_id}"
    body = {"credentials": {"password": "new"}, "settings": {"nothing": 1}}
    assert token_of(ada).patch(path, body).status_code == 400
    assert pulls.credentials_of(the_pull(acme)) == {"password": "geheim"}


def test_the_same_credentials_again_are_no_news(acme):
    pull = scripted.pull_of(acme)
    before = entries()
    pulls.change(pull, credentials={"password": "geheim"}, every_minutes=pull.every_minutes, actor=SETUP)
    assert entries() == before
