"""Hands granian's requests to the gate, by the threads of a crew (config.crew).

For that we must answer before we return: granian's wrapper of WSGI applications is replaced by one that does, and is as short.
"""

import sys
from collections.abc import Callable
from typing import Any

from granian.server import mp
from granian.wsgi import Response, ResponseIterWrap

from config.crew import Crew
from config.gate import Gate, Pieces
from config.scim_door import leads_here
from scim import log_rows

_Run = Callable[[Any, dict[str, Any]], None]


def install() -> None:
    """Have the granian of this process call us; it loads the application before it asks for the wrapper."""
    if not callable(mp._wsgi_call_wrap):  # noqa: SLF001 - there is no public place for it; without it the start fails here
        raise TypeError("This granian wraps WSGI applications in another way.")
    mp._wsgi_call_wrap = wrapped  # type: ignore[assignment]  # noqa: SLF001


def wrapped(gate: Gate, _options: dict[str, Any], _access_log: str | None = None) -> _Run:
    """Return what granian calls with each request: its protocol object and what it knows of the request."""
    every: dict[str, Any] = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SCRIPT_NAME": "",
        "SERVER_SOFTWARE": "Granian",
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multiprocess": False,
        "wsgi.multithread": True,
        "wsgi.run_once": False,
        "wsgi.version": (1, 0),
    }
    crew = Crew(gate, gate.places.number)
    log_rows.write_reads_behind()

    def run(protocol: Any, scope: dict[str, Any]) -> None:
        with crew.at_work(quick=leads_here(scope["PATH_INFO"])):
            told = Response()  # type: ignore[no-untyped-call]  # granian's own have no types
            answer = gate(every | scope, told)
            if isinstance(answer, Pieces):
                protocol.response_iter(told.status, told.headers, ResponseIterWrap(answer))  # type: ignore[no-untyped-call]
            else:
                protocol.response_bytes(told.status, told.headers, b"".join(answer))

    return run
