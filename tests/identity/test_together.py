"""Several threads that want the same at once: one of them does it for all, nobody is lost, and each refusal finds its own."""

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from identity import together
from identity.together import ApartError, Together
from tests.waiting import PATIENCE, eventually, once


class Counter:
    """Work that can be held up, and keeps what it was given, a lot at a time."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def __call__(self, lot: Sequence[int]) -> None:
        self.begun.release()
        assert self.go.acquire(timeout=PATIENCE)
        self.lots.append(list(lot))
        if 13 in lot:
            raise ValueError(f"13 among {len(lot)}")
        if 99 in lot:
            raise ConnectionError("lost while it was done")


@pytest.fixture
def work() -> Counter:
    return Counter()


@pytest.fixture
def crowd(work) -> Iterator[Callable[..., "Future[None]"]]:
    """Give a way to want a number; returns once it is gathered, or at work."""
    gathers = Together(work, unsure=(ConnectionError,))

    with ThreadPoolExecutor(50) as pool:

        def want(number: int, key: str = "one") -> "Future[None]":
            is_first = key not in gathers._waiting
            before = len(gathers._waiting.get(key, ()))
            future = pool.submit(gathers, key, number)
            if is_first:
                assert work.begun.acquire(timeout=PATIENCE)
            once(lambda: is_first or len(gathers._waiting.get(key, ())) > before, future)
            return future

        want.gathers = gathers  # type: ignore[attr-defined]  # a function takes any
        yield want
        assert not gathers._waiting, "somebody is still waited for"


def test_who_comes_alone_is_done_at_once(work, crowd):
    work.go.release()
    assert crowd(1).result(PATIENCE) is None
    assert work.lots == [[1]]


def test_who_comes_while_one_is_at_work_is_done_in_one_lot_after_it(work, crowd):
    wanted = [crowd(number) for number in range(6)]
    assert not any(each.done() for each in wanted)
    work.go.release(2)
    for each in wanted:
        each.result(PATIENCE)
    assert work.lots == [[0], [1, 2, 3, 4, 5]]


def test_other_keys_are_not_waited_for(work, crowd):
    one, other = crowd(1), crowd(2, key="other")
    work.go.release(2)
    one.result(PATIENCE)
    other.result(PATIENCE)
    assert sorted(work.lots) == [[1], [2]]


def test_a_refusal_of_one_alone_is_theirs(work, crowd):
    work.go.release()
    with pytest.raises(ValueError, match="13 among 1"):
        crowd(13).result(PATIENCE)


def test_of_a_refused_lot_each_is_told_to_try_alone(work, crowd):
    wanted = [crowd(number) for number in (1, 12, 13, 14)]
    work.go.release(2)
    wanted[0].result(PATIENCE)
    for each in wanted[1:]:
        with pytest.raises(ApartError):
            each.result(PATIENCE)


def test_where_nobody_knows_whether_a_lot_was_done_everybody_is_told_so(work, crowd):
    """Told to try alone, they would find what they had done themselves."""
    wanted = [crowd(number) for number in (1, 12, 99, 14)]
    work.go.release(2)
    wanted[0].result(PATIENCE)
    for each in wanted[1:]:
        with pytest.raises(ConnectionError, match="lost"):
            each.result(PATIENCE)


def _places():
    # Not isinstance, by which a lazy object of another test would be made.
    return [each for each in gc.get_objects() if type(each) is together._Place]


def test_what_was_gathered_leaves_nothing_to_the_garbage_collector(work, crowd):
    gc.collect()
    # Those of another test may still be told of; held, they leave their addresses to nobody.
    before = _places()
    wanted = [crowd(number) for number in range(4)]
    work.go.release(2)
    for each in wanted:
        each.result(PATIENCE)
    # Who led has told everybody before they are done themselves, and holds the places until then.
    gc.disable()
    try:
        assert eventually(lambda: {id(each) for each in _places()} <= {id(each) for each in before})
    finally:
        gc.enable()


def test_whoever_comes_after_a_refusal_is_not_touched_by_it(work, crowd):
    refused = crowd(13)
    after = crowd(14)
    work.go.release(2)
    with pytest.raises(ValueError, match="13"):
        refused.result(PATIENCE)
    after.result(PATIENCE)


def test_a_crowd_is_done_in_several_lots(work, crowd, monkeypatch):
    monkeypatch.setattr(together, "LOT_MAX", 4)
    wanted = [crowd(number) for number in range(1, 12)]
    work.go.release(9)
    for each in wanted:
        each.result(PATIENCE)
    assert [len(lot) for lot in work.lots] == [1, 4, 4, 2]
    assert sorted(number for lot in work.lots for number in lot) == list(range(1, 12))


def test_beyond_a_number_who_comes_is_sent_to_do_it_alone(work, crowd, monkeypatch):
    monkeypatch.setattr(together, "WAITING_MAX", 2)
    first, *gathered = [crowd(number) for number in (1, 2, 3)]
    with pytest.raises(ApartError):
        crowd.gathers("one", 4)
    work.go.release(2)
    for each in (first, *gathered):
        each.result(PATIENCE)
    work.go.release()
    assert crowd(5).result(PATIENCE) is None
    assert work.lots == [[1], [2, 3], [5]]


def test_of_thousands_by_many_threads_each_is_done_once():
    done: list[int] = []
    gathers = Together(done.extend)

    def want(first: int) -> None:
        for number in range(first, first + 500):
            gathers(number % 3, number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(want, range(0, 4000, 500), timeout=PATIENCE))
    assert sorted(done) == list(range(4000))


def test_who_waits_long_for_their_lot_to_begin_goes_alone(work):
    gathers = Together(work, patience_seconds=0.01)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gathers, "one", 1)
        assert work.begun.acquire(timeout=PATIENCE)
        with pytest.raises(ApartError):
            gathers("one", 2)
        work.go.release()
        first.result(PATIENCE)
    assert work.lots == [[1]]
    assert (gathers._waiting, gathers._number) == ({}, 0)
