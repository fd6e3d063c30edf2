"""Certificates about to expire are told at 60, 30, 14, 7 days and one: theirs and ours, each once, to administrators."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connections as databases

from demo.idp_keys import key_pair
from demo.idp_logout import idp_metadata
from demo.idp_messages import TestIdp
from identity import tenancy
from identity.models import OutgoingMail
from saml import connections, expiry, metadata, refresh
from saml.models import IdpCertificate, KeyPair
from tasks.jobs.connections import expiring_certificates
from tests.conftest import SETUP
from tests.console.conftest import entries
from tests.saml.documents import IDP
from tests.saml.door import connect

EVENT = "connection.certificate_expiring"


@pytest.fixture
def connection(acme, ada):
    return connect(acme)


def ends(model, acme):
    with tenancy.of(acme):
        return model.objects.get().not_after


def told(acme):
    return [entry.reason for entry in entries(acme, EVENT)]


@pytest.mark.parametrize("model", [IdpCertificate, KeyPair])
def test_each_threshold_is_told_once(acme, connection, model, eraser):
    end = ends(model, acme)
    other = KeyPair if model is IdpCertificate else IdpCertificate
    table = other._meta.db_table
    eraser.execute(
        f"SET session_replication_role = replica; UPDATE {table} SET not_after = '2100-01-01'; RESET session_replication_role"  # noqa: S608
    )
    for days, expected in (
        (61, 0),
        (59, 1),
        (59, 0),
        (31, 0),
        (29, 1),
        (14, 1),
        (8, 0),
        (7, 1),
        (0.9, 1),
        (0.5, 0),
        (-1, 0),
    ):
        with time_machine.travel(end - timedelta(days=days), tick=False):
            assert expiring_certificates() == expected, days
            assert expiring_certificates() == 0
    assert told(acme) == ["60_days", "30_days", "14_days", "7_days", "1_days"]
    with tenancy.of(acme):
        mails = list(
            OutgoingMail.objects.filter(kind__startswith="certificate_expiring").order_by("created_at")
        )
    assert [mail.to for mail in mails] == ["ada@acme.example"] * 5
    assert ("Rollcall's own" in mails[0].body) is (model is KeyPair)
    assert f"{end:%d %B %Y}" in mails[0].body


def test_a_clock_that_slept_tells_the_nearest_alone(acme, connection):
    soonest = min(ends(IdpCertificate, acme), ends(KeyPair, acme))
    with time_machine.travel(soonest - timedelta(days=5)):
        expiring_certificates()
        expiring_certificates()
    assert told(acme)[0] == "7_days"


def test_side_by_side_it_is_told_once(acme, connection):
    soonest = min(ends(IdpCertificate, acme), ends(KeyPair, acme))

    with (
        time_machine.travel(soonest - timedelta(days=59, hours=12), tick=False),
        ThreadPoolExecutor(3) as pool,
    ):
        results = list(pool.map(_run_here, range(3)))
    assert sum(results) == len(told(acme)) > 0


def _run_here(_):
    try:
        return expiring_certificates()
    finally:
        databases.close_all()


def test_what_is_off_or_no_longer_trusted_is_not_told(acme, connection):
    soonest = min(ends(IdpCertificate, acme), ends(KeyPair, acme))
    connections.change(connection, actor=SETUP, active=False)
    with time_machine.travel(soonest - timedelta(days=5)):
        assert expiring_certificates() == 0


def test_a_certificate_that_is_published_no_more_is_not_told(acme, connection):
    new = TestIdp(keys=key_pair("next"))
    for idp, more in ((IDP, (new.keys,)), (new, ())):
        refresh.apply(connection, metadata.read(idp_metadata(idp, more_signing=more)), actor=SETUP)
    soonest = min(each.not_after for each in certificates(acme))
    with time_machine.travel(soonest - timedelta(days=5)):
        assert [row.subject for row in expiry.due(9) if isinstance(row, IdpCertificate)] == ["CN=next"]


def certificates(acme):
    with tenancy.of(acme):
        return list(IdpCertificate.objects.all())
