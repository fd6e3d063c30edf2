"""Two real workers and a directory without an end: the others are read all the same."""

import json
import time
from http.server import BaseHTTPRequestHandler

import pytest
import redis
from django.conf import settings as configured

from identity import members, organizations, pulls, sync_runs, tenancy
from identity.models import Member, Run
from tasks.jobs import leavers
from tasks.timetable import LONG_QUEUE, QUEUE
from tests.conftest import SETUP
from tests.site import opened
from tests.tasks.test_worker import worker
from tests.waiting import eventually


class Endless(BaseHTTPRequestHandler):
    """A SCIM server whose list of users never ends, and takes half a second a page."""

    def do_GET(self):
        time.sleep(0.5)
        body = {"totalResults": 10**9, "Resources": []}
        if self.path.startswith("/Users"):
            first = int(self.path.split("startIndex=")[1].split("&")[0])
            self.server.asked += 1
            body["Resources"] = [{"id": str(first), "userName": f"u{first}", "active": True}]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@pytest.fixture
def endless():
    with opened(Endless, asked=0) as server:
        yield server


@pytest.fixture
def slow(acme, endless):
    """Give a directory that never ends."""
    return pulls.create(
        acme, kind="scim_pull", name="Slow", actor=SETUP,
        settings={"api_url": endless.root, "groups": False},
    )  # fmt: skip


@pytest.fixture
def broker(db):
    connection = redis.Redis.from_url(configured.REDIS_URL)
    connection.flushdb()
    yield connection
    connection.flushdb()
    connection.close()


def state_of(model, row):
    with tenancy.of(row.organization_id):
        return model.objects.values_list("state", flat=True).get(pk=row.pk)


def test_an_endless_directory_keeps_neither_of_two_workers_from_the_others(
    acme, globex, environment, endless, slow, broker
):
    mapping = {"external_id": "No", "user_name": "Login"}
    quick = [
        pulls.create(organization, kind="csv", name="Quick", settings={"mapping": mapping}, actor=SETUP)
        for organization in (acme, globex)
    ]
    allowed = environment | {"ROLLCALL_OUTBOUND_ALLOW": "localhost"}
    with worker(allowed), worker(allowed):
        endless_run = sync_runs.ask(slow.directory, actor=SETUP)
        assert eventually(lambda: endless.asked > 1)
        for pull in quick:
            pulls.put_file(pull, b"No,Login\n1,amy\n2,bob\n", "people.csv", actor=SETUP)
        for organization, pull in zip((acme, globex), quick, strict=True):
            with tenancy.of(organization):
                runs = Run.objects.filter(directory=pull.directory)
                assert eventually(lambda runs=runs: runs.filter(state="held").exists())
        assert state_of(Run, endless_run) == "fetching"


def test_what_takes_long_keeps_no_short_job_waiting(acme, jane, environment, endless, slow, broker):
    organizations.change(acme, grace_days=0, actor=SETUP)
    members.suspend(jane, actor=SETUP)
    allowed = environment | {"ROLLCALL_OUTBOUND_ALLOW": "localhost"}
    with worker(allowed, queue=LONG_QUEUE), worker(allowed, queue=QUEUE):
        sync_runs.ask(slow.directory, actor=SETUP)
        assert eventually(lambda: endless.asked > 1)
        leavers.grace_ends.apply_async()
        assert eventually(lambda: state_of(Member, jane) == "offboarded")
        asked = endless.asked
        assert eventually(lambda: endless.asked > asked), "the directory is still being read"
