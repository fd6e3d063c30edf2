"""Whoever waits for a lot that another request writes lends their place meanwhile."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from config.gate import Gate
from identity.together import Together
from tests.config.test_gate import closing
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.usefixtures("db")


class Crowd:
    """An application whose every request is done together with others, or at /other alone; the first lot waits to be let go."""

    def __init__(self) -> None:
        self.gathers = Together(self.work)
        self.lots: list[int] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def work(self, lot: Sequence[str]) -> None:
        self.lots.append(len(lot))
        self.begun.set()
        assert self.go.wait(PATIENCE)

    def __call__(self, environ: dict[str, str], _start: object) -> list[bytes]:
        if environ["PATH_INFO"] == "/other":
            return [b"other"]
        self.gathers("key", environ["PATH_INFO"])
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
        return [b"done"]


@pytest.fixture
def crowd(settings) -> Iterator[tuple[Crowd, Gate]]:
    """Give it behind a gate of two places."""
    settings.ROLLCALL_WEB_THREADS = 2
    application = Crowd()
    with closing(Gate(application)) as made:
        yield application, made


def test_who_waits_for_a_lot_lends_their_place(crowd):
    application, through = crowd
    get = lambda path: b"".join(through({"PATH_INFO": path}, None))  # noqa: E731 - it is called from threads
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(get, "/0")
        assert application.begun.wait(PATIENCE)
        others = [pool.submit(get, f"/{number}") for number in range(1, 6)]
        assert eventually(lambda: len(application.gathers._waiting["key"]) == 5)
        # Six requests are on their way, one place is taken, and the other one is free.
        assert pool.submit(get, "/other").result(PATIENCE) == b"other"
        assert not any(each.done() for each in [first, *others])
        application.go.set()
        assert {each.result(PATIENCE) for each in [first, *others]} == {b"done"}
    assert application.lots == [1, 5]
    assert len(through.places) == 2
