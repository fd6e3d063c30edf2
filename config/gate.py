"""Lets a request into the application when its body is here whole and a place is free: a client that is slow holds no place.

A place is a connection to the database; each process has one more than `ROLLCALL_WEB_THREADS`. Threads are cheap, so there are more of them
than places (`config/granian_threads.py`). A thread borrows a place while it works, and gives it back while it waits: for a client whose
body trickles in or who takes a long answer piece by piece, or for another thread that does its work along with its own (`lent`).
Why: docs/decisions/slow-clients.md, docs/decisions/places.md.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from config import charsets, early
from config.clients import Clients, TooManyError, Wait
from config.early import Early, EarlyError
from config.places import Places, Turn
from config.scim_door import leads_here
from identity import together, tokens
from scim import protocol

# As much as the largest body that anything here takes (a directory's file); whoever takes less refuses it by its length.
BODY_BYTES_MAX: Final = 64 * 1024 * 1024
# Of a long answer so much is made while a place is held; the rest when the client has taken it.
PIECE_BYTES: Final = 64 * 1024
# A file up to this is handed to the server whole, which waits for the client without a thread.
WHOLE_BYTES_MAX: Final = 2 * 1024 * 1024

# Between two statements of a transaction; they follow each other at once.
IDLE_SECONDS: Final = 60
_ALIVE: Final = "/healthz"

log = structlog.get_logger("rollcall.gate")

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Gate:
    """A WSGI application before the one behind it."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.clients = Clients()
        self.places = Places(_place() for _ in range(settings.ROLLCALL_WEB_THREADS + 1))
        self._mine = threading.local()
        # Within it a thread waits for somebody else; who counts the threads at work lets another one work meanwhile (config.crew).
        self.rests: Callable[[], AbstractContextManager[None]] = nullcontext
        together.while_resting(self.lent)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer with a list, or with `Pieces` that may be long in going."""
        try:
            _check_charset(environ.get("CONTENT_TYPE", ""))
            if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
                self._receive(environ)
            return self._answered(environ, start_response)
        except TooManyError:
            return early.answer(environ, EarlyError(Early.BUSY), start_response)
        except EarlyError as refusal:
            return early.answer(environ, refusal, start_response)

    def _answered(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == _ALIVE:
            # It is asked whether the process answers, not whether it has time.
            return _whole(self.application(environ, start_response))
        with self.place(environ, is_begun=False):
            answer = self.application(environ, start_response)
            if not getattr(answer, "streaming", False) or _is_short(answer):
                return _whole(answer)
            try:
                return Pieces(self, environ, answer, self._wait(environ))
            except TooManyError:
                answer.close()  # type: ignore[attr-defined]  # only Django's answers are streaming
                raise

    @contextmanager
    def place(self, environ: dict[str, Any], *, is_begun: bool = True) -> Iterator[None]:
        """Borrow a place for a request when it is its turn. Raises TooManyError where it has not begun, and need not."""
        turn = Turn(environ, _organization)
        turn.is_begun = is_begun
        place = self.places.take(turn)
        own, connections[DEFAULT_DB_ALIAS] = connections[DEFAULT_DB_ALIAS], place
        self._mine.own, self._mine.turn = own, turn
        try:
            yield
        finally:
            # Nor is the request kept, whose body may be large, until the thread has its next one.
            self._mine.own = self._mine.turn = None
            place = connections[DEFAULT_DB_ALIAS]
            connections[DEFAULT_DB_ALIAS] = own
            self.places.give_back(turn, place)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Give the place back, if this thread has one, while it waits for what another one does for it (identity.together).

        All who wait do: if some kept theirs, whoever is to do the work of all might wait for a place for ever.
        """
        own = getattr(self._mine, "own", None)
        if own is None:
            yield
            return
        turn: Turn = self._mine.turn
        place, connections[DEFAULT_DB_ALIAS] = connections[DEFAULT_DB_ALIAS], own
        turn.is_begun = True
        self.places.give_back(turn, place)
        try:
            with self.rests():
                yield
        finally:
            connections[DEFAULT_DB_ALIAS] = self.places.take(turn)

    def _wait(self, environ: dict[str, Any]) -> Wait:
        return self.clients.wait(environ.get("REMOTE_ADDR", ""), int(environ.get("SERVER_PORT", "0")))

    def _receive(self, environ: dict[str, Any]) -> None:
        """Put the whole body in the place of the one that is still to come. Raises EarlyError, TooManyError."""
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            # Without a length nobody can say before what is too much, so every door takes as little as SCIM.
            body = self._read(environ, protocol.BODY_BYTES_MAX + 1)
            if len(body) > protocol.BODY_BYTES_MAX:
                raise EarlyError(Early.TOO_LARGE, limit=protocol.BODY_BYTES_MAX)
        else:
            length = environ.get("CONTENT_LENGTH", "")
            if not length.isdigit():
                return  # there is none
            wanted = int(length)
            if wanted > protocol.BODY_BYTES_MAX and leads_here(environ.get("PATH_INFO", "")):
                # SCIM refuses it by its length, knows who sends it, and need not have it for that.
                environ["wsgi.input"] = BytesIO()
                return
            if wanted > BODY_BYTES_MAX:
                raise EarlyError(Early.TOO_LARGE, limit=BODY_BYTES_MAX)
            body = self._read(environ, wanted)
            if len(body) < wanted:
                raise EarlyError(Early.INCOMPLETE)
        # Let go of before the answer, hyper might take the body for unwanted and close the connection.
        environ["rollcall.received"] = environ["wsgi.input"]
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))

    def _read(self, environ: dict[str, Any], wanted: int) -> bytes:
        with self.clients.large(wanted):
            wait = self._wait(environ)
            try:
                with self.rests():
                    body: bytes = environ["wsgi.input"].read(wanted)
            finally:
                self.clients.done(wait)
        return body


def _check_charset(media_type: str) -> None:
    """Refuse what Django would break over while it makes its request, outside of all that answers faults. Raises EarlyError."""
    if charset := charsets.unreadable(media_type):
        raise EarlyError(Early.CHARSET, charset=charset)


class Pieces:
    """A long answer, made piece by piece as the client takes it."""

    def __init__(self, gate: Gate, environ: dict[str, Any], answer: Any, wait: Wait) -> None:
        self.gate = gate
        self.environ = environ
        self.answer = answer
        self.made = iter(answer)
        self.wait = wait
        self.fault: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Give the pieces; whoever takes none for too long is cut off."""
        while piece := self._next():
            yield piece

    def close(self) -> None:
        """Let the answer clean up behind itself."""
        self.gate.clients.done(self.wait)
        if self.fault is not None:
            # The client went before it could be raised, and nobody else has heard of it.
            log.error("answer broken", exc_info=self.fault)
        with self.gate.place(self.environ):
            self.answer.close()

    def _next(self) -> bytes:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        piece = bytearray()
        with self.gate.place(self.environ):
            try:
                for each in self.made:
                    piece += each
                    if len(piece) >= PIECE_BYTES:
                        break
            except Exception as fault:
                # What was made before it goes out first: its last line says that the answer is broken (audit.files).
                if not piece:
                    raise
                self.fault = fault
        self.wait.heard()
        return bytes(piece)


def _place() -> BaseDatabaseWrapper:
    """Make a connection, not yet opened, on which a statement ends after its time, and a process that hangs holds no row for long."""
    place = connections.create_connection(DEFAULT_DB_ALIAS)
    place.inc_thread_sharing()
    options = place.settings_dict["OPTIONS"]
    limits = (
        f"-c statement_timeout={settings.ROLLCALL_STATEMENT_SECONDS * 1000}"
        f" -c idle_in_transaction_session_timeout={IDLE_SECONDS * 1000}"
    )
    given = f"{options.get('options', '')} {limits}".strip()
    place.settings_dict = {**place.settings_dict, "OPTIONS": {**options, "options": given}}
    return place


def _organization(environ: dict[str, Any]) -> object:
    """Return whose request it is by its token, if that was genuine when it was here before; everybody else is as one organization."""
    return tokens.organization_of(environ.get("HTTP_AUTHORIZATION", "").rpartition(" ")[2])


def _whole(answer: Any) -> list[bytes]:
    if isinstance(answer, list):
        return answer
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


def _is_short(answer: Any) -> bool:
    length = answer.headers.get("Content-Length", "")
    return length.isdigit() and int(length) <= WHOLE_BYTES_MAX
