"""Measures sign-ins a second at the ACS over HTTP, beside stock djangosaml2: `python bench/saml/acs.py [--quick]`, under four minutes.

Both stand on the same PostgreSQL (with fsync), behind granian with as many processes and threads. Every response is genuine, distinct
and signed beforehand. People who return and people who come for the first time are measured apart: the latter are made, with their first
permissions. Beside them stands a bare view of the same server in the same run.
Rollcall runs as `manage.py up` runs it, worker and clock included. Stock djangosaml2 runs `xmlsec1`: on Debian, `apt-get install xmlsec1`.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from clients import Figure, answers, fields, measure, wait_for
from contenders import Rollcall, Stock
from verifier import main as measure_verifier

CONCURRENCY = (1, 8)
SECONDS = 4.0
# As many responses as can be shown in that time; signing more would only take longer.
RESPONSES = {"rollcall": 1600, "stock": 200}
KNOWN = 10
KINDS = ("returning", "newcomer")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def sign_ins(contender: Rollcall | Stock, name: str, kind: str, concurrency: int, seconds: float) -> Figure:
    """Show the contender distinct responses of one kind of people for that long."""
    forms = [
        fields(contender, f"known-{number % KNOWN}" if kind == "returning" else f"x{concurrency}-{number}")
        for number in range(int(RESPONSES[name] * seconds / SECONDS))
    ]
    act = answers(contender.acs_path, forms, expected=contender.signed_in)
    return measure(contender.port, act, concurrency, seconds)


def compare(rollcall: Rollcall, stock: Stock, seconds: float) -> None:
    """Print the table."""
    for contender in (rollcall, stock):
        warm = [fields(contender, f"known-{number}") for number in range(KNOWN)]
        measure(contender.port, answers(contender.acs_path, warm, expected=contender.signed_in), 1, 60)
    for concurrency in CONCURRENCY:
        floor = measure(rollcall.port, answers("/healthz", None, expected=200), concurrency, seconds / 4)
        tell("bare view, Rollcall's server", concurrency, floor)
        bare = measure(stock.port, answers("/hello", None, expected=200), concurrency, seconds / 4)
        tell("bare view, djangosaml2's server", concurrency, bare)
        for kind in KINDS:
            ours = sign_ins(rollcall, "rollcall", kind, concurrency, seconds)
            tell(f"{kind}, Rollcall", concurrency, ours, f"floor ÷ {floor.rate / ours.rate:.0f}")
            theirs = sign_ins(stock, "stock", kind, concurrency, seconds)
            tell(
                f"{kind}, stock djangosaml2",
                concurrency,
                theirs,
                f"Rollcall: {ours.rate / theirs.rate:.1f} times",
            )


def tell(name: str, concurrency: int, figure: Figure, beside: str = "") -> None:
    """Print one line."""
    print(
        f"{name:<32} x{concurrency}: {figure.rate:8.1f}/s, median {figure.median_ms:7.1f} ms  {beside}",
        flush=True,
    )


def main(seconds: float) -> None:
    """Measure the verifier alone, start both servers, measure them, stop them."""
    xmlsec = shutil.which("xmlsec1")
    if xmlsec is None:
        raise SystemExit("Stock djangosaml2 needs the program xmlsec1: apt-get install xmlsec1")
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores, load {load:.1f} before the first request{', shared with other work' if load > 1 else ''}"
    )
    measure_verifier()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        rollcall = Rollcall(free_port(), Path(data))
        stock = None
        try:
            wait_for(rollcall.process, rollcall.port, "/readyz")
            rollcall.set_up()
            stock = Stock(free_port(), Path(data), xmlsec)
            wait_for(stock.process, stock.port, "/hello")
            compare(rollcall, stock, seconds)
        finally:
            for process in [stock.process if stock else None, rollcall.process]:
                if process is not None:
                    process.send_signal(signal.SIGINT)
                    try:
                        process.wait(20)
                    except subprocess.TimeoutExpired:
                        process.kill()


if __name__ == "__main__":
    main(2.0 if "--quick" in sys.argv else SECONDS)
