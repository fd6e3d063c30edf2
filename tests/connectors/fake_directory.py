"""A process that answers like Google Workspace, Microsoft Graph and Okta, with people, groups and faults that a test sets over `/_state`.

The shapes are those of the vendors' references; each request is noted, so that a test sees what was asked. Run as a module, it
prints its port.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tests.connectors import fake_google, fake_graph, fake_okta
from tests.connectors.fake_answer import Answer, State, error
from tests.waiting import PATIENCE

ROUTES: dict[str, Callable[[State, str, dict[str, str], str], Answer]] = {
    "/admin/directory/v1/": fake_google.answer,
    "/v1.0/": fake_graph.answer,
    "/api/v1/": fake_okta.answer,
}
SECRET = "the-client-secret"
API_TOKEN = "the-api-token"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/_state":
            self._send(Answer(200, self.server.state))
            return
        with self.server.lock:
            self.server.state["asked"].append(self.path)
            self._send(self._faulty() or self._answer(parts.path, dict(parse_qsl(parts.query))))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            if self.path == "/_state":
                self.server.state |= json.loads(body)
                self._send(Answer(200, {}))
                return
            self.server.state["asked"].append(self.path)
            self._send(self._token(dict(parse_qsl(body.decode()))))

    def _faulty(self) -> Answer | None:
        """Answer with the fault that is due; "after" calls come through first."""
        faults = self.server.state["faults"]
        for name, status, headers in (
            ("rate_limited", 429, faults.get("rate") or {"Retry-After": "7"}),
            ("unavailable", 503, {}),
            ("broken", 500, {}),
            ("forbidden", 403, {}),
            ("stray", 200, {}),
        ):
            if faults.get(name):
                if faults.get("after", 0) > 0:
                    faults["after"] -= 1
                    return None
                faults[name] -= 1
                return (
                    Answer(200, faults["body"].encode())
                    if name == "stray"
                    else error(status, name, **headers)
                )
        return None

    def _answer(self, path: str, query: dict[str, str]) -> Answer:
        state = self.server.state
        given = self.headers.get("Authorization", "")
        if given != f"SSWS {API_TOKEN}" and given != f"Bearer {state['token']}":
            return error(401, "invalid_token")
        if state["faults"].get("expire_after") is not None:
            state["faults"]["expire_after"] -= 1
            if state["faults"]["expire_after"] < 0:
                del state["faults"]["expire_after"]
                state["token"] = "nobody has this one"
                return error(401, "expired")
        for prefix, answer in ROUTES.items():
            if path.startswith(prefix):
                return answer(state, path.removeprefix(prefix), query, f"http://{self.headers['Host']}")
        return error(404, "no such path")

    def _token(self, form: dict[str, str]) -> Answer:
        """Give a token for a good secret, or for an assertion that the registered key signed for this very address (RFC 7523)."""
        state = self.server.state
        if "token_page" in state["faults"]:
            return Answer(403, state["faults"]["token_page"].encode())
        signed = form.get("assertion") or form.get("client_assertion")
        if signed is None:
            if form.get("client_secret") != SECRET:
                return Answer(
                    401,
                    {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."},
                )
        else:
            try:
                token = jwt.decode(signed, RSAKey.import_key(state["public_key"]), algorithms=["RS256"])
                jwt.JWTClaimsRegistry(
                    aud={"essential": True, "value": f"http://{self.headers['Host']}{self.path}"},
                    exp={"essential": True},
                ).validate(token.claims)
            except JoseError as problem:
                return Answer(400, {"error": "invalid_grant", "error_description": str(problem)})
            if "sub" in state["wanted"] and token.claims["sub"] != state["wanted"]["sub"]:
                return Answer(
                    401,
                    {
                        "error": "unauthorized_client",
                        "error_description": "Client is unauthorized to retrieve tokens.",
                    },
                )
            state["assertion"] = {"claims": token.claims, "header": token.header}
        state["issued"] += 1
        state["token"] = f"token-{state['issued']}"
        return Answer(200, {"access_token": state["token"], "token_type": "Bearer", "expires_in": 3600})

    def _send(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return what the header Date says, by a clock that may be wrong."""
        return super().date_time_string((timestamp or time.time()) + self.server.state["clock_ahead"])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.state: State = {
            "people": [], "groups": [], "faults": {}, "asked": [], "page_size": 3, "token": "", "issued": 0, "public_key": "", "wanted": {},
            "seq": 0, "clock_ahead": 0,
        }  # fmt: skip


class Fake:
    """The test's end: `put` sets parts of the state, `state` reads it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx2.Client(base_url=self.url, timeout=PATIENCE)

    def put(self, **parts: Any) -> None:
        """Set parts of the state."""
        self.client.post("/_state", content=json.dumps(parts)).raise_for_status()

    @property
    def state(self) -> State:
        """Return the state."""
        return self.client.get("/_state").json()


@contextmanager
def fake_directory() -> Iterator[Fake]:
    """Run the process for a while."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.connectors.fake_directory"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        fake = Fake(int(process.stdout.readline()))
        with fake.client:
            yield fake
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


if __name__ == "__main__":
    serving = Server()
    print(serving.server_address[1], flush=True)  # noqa: T201 - the parent reads it
    serving.serve_forever()
