"""Two real workers and a directory without an end: the others are read all the same."""

import http.server
import json
import threading
import time

import pytest
import redis
from django.conf import settings as configured

from identity import pulls, sync_runs, tenancy
from identity.models import Run
from tests.conftest import SETUP
from tests.tasks.test_worker import eventually, worker


class Endless(http.server.BaseHTTPRequestHandler):
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

    def log_message(self, *_):
        pass


@pytest.fixture
def endless():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.daemon_threads = True
    server.asked = 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _state(run):
    with tenancy.of(run.organization_id):
        return Run.objects.values_list("state", flat=True).get(pk=run.pk)


def test_an_endless_directory_keeps_neither_of_two_workers_from_the_others(
    acme, globex, environment, endless
):
    broker = redis.Redis.from_url(configured.REDIS_URL)
    broker.flushdb()
    slow = pulls.create(
        acme, kind="scim_pull", name="Slow", actor=SETUP,
        settings={"api_url": f"http://localhost:{endless.server_address[1]}", "groups": False, "day_minutes": 1},
    )  # fmt: skip
    mapping = {"external_id": "No", "user_name": "Login"}
    quick = [
        pulls.create(organization, kind="csv", name="Quick", settings={"mapping": mapping}, actor=SETUP)
        for organization in (acme, globex)
    ]
    allowed = environment | {"ROLLCALL_OUTBOUND_ALLOW": "localhost"}
    with worker(allowed), worker(allowed):
        endless_run = sync_runs.ask(slow.directory, actor=SETUP)
        assert eventually(lambda: endless.asked > 1)
        # Nearly its whole day: the worker's turn ends with it.
        with tenancy.of(acme):
            Run.objects.filter(pk=endless_run.pk).update(worked_seconds=57, worked_today_seconds=57)
        for pull in quick:
            pulls.put_file(pull, b"No,Login\n1,amy\n2,bob\n", "people.csv", actor=SETUP)
        for organization, pull in zip((acme, globex), quick, strict=True):
            with tenancy.of(organization):
                runs = Run.objects.filter(directory=pull.directory)
                assert eventually(lambda runs=runs: runs.filter(state="held").exists())
        assert _state(endless_run) == "fetching"
    broker.flushdb()
    broker.close()
