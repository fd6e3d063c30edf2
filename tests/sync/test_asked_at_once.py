"""A directory is asked for by a person and by the clock at the same moment: one run comes of it, and nobody is refused for the other."""

import threading
from datetime import timedelta

from django.db import connections
from django.utils import timezone

from identity import pulls, sync_runs, tenancy
from identity.errors import Conflict
from identity.models import Pull, Run
from tests.api.client import token_of
from tests.conftest import SETUP
from tests.sync.scripted import pull_of
from tests.waiting import PATIENCE


def test_neither_waits_for_the_other_for_ever(acme, script, monkeypatch):
    pull = pull_of(acme)
    begun, go, found = threading.Event(), threading.Event(), {}
    real = sync_runs.begin

    def slow(*arguments, **named):
        made = real(*arguments, **named)
        if threading.current_thread().name == "person":
            begun.set()
            assert go.wait(PATIENCE)
        return made

    monkeypatch.setattr(sync_runs, "begin", slow)

    def at_once(name, act):
        def alone():
            try:
                found[name] = act()
            except Conflict as refusal:
                found[name] = refusal
            finally:
                connections.close_all()

        thread = threading.Thread(target=alone, name=name)
        thread.start()
        return thread

    person = at_once("person", lambda: sync_runs.ask(pull.directory, actor=SETUP))
    assert begun.wait(PATIENCE)
    clock = at_once("clock", lambda: sync_runs.start_due(acme.pk, pull.pk, actor=SETUP))
    clock.join(1)
    go.set()
    person.join(PATIENCE)
    clock.join(PATIENCE)
    with tenancy.of(acme):
        assert found == {"person": Run.objects.get(), "clock": None}
        assert Pull.objects.get().due_at > timezone.now() + timedelta(minutes=30)


def test_whoever_changes_a_directory_and_whoever_asks_for_a_run_both_get_through(
    acme, ada, script, monkeypatch
):
    pull = pull_of(acme)
    begun, go, found = threading.Event(), threading.Event(), {}
    real = sync_runs.begin

    def slow(*arguments, **named):
        made = real(*arguments, **named)
        begun.set()
        assert go.wait(PATIENCE)
        return made

    monkeypatch.setattr(sync_runs, "begin", slow)
    path = f"/organizations/{acme.slug}/directories/{pull.directory_id}"

    def at_once(name, method, address, body):
        api = token_of(ada)

        def alone():
            try:
                found[name] = api.send(method, address, body).status_code
            finally:
                connections.close_all()

        thread = threading.Thread(target=alone, name=name)
        thread.start()
        return thread

    asks = at_once("asks", "POST", f"{path}/runs", {"dry_run": False})
    assert begun.wait(PATIENCE)
    changes = at_once("changes", "PATCH", path, {"name": "Another", "schedule": {"every_minutes": 90}})
    changes.join(1)
    go.set()
    asks.join(PATIENCE)
    changes.join(PATIENCE)
    assert found == {"asks": 201, "changes": 200}


def test_the_clock_alone_begins_once_and_not_while_it_is_paused_or_not_due(acme, script):
    pull = pull_of(acme)
    assert sync_runs.start_due(acme.pk, pull.pk, actor=SETUP) is not None
    assert sync_runs.start_due(acme.pk, pull.pk, actor=SETUP) is None
    with tenancy.of(acme):
        due = Pull.objects.get().due_at
        assert due > timezone.now()
        Pull.objects.update(due_at=timezone.now())
    # Another run is on its way: the next one by itself comes after the usual time.
    assert sync_runs.start_due(acme.pk, pull.pk, actor=SETUP) is None
    with tenancy.of(acme):
        assert Pull.objects.get().due_at > timezone.now()
        assert Run.objects.count() == 1


def test_a_directory_that_is_paused_at_this_moment_is_not_begun(acme, script, monkeypatch):
    pull = pull_of(acme)
    real = sync_runs.begin

    def begin(*arguments, **named):
        made = real(*arguments, **named)
        pulls.pause(pull, actor=SETUP)
        return made

    monkeypatch.setattr(sync_runs, "begin", begin)
    assert sync_runs.start_due(acme.pk, pull.pk, actor=SETUP) is None
    with tenancy.of(acme):
        assert not Run.objects.exists()
