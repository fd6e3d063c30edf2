"""Other people's conformance tests against a live server: both must pass without exception."""

import json
import subprocess
import sys

import httpx2
import pytest

from tests.conftest import ScimClient
from tests.waiting import PATIENCE


@pytest.fixture
def address(server, settings) -> str:
    """Give the base address of SCIM on a live server."""
    settings.ROLLCALL_PUBLIC_URL = server
    settings.ALLOWED_HOSTS = ["*"]
    return f"{server}/scim/v2"


def client_of(address: str, idp: ScimClient) -> httpx2.Client:
    return httpx2.Client(
        base_url=address, headers={"Authorization": f"Bearer {idp.secret}"}, timeout=PATIENCE
    )


# Some hundreds of requests, one after the other: on a busy machine more than a test is given otherwise.
@pytest.mark.timeout(400)
def test_scim2_tester_finds_nothing(okta, address):
    # Late, for who collects without running this: its models take three seconds to build.
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_tester import Status, check_server

    with client_of(address, okta) as http:
        results = check_server(SyncSCIMClient(http))
    wrong = [
        f"{each.status.name} {each.title}: {each.reason}"
        for each in results
        if each.status not in {Status.SUCCESS, Status.SKIPPED}
    ]
    assert not wrong, "\n".join(wrong)
    assert sum(each.status is Status.SUCCESS for each in results) > 100
    skipped = {each.title: each.reason for each in results if each.status is Status.SKIPPED}
    assert skipped == {}, skipped


def test_scim_sanity_finds_nothing(okta, address):
    ran = subprocess.run(
        [
            sys.executable, "-m", "scim_sanity", "probe", address, "--token", okta.secret, "--i-accept-side-effects", "--strict",
            "--json-output", "--timeout", "30",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    report = json.loads(ran.stdout)
    failed = [
        result for result in report.get("results", []) if "fail" in str(result.get("status", "")).lower()
    ]
    assert report["summary"]["failed"] == 0, failed or report
    assert ran.returncode == 0, ran.stdout
