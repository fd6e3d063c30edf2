"""Run the development identity provider: loopback only, development mode only."""

import argparse
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

from config.environment import data_directory
from demo import address
from demo.identity_provider.application import Application, Reply, fields_of
from demo.identity_provider.realm import load_keys

BODY_BYTES_MAX = 1024 * 1024
SECONDS_MAX = 30


class Handler(BaseHTTPRequestHandler):
    """One connection of the standard library's server, in front of the application."""

    application: Application
    hosts: frozenset[str]
    protocol_version = "HTTP/1.1"
    server_version = "RollcallDevelopmentIdp"
    sys_version = ""
    timeout = SECONDS_MAX

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer("GET", urlsplit(self.path).query)

    def do_POST(self) -> None:
        """Answer a posted form."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            self._send(Reply("This form is too large, or does not say how large it is.", status=413))
            return
        self._answer("POST", self.rfile.read(int(length)).decode("utf-8", "replace"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - the library's signature
        """Log method, path and status; never the query, which carries messages."""
        sys.stderr.write(f"{self.command} {urlsplit(self.path).path} {args[1] if len(args) > 1 else ''}\n")

    def _answer(self, method: str, fields: str) -> None:
        parts = urlsplit(self.path)
        refusal = self._refusal(method, parts.path)
        try:
            reply = refusal or self.application.reply(method, parts.path, parts.query, fields_of(fields))
        except ValueError:
            reply = Reply("These fields cannot be read.", status=400)
        self._send(reply)

    def _refusal(self, method: str, path: str) -> Reply | None:
        """Refuse a name that leads here from outside (DNS rebinding), and forms of other sites that would sign in or out."""
        if self.headers.get("Host", "") not in self.hosts:
            return Reply("This server answers on loopback names only.", status=421)
        origin = self.headers.get("Origin")
        inner = path.endswith(("/answer", "/logout"))
        if method == "POST" and inner and origin and urlsplit(origin).netloc not in self.hosts:
            return Reply("This form belongs to another site.", status=403)
        return None

    def _send(self, reply: Reply) -> None:
        body = reply.body.encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m demo.identity_provider", description=__doc__)
    parser.add_argument(
        "--port", type=int, help="port on the loopback address (default: the one that the seed chose)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=data_directory(),
        help="Rollcall's data directory, where the key is kept (default: var)",
    )
    parser.add_argument("--bind", default="127.0.0.1", help="an IPv4 loopback address (default: 127.0.0.1)")
    parser.add_argument(
        "--server",
        default=os.environ.get("ROLLCALL_PUBLIC_URL", "http://localhost:8000"),
        help="address of the one Rollcall server that is served (default: ROLLCALL_PUBLIC_URL)",
    )
    options = parser.parse_args(arguments)
    if os.environ.get("ROLLCALL_DEBUG") != "true":
        sys.exit(
            "The development identity provider signs in anybody as anybody: it runs with ROLLCALL_DEBUG=true alone."
        )
    if not _is_loopback(options.bind):
        sys.exit(
            f"--bind {options.bind} is not a loopback address, and this server must not be reached from outside."
        )
    port = options.port or address.remembered_port(options.data)
    if port is None:
        sys.exit("--port is needed: no port has been chosen for this data directory yet.")
    serve(options.bind, port, options.data, options.server.rstrip("/"))


def serve(bind: str, port: int, data: Path, server: str) -> None:
    """Listen and answer until SIGTERM or Ctrl-C."""
    keys = load_keys(address.directory(data))
    hosts = frozenset(f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]"))
    application = Application(address.base(port), server, keys, data)
    bound = type("BoundHandler", (Handler,), {"application": application, "hosts": hosts})
    with ThreadingHTTPServer((bind, port), bound) as listener:
        listener.daemon_threads = True
        signal.signal(signal.SIGTERM, _stop)
        print(f"Development identity provider on {address.base(port)}/ for {server}", flush=True)
        try:
            listener.serve_forever()
        except KeyboardInterrupt:
            print("Stopped.", flush=True)


def _is_loopback(bind: str) -> bool:
    try:
        return IPv4Address(bind).is_loopback
    except ValueError:
        return False


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
