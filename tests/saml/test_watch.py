"""Metadata read again by the clock: when, by whom, what a person hears of, and what becomes of it when a worker dies."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest
import redis
import time_machine
from django.conf import settings as configured
from django.db import connections as databases
from django.utils import timezone

from demo.idp_logout import idp_metadata
from demo.idp_messages import TestIdp
from identity import tenancy
from identity.models import OutgoingMail
from saml import connections, trust, watch
from saml.models import Connection, MetadataWatch
from tasks.jobs.connections import refresh_metadata
from tests.conftest import SETUP
from tests.saml.documents import IDP, key_pair
from tests.site import opened
from tests.tasks.test_worker import worker
from tests.waiting import PATIENCE, eventually


class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.gate.wait(PATIENCE)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.document)


@pytest.fixture
def site(settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    gate = threading.Event()
    gate.set()
    with opened(Site, document=idp_metadata(IDP), status=200, asked=[], gate=gate) as server:
        yield server
        gate.set()


@pytest.fixture
def connection(acme, ada, site) -> Connection:
    made = connections.create(acme, actor=SETUP, name="By address", idp_metadata_url=f"{site.root}/metadata")
    site.asked.clear()
    return made


def row(acme) -> MetadataWatch:
    with tenancy.of(acme):
        return MetadataWatch.objects.get()


def mails(acme):
    with tenancy.of(acme):
        return list(OutgoingMail.objects.filter(kind="metadata_held").values_list("to", "body"))


def hours_to_next(acme):
    return (row(acme).due_at - timezone.now()) / timedelta(hours=1)


def test_it_is_read_at_once_and_then_about_daily(acme, connection, site):
    assert refresh_metadata() == 1
    assert refresh_metadata() == 0
    assert len(site.asked) == 1
    assert 21 < hours_to_next(acme) < 27
    site.document = idp_metadata(IDP, more_signing=(key_pair("next"),))
    with time_machine.travel(timezone.now() + timedelta(hours=27)):
        assert refresh_metadata() == 1
    with tenancy.of(acme):
        assert [each.subject for each in trust.current(connection)] == ["CN=idp", "CN=next"]
    assert mails(acme) == []


def test_a_connection_without_an_address_is_left_alone(acme, ada):
    connections.create(
        acme,
        actor=SETUP,
        name="By hand",
        idp_entity_id=IDP.entity_id,
        certificates=[IDP.keys.certificate_pem],
    )
    assert refresh_metadata() == 0


def test_an_address_that_fails_is_asked_later_and_later_and_a_person_hears_of_it_once(acme, connection, site):
    site.status = 500
    waits = []
    with time_machine.travel(timezone.now()) as travel:
        for _ in range(8):
            assert refresh_metadata() == 1
            waits.append(hours_to_next(acme))
            travel.move_to(row(acme).due_at + timedelta(seconds=1))
        for wait, expected in zip(waits, (1, 2, 4, 8, 16, 24, 24, 24), strict=True):
            assert 0.89 * expected < wait < 1.11 * expected
        assert len(mails(acme)) == 1
        assert (row(acme).failures, row(acme).held) == (8, "metadata_fetch")
        site.status = 200
        assert refresh_metadata() == 1
    assert (row(acme).failures, row(acme).held) == (0, "")


@pytest.mark.parametrize(
    ("idp", "held", "said"),
    [
        (TestIdp(keys=key_pair("stranger")), "keys_replaced", "none of the certificates known so far"),
        (TestIdp("https://other.example"), "entity_id_changed", "another entity id"),
    ],
)
def test_what_smells_waits_for_an_administrator_who_is_written_to_once(
    acme, connection, site, idp, held, said
):
    site.document = idp_metadata(idp)
    for days in (0, 2, 4):
        with time_machine.travel(timezone.now() + timedelta(days=days)):
            assert refresh_metadata() == 1
    assert row(acme).held == held
    [(to, body)] = mails(acme)
    assert to == "ada@acme.example"
    assert said in body
    with tenancy.of(acme):
        assert [each.subject for each in trust.current(connection)] == ["CN=idp"]
    # The administrator has it loaded again: then it is what is trusted, and nothing waits any more.
    connections.change(connection, actor=SETUP, idp_metadata_url=f"{site.root}/metadata")
    with time_machine.travel(timezone.now() + timedelta(days=6)):
        assert refresh_metadata() == 1
    assert row(acme).held == ""


def test_two_workers_read_each_connection_once(acme, site):
    for number in range(6):
        connections.create(
            acme, actor=SETUP, name=f"By address {number}", idp_metadata_url=f"{site.root}/metadata"
        )
    site.asked.clear()

    def run(_):
        try:
            return refresh_metadata()
        finally:
            databases.close_all()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(run, range(3))) == 6
    assert len(site.asked) == 6


def test_a_worker_that_dies_while_it_reads_loses_nothing(acme, connection, site, environment):
    broker = redis.Redis.from_url(configured.REDIS_URL)
    broker.flushdb()
    site.document = idp_metadata(IDP, more_signing=(key_pair("next"),))
    site.gate.clear()
    with worker(environment | {"ROLLCALL_OUTBOUND_ALLOW": "localhost"}) as process:
        refresh_metadata.apply_async()
        assert eventually(lambda: site.asked)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
    broker.flushdb()
    broker.close()
    site.gate.set()
    assert refresh_metadata() == 0, "until the lease of the dead one is over"
    with time_machine.travel(timezone.now() + watch.LEASE + timedelta(seconds=1)):
        assert refresh_metadata() == 1
    with tenancy.of(acme):
        assert len(trust.current(connection)) == 2


def test_a_connection_that_goes_meanwhile_stops_nobody(acme, connection, site, eraser):
    taken = watch.claim_due(10)
    assert len(taken) == 1
    eraser.execute(
        "SET session_replication_role = replica; DELETE FROM saml_connection; RESET session_replication_role"
    )
    with pytest.raises(Connection.DoesNotExist):
        watch.check(taken[0], actor=SETUP)
