"""A small DNS server on loopback, UDP and TCP, that answers as a test tells it to. The resolver under test is the real one."""

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

_TRIES_MAX = 50

Reply = Callable[[dns.message.Message], dns.message.Message | None]


@dataclass
class Zone:
    """What the server says, by name; `asked` tells (name, protocol) of each question."""

    port: int = 0
    replies: dict[str, Callable[[dns.message.Message, str], dns.message.Message | None]] = field(
        default_factory=dict
    )
    asked: list[tuple[str, str]] = field(default_factory=list)

    def text(self, name: str, *records: str) -> None:
        """Publish TXT records, each in the form of a zone file: `"one"` or `"sp" "lit"`."""
        self.replies[name] = lambda query, _: _answer(
            query, dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *records)
        )

    def alias(self, name: str, target: str, *records: str) -> None:
        """Publish a CNAME with the TXT records of its target, as a recursive resolver answers."""
        self.replies[name] = lambda query, _: _answer(
            query,
            dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{target}."),
            dns.rrset.from_text(f"{target}.", 60, "IN", "TXT", *records),
        )

    def empty(self, name: str) -> None:
        """Let the name be there without any TXT record."""
        self.replies[name] = lambda query, _: _answer(query)

    def fail(self, name: str, rcode: int = dns.rcode.SERVFAIL) -> None:
        """Answer with an error."""
        self.replies[name] = lambda query, _: _refused(query, rcode)

    def cut_off(self, name: str, *records: str) -> None:
        """Say over UDP that the answer does not fit, and give it over TCP."""
        rows = dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *records)
        self.replies[name] = lambda query, protocol: (
            _answer(query, rows) if protocol == "tcp" else _truncated(query)
        )

    def silence(self, name: str) -> None:
        """Never answer."""
        self.replies[name] = lambda _query, _protocol: None

    def withdraw(self, name: str) -> None:
        """Let there be no such name any more (NXDOMAIN)."""
        self.replies.pop(name, None)

    def reply(self, wire: bytes, protocol: str) -> bytes | None:
        """Answer one question."""
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        self.asked.append((name, protocol))
        told = self.replies.get(name, lambda query, _: _refused(query, dns.rcode.NXDOMAIN))(query, protocol)
        return told.to_wire() if told is not None else None


def _answer(query: dns.message.Message, *rows: dns.rrset.RRset) -> dns.message.Message:
    answer = dns.message.make_response(query, recursion_available=True)
    answer.answer.extend(rows)
    return answer


def _refused(query: dns.message.Message, rcode: int) -> dns.message.Message:
    answer = dns.message.make_response(query, recursion_available=True)
    answer.set_rcode(rcode)
    return answer


def _truncated(query: dns.message.Message) -> dns.message.Message:
    answer = dns.message.make_response(query, recursion_available=True)
    answer.flags |= dns.flags.TC
    return answer


@contextmanager
def _serving(zone: Zone) -> Iterator[None]:
    class Udp(socketserver.BaseRequestHandler):
        def handle(self):
            wire, socket = self.request
            told = zone.reply(wire, "udp")
            if told is not None:
                socket.sendto(told, self.client_address)

    class Tcp(socketserver.BaseRequestHandler):
        def handle(self):
            (length,) = struct.unpack("!H", self.request.recv(2))
            told = zone.reply(self.request.recv(length), "tcp")
            if told is not None:
                self.request.sendall(struct.pack("!H", len(told)) + told)

    udp, tcp = _on_one_port(Udp, Tcp)
    with udp, tcp:
        zone.port = udp.server_address[1]
        threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in (udp, tcp)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for server, thread in zip((udp, tcp), threads, strict=True):
                server.shutdown()
                thread.join()


@pytest.fixture
def zone(settings) -> Iterator[Zone]:
    """Give a DNS server, which is the one that Rollcall asks."""
    made = Zone()
    with _serving(made):
        settings.ROLLCALL_DNS_SERVERS = [("127.0.0.1", made.port)]
        yield made


def _on_one_port(datagrams, streams):
    """Give a server of each kind on the same port: what is free for the one may be taken for the other."""
    for _ in range(_TRIES_MAX):
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), datagrams)
        try:
            return udp, socketserver.ThreadingTCPServer(udp.server_address, streams)
        except OSError:
            udp.server_close()
    raise OSError(f"in {_TRIES_MAX} tries no port was free for both")
