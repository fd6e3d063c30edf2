"""Sends changes that a directory asks for in the same moment: they are gathered as if somebody before them were at work."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.db import connections
from django.http import HttpResponse

from scim import door, moment
from scim.moment import Kind, Part
from tests.scim.talk import PATCH, Answer, Scim
from tests.waiting import PATIENCE, once


@dataclass(frozen=True)
class Change:
    """A request, as `Scim.send` takes it."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]


def change(method: str, path: str, body: Any, **headers: str) -> Change:
    return Change(method, path, body, headers)


def patched(path: str, *operations: Any, **headers: str) -> Change:
    return Change("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, headers)


def key_of(secret: str, kind: Kind, group: str | None = None) -> tuple[str, Kind, UUID]:
    """Return under what requests with this token are gathered."""
    return secret, kind, UUID(group) if group else UUID(int=0)


class Moment:
    """One token of a directory, by which much is asked at once. `lots`: the sizes of those tried, in order; `alone` is how many were."""

    def __init__(self, secret: str, pool: ThreadPoolExecutor) -> None:
        self.secret, self.pool = secret, pool
        self.lots: list[int] = []
        self.alone = 0

    def begin(self, wanted: Change, name: str = "") -> "Future[Answer]":
        """Send a request; its id is `name`."""
        return self.pool.submit(self._send, wanted, name)

    def together(self, *wanted: Change, group: str | None = None, kind: Kind = Kind.PEOPLE) -> list[Answer]:
        """Have them carried out as one lot, in this order; whoever then goes alone does so in it too. Return the answers."""
        key = key_of(self.secret, Kind.GROUP if group else kind, group)
        sending: list[Future[Answer]] = []

        def in_turn(request: Any, what: Any, alone: Callable[[], HttpResponse], by: Any) -> Part:
            before = sending[: int(request.headers["X-Request-ID"].rpartition("-")[2])]

            def after_them() -> HttpResponse:
                self.alone += 1
                for each in before:
                    each.exception(PATIENCE)
                return alone()

            return Part(request, what, after_them, by)

        gathers = moment._together
        do = self._counted(gathers._do)
        gathers._waiting[key] = waiting = []
        with (
            patch.object(door, "Part", in_turn),
            patch.multiple(gathers, _do=do, _patience_seconds=PATIENCE),
        ):
            try:
                for number, each in enumerate(wanted):
                    sending.append(self.begin(each, f"request-{number}"))
                    # One that is refused at the door never waits.
                    once(lambda: len(waiting) + sum(each.done() for each in sending) == len(sending))
            finally:
                gathers._hand_over(key)
            wait(sending, PATIENCE)
            return [each.result(0) for each in sending]

    def _counted(self, real: Callable[[Any], None]) -> Callable[[Any], None]:
        def do(lot: Any) -> None:
            self.lots.append(len(lot))
            real(lot)

        return do

    def _send(self, wanted: Change, name: str) -> Answer:
        try:
            idp = Scim(self.secret, **({"X-Request-ID": name} if name else {}))
            return idp.send(wanted.method, wanted.path, wanted.body, **wanted.headers)
        finally:
            connections.close_all()
