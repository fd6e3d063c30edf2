"""People are moved between directories while a plan of one waits, or a run of it is on its way."""

import threading
from functools import partial

from django.db import connections

from identity import domains, moves, sync_runs, tenancy
from identity.move_plan import Wanted
from tasks.models import Known
from tasks.sync import apply
from tests.conftest import SETUP
from tests.sync import scripted
from tests.sync.conftest import ADA
from tests.sync.scripted import approved, crowd, go_on, listing, person, pull_of, run, settle, states
from tests.sync.test_moved import ALL, member, people, reasons
from tests.waiting import PATIENCE


def test_a_plan_made_before_the_move_leaves_them_alone(acme, hr, second):
    listing(*[person(f"p0{number}", active=number > 6) for number in range(10)])
    held = run(hr)
    assert held.counts == {"suspend": 7}
    moves.move(hr.directory, second.directory, Wanted({member(acme, "p00@acme.example").pk: None}), actor=ADA)
    done = approved(held, ADA)
    assert (done.applied, done.skipped) == (6, 1)
    assert ("suspend", "p00", "changed_since") in reasons(done)
    assert people(acme)["p00@acme.example"] == "active"
    with tenancy.of(acme):
        assert not Known.objects.filter(directory=hr.directory_id, external_id="p00").exists()


def test_a_plan_of_the_new_directory_made_before_the_move_makes_no_double(acme, hr, script):
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    second = pull_of(acme, "Second")
    jane, bob = member(acme, "p00@acme.example"), member(acme, "p01@acme.example")
    listing(
        scripted.Person("s0", "uid-0", dict(jane.profile), active=True), person("s1", "bob@acme.example"), person("s2")
    )  # fmt: skip
    held = run(second)
    assert held.counts == {"create": 3}
    moves.move(hr.directory, second.directory, Wanted({jane.pk: None, bob.pk: "s1"}), actor=ADA)
    done = approved(held, ADA)
    assert (done.applied, done.skipped) == (1, 2)
    assert run(second).counts == {"link": 2}
    assert len(people(acme)) == 11


def test_a_move_in_the_middle_of_an_apply_waits_for_its_batch_and_stands(acme, hr, second, monkeypatch):
    """The run has locked people and is about to shut them out; the move comes then, and then the rest of the run."""
    monkeypatch.setattr(apply, "BATCH", 2)
    listing(*[person(f"p0{number}", active=number > 4) for number in range(10)])
    begun, go = threading.Event(), threading.Event()
    real = apply._do

    def slow(*given):
        real(*given)
        begun.set()
        assert go.wait(PATIENCE)

    monkeypatch.setattr(apply, "_do", slow)

    def alone(act):
        try:
            act()
        finally:
            connections.close_all()

    worker = threading.Thread(target=alone, args=[lambda: run(hr)])
    worker.start()
    assert begun.wait(PATIENCE)
    everybody = partial(moves.move, hr.directory, second.directory, ALL, actor=ADA)
    mover = threading.Thread(target=alone, args=[everybody])
    mover.start()
    go.set()
    mover.join(PATIENCE)
    worker.join(PATIENCE)
    found = people(acme)
    shut = sum(state == "suspended" for state in found.values())
    assert shut in {2, 4, 5}
    with tenancy.of(acme):
        assert not Known.objects.filter(directory=hr.directory_id).exists()
    assert states(second).keys() == {None, "p20", "p21", "p22"}
    assert run(hr).counts.get("suspend", 0) == 0
    assert sum(state == "suspended" for state in people(acme).values()) == shut


def test_a_run_that_was_on_its_way_during_the_move_does_not_keep_its_place(acme, script, okta):
    graph = pull_of(acme, "Graph")
    listing(*crowd(3), cookie={"delta": 1})
    settle(graph, ADA)
    jane = member(acme, "p00@acme.example")
    moves.move(graph.directory, okta.directory, Wanted({jane.pk: None}), actor=ADA)
    listing(whole=False, cookie={"delta": 2})
    made = sync_runs.ask(graph.directory, actor=SETUP)
    moves.move(okta.directory, graph.directory, Wanted({jane.pk: None}), actor=ADA)
    go_on(made)
    listing(*crowd(3), cookie={"delta": 3})
    assert run(graph).counts == {"link": 1}
    assert script.asked[-1][1] is None
