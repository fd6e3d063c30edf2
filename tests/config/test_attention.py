"""What waits for a person is counted over all organizations, and no longer once somebody has seen to it."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from config import attention
from identity import directories, mail, pulls, sync_runs, tenancy, tokens
from identity.models import Directory, OutgoingMail
from saml.models import IdpCertificate, KeyPair, MetadataWatch
from scim import bursts
from scim.models import Burst
from tasks.connectors.faults import Unauthorized
from tests.conftest import SETUP, later
from tests.saml.door import connect
from tests.scim.talk import Scim
from tests.sync import scripted

pytestmark = pytest.mark.usefixtures("db")


def waiting() -> dict[str, int]:
    """Give what is counted above zero."""
    return {what: number for what, number in attention.counts().items() if number}


def test_nothing_waits_at_first(acme, globex, okta, jane):
    assert set(attention.counts()) == set(attention.KINDS)
    assert waiting() == {}


def test_directories_that_fail_again_and_again(acme, monkeypatch):
    scripted.install(monkeypatch)
    pull = scripted.pull_of(acme)
    for counted in ({}, {}, {"directory_failing": 1}):
        scripted.SCRIPT.pages = [Unauthorized("The token is refused.")]
        assert scripted.run(pull).state == "failed"
        assert waiting() == counted
    pulls.pause(pull, actor=SETUP)
    assert waiting() == {}


def test_runs_that_wait_for_somebody(acme, monkeypatch):
    scripted.install(monkeypatch)
    scripted.listing(*scripted.crowd(3))
    held = scripted.run(scripted.pull_of(acme))
    assert (held.state, waiting()) == ("held", {"run_held": 1})
    sync_runs.cancel(held, actor=SETUP)
    assert waiting() == {}


def test_departures_that_wait_for_somebody(acme, okta):
    guard = {"members": 2, "percent": 20, "seconds": 3600}
    directories.change(okta.directory, settings={"burst_guard": guard}, actor=SETUP)
    scim = Scim(okta)
    people = [scim.create(f"p{number}@acme.example")["id"] for number in range(8)]
    for each in people[:4]:
        scim.patch(f"/Users/{each}", {"op": "replace", "path": "active", "value": False})
    assert waiting() == {"burst_held": 1}
    with tenancy.of(acme):
        burst = Burst.objects.get()
    bursts.decide(burst, Burst.Decision.CONFIRM, actor=SETUP)
    assert waiting() == {}


def test_the_last_token_of_a_directory_alone(acme, globex, ada, jane):
    for organization, days in ((acme, 2), (globex, 2), (globex, 300)):
        directory = directories.create(organization, name=f"for {days} days", idp="okta", actor=SETUP)
        soon = timezone.now() + timedelta(days=days)
        made, _ = tokens.issue(directory, expires_at=soon, actor=SETUP)
    tokens.issue(jane, scopes=["members.read"], expires_at=timezone.now() + timedelta(days=2), actor=SETUP)
    assert waiting() == {"directory_token_expiring": 2}
    tokens.issue(made.directory, expires_at=timezone.now() + timedelta(days=2), actor=SETUP)
    assert waiting() == {"directory_token_expiring": 2}, "the other one lasts longer"
    with later(days=3):
        assert waiting() == {}, "too late to warn"
    with tenancy.of(acme):
        directory = Directory.objects.get()
    tokens.issue(directory, actor=SETUP)
    assert waiting() == {"directory_token_expiring": 1}


def test_letters_that_do_not_go_out(acme):
    with tenancy.change(acme):
        letter = mail.queue(acme.pk, kind="test", about=uuid4(), to="a@acme.example", subject="a", body="b")
    assert waiting() == {}
    with later(minutes=16):
        assert waiting() == {"mail_late": 1}
    with tenancy.of(acme):
        OutgoingMail.objects.filter(pk=letter.pk).update(state="sent")
    with later(minutes=16):
        assert waiting() == {}


def test_certificates_and_metadata_of_connections(acme, ada, eraser):
    connection = connect(acme)
    with tenancy.of(acme):
        ends = [IdpCertificate.objects.get().not_after, KeyPair.objects.get().not_after]
        watch = MetadataWatch.objects.create(organization=acme, connection=connection, due_at=timezone.now())
    with time_machine.travel(min(ends) - timedelta(days=15)):
        assert waiting() == {}
    with time_machine.travel(min(ends) - timedelta(days=13)):
        assert waiting()["certificate_expiring"] >= 1
    with time_machine.travel(max(ends) + timedelta(days=1)):
        assert waiting()["certificate_expiring"] == 2, "an expired one still waits for its successor"
    for values, counted in (({"failures": 2}, {}), ({"failures": 3}, {"metadata_failing": 1})):
        with tenancy.of(acme):
            MetadataWatch.objects.filter(pk=watch.pk).update(**values)
        assert waiting() == counted
