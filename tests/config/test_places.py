"""A place is whose turn it is: in the order of arrival, whoever has none first, and never all of them for what takes long."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from config import pace, places
from config.clients import TooManyError
from config.crew import Crew
from config.pace import SLOW_SECONDS, Pace, kind_of
from config.places import Places, Turn
from identity import tokens
from identity.postgresql import flush
from tests.waiting import PATIENCE, eventually

ONE = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"


def asking(path: str = "/Users", organization: str = "acme", query: str = "", method: str = "GET") -> Turn:
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    return Turn(environ, lambda _: organization)


class Office:
    """So many places and the one that is kept, and requests in threads of their own: each works until it is let go."""

    def __init__(self, number: int, pool: ThreadPoolExecutor) -> None:
        nobody_asks_anything: Any = [object() for _ in range(number + 1)]
        self.places = Places(nobody_asks_anything)
        self.pool = pool
        self.served: list[str] = []
        self._ends: dict[str, threading.Event] = {}
        self._working: dict[str, Future[None]] = {}

    def come(self, name: str, **what: str) -> None:
        """Have a request come, and return once it has a place or waits for one."""
        self._ends[name] = threading.Event()
        before = len(self.places._waiting) + len(self.served)
        self._working[name] = self.pool.submit(self._work, name, asking(**what))
        assert eventually(lambda: len(self.places._waiting) + len(self.served) > before)

    def end(self, name: str) -> None:
        """Let a request be done."""
        self._ends[name].set()
        self._working[name].result(PATIENCE)

    def is_slow(self, **what: str) -> None:
        """Have requests of this kind be known as slow."""
        self.places.pace.held(asking(**what).kind, 10 * SLOW_SECONDS)

    def _work(self, name: str, turn: Turn) -> None:
        place = self.places.take(turn)
        self.served.append(name)
        assert self._ends[name].wait(PATIENCE)
        self.places.give_back(turn, place)


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> SimpleNamespace:
    """Have no time pass but what a test says: else whoever stood still for a moment would count as slow."""
    clock = SimpleNamespace(now=10.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(places, "time", clock)
    return clock


@contextmanager
def office(number: int) -> Iterator[Office]:
    with ThreadPoolExecutor(40) as pool:
        made = Office(number, pool)
        try:
            yield made
        finally:
            for name in list(made._ends):
                made.end(name)
    assert len(made.places) == number


def test_places_are_lent_in_the_order_of_arrival():
    with office(1) as made:
        for name in "abcdef":
            made.come(name)
        for name in "abcde":
            made.end(name)
        assert eventually(lambda: made.served == list("abcdef"))


def test_who_has_none_goes_before_who_has_all():
    with office(2) as made:
        for number in range(6):
            made.come(f"acme{number}")
        # One is kept for whoever has none.
        for organization in ("globex", "initech"):
            made.come(organization, organization=organization)
        assert made.served == ["acme0", "acme1", "globex"]
        made.end("acme0")
        assert eventually(lambda: made.served[3:] == ["initech"])
        made.end("acme1")
        # One each of those, and none of theirs: now it is the order of arrival again.
        assert eventually(lambda: made.served[4:] == ["acme2"])


def test_what_is_slow_leaves_one_place_for_the_others():
    with office(3) as made:
        made.is_slow(query="filter=slow")
        for number in range(5):
            made.come(f"slow{number}", query="filter=slow")
        assert made.served == ["slow0", "slow1"]
        for name in "abc":
            made.come(name)
        assert made.served == ["slow0", "slow1", "a"]
        made.end("a")
        assert eventually(lambda: made.served[3:] == ["b"])
        made.end("slow1")
        # They have come in this order, and each has a place that it may have.
        assert eventually(lambda: made.served[4:] == ["slow2"])
        made.end("b")
        assert eventually(lambda: made.served[5:] == ["c"])
        made.end("c")
        assert made.served[6:] == []


def test_a_process_of_one_place_serves_everybody():
    with office(1) as made:
        made.is_slow(query="filter=slow")
        made.come("slow", query="filter=slow")
        made.come("quick")
        made.end("slow")
        made.end("quick")
        made.come("again", query="filter=slow")
        assert made.served == ["slow", "quick", "again"]


def test_who_holds_a_place_for_long_counts_as_slow_before_it_is_done(clock):
    with office(2) as made:
        made.is_slow(query="filter=slow")
        made.come("unknown", query="filter=other")
        clock.now += SLOW_SECONDS * 1.2
        made.come("slow", query="filter=slow")
        assert made.served == ["unknown"]
        made.come("quick")
        assert made.served == ["unknown", "quick"]
        made.end("unknown")
        assert eventually(lambda: made.served[2:] == ["slow"])


def test_nobody_waits_for_what_another_organization_asks_for_the_first_time():
    """Nobody knows yet that it is slow, and it has all places at once."""
    with office(2) as made:
        for number in range(4):
            made.come(f"acme{number}", query=f"sortBy={'x' * number}")
        made.come("globex", organization="globex", query="filter=unknown")
        assert made.served == ["acme0", "acme1", "globex"]
        made.come("another of globex", organization="globex")
        made.end("globex")
        assert eventually(lambda: made.served[3:] == ["another of globex"])


def test_whose_a_request_is_may_be_learnt_while_it_has_its_place():
    """A process has just started, and knows nobody's token: who came first had all places, and whoever came then was one of them."""
    genuine: dict[str, str] = {}
    nobody_asks_anything: Any = [object() for _ in range(2)]
    made = Places(nobody_asks_anything)
    first, second = (
        Turn({"token": token}, lambda environ: genuine.get(environ["token"])) for token in ("a", "b")
    )
    made.take(first)
    with ThreadPoolExecutor() as pool:
        taken = pool.submit(made.take, second)
        assert eventually(lambda: second in made._waiting)
        genuine["a"] = "acme"
        # Whoever looks round for threads that are stuck sees it.
        made.stuck()
        assert taken.result(PATIENCE)


def test_what_is_slow_waits_also_where_its_organization_has_no_place():
    with office(2) as made:
        made.is_slow(query="filter=slow", organization="globex")
        for number in range(2):
            made.come(f"acme{number}")
        made.come("slow", query="filter=slow", organization="globex")
        made.come("quick", organization="globex")
        assert made.served == ["acme0", "acme1", "quick"]
        made.end("acme0")
        assert made.served[3:] == []
        made.end("quick")
        assert eventually(lambda: made.served[3:] == ["slow"])


def test_what_turns_out_to_be_slow_while_it_waits_waits_on():
    with office(2) as made:
        for name in ("one", "two", "three"):
            made.come(name, query="filter=slow")
        made.come("quick")
        made.is_slow(query="filter=slow")
        made.end("one")
        assert eventually(lambda: made.served == ["one", "two", "quick"])


def test_of_slow_ones_so_many_wait_and_no_more(monkeypatch):
    monkeypatch.setattr(places, "SLOW_WAITING_MAX", 2)
    monkeypatch.setattr(places, "ALL_SLOW_WAITING_MAX", 3)
    with office(1) as made:
        for organization in ("acme", "globex"):
            made.is_slow(query="filter=slow", organization=organization)
        made.come("at work")
        made.come("acme1", query="filter=slow")
        made.come("acme2", query="filter=slow")
        with pytest.raises(TooManyError):
            made.places.take(asking(query="filter=slow"))
        made.come("globex1", query="filter=slow", organization="globex")
        with pytest.raises(TooManyError):
            made.places.take(asking(query="filter=slow", organization="globex"))
        # Who is quick is not refused, nor who goes on with what has begun: a long answer would break off.
        made.come("quick")
        turn = asking(query="filter=slow")
        turn.is_begun = True
        going_on = made.pool.submit(made.places.take, turn)
        assert eventually(lambda: turn in made.places._waiting)
        for name in ("at work", "acme1", "acme2", "globex1", "quick"):
            made.end(name)
        made.places.give_back(turn, going_on.result(PATIENCE))


def test_who_waits_behind_many_when_it_turns_out_slow_is_told_so(monkeypatch):
    """Else the threads that are to bring others here would wait with them."""
    monkeypatch.setattr(places, "SLOW_WAITING_MAX", 1)
    with office(1) as made:
        made.come("one", query="filter=slow")
        made.come("two", query="filter=slow")
        refused = made.pool.submit(made.places.take, asking(query="filter=slow"))
        assert eventually(lambda: len(made.places._waiting) == 2)
        made.is_slow(query="filter=slow")
        made.places.stuck()
        assert isinstance(refused.exception(PATIENCE), TooManyError)
        assert len(made.places._waiting) == 1


def test_who_waits_for_a_slow_one_is_not_counted_among_the_threads_at_work(monkeypatch):
    """Else the threads at work would all be waiting, and nobody would bring the next request here."""
    monkeypatch.setattr(flush, "_waits", flush._waits)
    monkeypatch.setattr(flush.Channel, "nearest_seconds", 0.0001)
    with office(2) as made:
        gate = SimpleNamespace(places=made.places)
        crew = Crew(gate, 2)  # type: ignore[arg-type]  # it asks for nothing else here
        made.is_slow(query="filter=slow")
        for number in range(3):
            made.come(f"slow{number}", query="filter=slow")
        made.come("quick")
        crew.known = 4
        crew.slow = made.places.stuck()
        assert (crew.slow, crew.spare()) == (3, 0)
        made.end("quick")
        for number in range(3):
            made.end(f"slow{number}")
        assert made.places.stuck() == 0


def test_who_waits_while_all_are_held_for_long_is_not_counted_either(clock):
    """Else nobody would bring the request here for which a place is kept."""
    with office(2) as made:
        for number in range(5):
            made.come(f"acme{number}", query=f"sortBy={'x' * number}")
        clock.now += SLOW_SECONDS * 1.2
        assert made.places.stuck() == 3
        made.end("acme0")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ({"path": f"/Users/{ONE}"}, {"path": f"/Users/{OTHER}"}, True),
        ({"path": f"/Users/{ONE}"}, {"path": f"/Groups/{ONE}"}, False),
        ({"query": "filter=displayName%20co%20%22a%22"}, {"query": "filter=displayName%20co%20%22bc%22"}, True),
        ({"query": 'filter=displayName co "a"'}, {"query": 'filter=displayName co "b c"'}, True),
        ({"query": "filter=displayName%20co%20%22a%22"}, {"query": "filter=userName%20eq%20%22a%22"}, False),
        ({"query": "startIndex=100001"}, {"query": "startIndex=200001"}, True),
        ({"query": "startIndex=100001"}, {"query": "startIndex=1"}, False),
        ({"method": "GET"}, {"method": "PUT"}, False),
        ({"organization": "acme"}, {"organization": "globex"}, False),
    ],
)  # fmt: skip
def test_what_is_asked_with_other_values_is_of_the_same_kind(one: Any, other: Any, is_same):
    assert (asking(**one).kind == asking(**other).kind) is is_same


def test_one_late_request_makes_nothing_slow_and_quick_ones_make_it_quick_again():
    kind, seen = kind_of({}, "acme"), Pace()
    seen.held(kind, SLOW_SECONDS * 2)
    assert not seen.is_slow(kind)
    seen.held(kind, 30.0)
    assert seen.is_slow(kind)
    quick = 0
    while seen.is_slow(kind):
        seen.held(kind, 0.001)
        quick += 1
    assert 2 <= quick <= 10
    while not seen.knows_none:
        seen.held(kind, 0.001)
        quick += 1
    assert quick <= 20


def test_what_is_still_under_way_is_slow_after_some_time():
    kind, seen = kind_of({}, "acme"), Pace()
    seen.holds(kind, SLOW_SECONDS * 2)
    assert not seen.is_slow(kind)
    for _ in range(100):
        seen.holds(kind, SLOW_SECONDS * 4.1)
    assert seen.is_slow(kind)


def test_kinds_are_kept_so_many_at_most(monkeypatch):
    monkeypatch.setattr(pace, "_KINDS_MAX", 3)
    seen = Pace()
    for number in range(20):
        seen.held(kind_of({"PATH_INFO": f"/{'x' * number}"}, ""), 5.0)
    assert 1 <= len(seen._expected) <= 3


def test_a_token_that_was_genuine_tells_its_organization_and_no_other_does(acme, okta):
    made_up = okta.secret[:-1] + ("a" if okta.secret[-1] != "a" else "b")
    tokens._organizations.clear()
    assert tokens.find(made_up) is None
    assert tokens.organization_of(okta.secret) is None
    assert tokens.find(okta.secret) is not None
    assert tokens.organization_of(okta.secret) == acme.pk
    assert tokens.organization_of("rcd_000000000000_none") is None
    assert tokens.organization_of("") is None
