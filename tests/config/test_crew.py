"""One thread of a web process is at work as long as it is quick; others are let go while it waits, and held back again."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from config import crew as crews
from config.crew import Crew
from identity.postgresql import flush
from identity.postgresql.flush import Channel
from tests.waiting import PATIENCE, eventually

PLACES = 4


class Staff:
    """A crew, and threads that come with requests and stay until they are let go; what the gate would count is set by hand."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.slow, self.long = 0, 0
        places = SimpleNamespace(stuck=lambda: self.slow, longer_than=lambda _: self.long)
        gate: Any = SimpleNamespace(clients=SimpleNamespace(longer_than=lambda _: 0), places=places)
        self.crew = Crew(gate, PLACES)
        self.pool = pool
        self.ends = [threading.Event() for _ in range(20)]
        self.here = 0

    def come(
        self, *, quick: bool = True, inside: Callable[[Crew], AbstractContextManager[None]] = nullcontext
    ) -> Future[None]:
        """Have a thread come with a request, which is for as long within `inside`; returns once it is there."""
        number, begun = self.here, threading.Event()
        self.here += 1

        def work() -> None:
            with self.crew.at_work(quick=quick), inside(self.crew):
                begun.set()
                assert self.ends[number].wait(PATIENCE)

        sent = self.pool.submit(work)
        assert begun.wait(PATIENCE)
        return sent

    def end(self, number: int) -> None:
        self.ends[number].set()

    def held(self, number: int) -> bool:
        return eventually(lambda: self.crew.held == number)


@pytest.fixture
def staff(monkeypatch) -> Iterator[Staff]:
    """Give a crew whose PostgreSQL is near, and that looks round when it is told to."""
    monkeypatch.setattr(Crew, "_watch", lambda _: None)
    monkeypatch.setattr(flush, "_waits", flush._waits)
    monkeypatch.setattr(Channel, "nearest_seconds", 0.0001)
    with ThreadPoolExecutor(20) as pool:
        made = Staff(pool)
        yield made
        monkeypatch.setattr(Crew, "_hold_back", lambda _: None)
        for each in made.ends:
            each.set()
            made.crew._calls.put(None)


def test_of_threads_that_are_done_all_but_one_are_held_back(staff):
    sent = [staff.come() for _ in range(3)]
    for number in range(3):
        staff.end(number)
    assert staff.held(2)
    assert sum(each.done() for each in sent) == 1


def test_far_from_postgresql_there_are_as_many_as_places(staff, monkeypatch):
    monkeypatch.setattr(Channel, "nearest_seconds", 0.002)
    sent = [staff.come() for _ in range(6)]
    for number in range(6):
        staff.end(number)
    assert staff.held(2)
    assert eventually(lambda: sum(each.done() for each in sent) == PLACES)


@pytest.mark.parametrize(
    "waiting",
    [lambda crew: crew.rests(), lambda crew: crew.waits(for_the_disk=False)],
    ids=["rests", "waits"],
)
def test_while_the_one_at_work_waits_another_one_is_let_go(
    staff, waiting: Callable[[Crew], AbstractContextManager[None]]
):
    staff.come()
    done = staff.come()
    staff.end(0)
    assert staff.held(1)
    staff.end(1)
    assert done.result(PATIENCE) is None
    staff.come(inside=waiting)
    assert staff.held(0)


def test_whoever_rested_together_stays_at_hand_for_a_while(staff, monkeypatch):
    clock = SimpleNamespace(now=10.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(crews, "time", clock)
    staff.crew.look()
    with staff.crew.rests(), staff.crew.rests():
        assert staff.crew.spare() == -3
    wanted = []
    for later in (0, 1, 1.5, 1.5, 1):
        clock.now += later
        staff.crew.look()
        wanted.append(-staff.crew.spare())
    assert wanted == [3, 3, 3, 3, 1]


def test_what_is_no_request_of_a_machine_leaves_time_for_one(staff):
    for _ in range(3):
        staff.come(quick=False)
    assert staff.crew.spare() == -1
    staff.end(0)
    assert staff.held(0)


def test_a_request_that_takes_long_is_not_alone_from_the_next_look_on(staff):
    staff.come()
    staff.come()
    staff.end(1)
    assert staff.held(1)
    staff.long = 1
    staff.crew.look()
    assert staff.held(0)
    # However many they are: no more than there are places.
    staff.long = 50
    staff.crew.look()
    assert staff.crew.spare() == staff.crew.known - PLACES


def test_who_is_in_no_crew_waits_as_they_are(staff):
    with staff.crew.waits(for_the_disk=True), nullcontext():
        assert (staff.crew.resting, staff.crew.away) == (0, 0)
