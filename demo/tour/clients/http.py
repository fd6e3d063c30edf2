"""An HTTP client that tells the screen what it asked and what came back."""

from typing import Any

import httpx2

from demo.tour.screen import Broken, Screen

TIMEOUT_SECONDS = 30


class Client:
    """Speaks JSON to paths under `base` with a bearer token, and checks the status of every answer."""

    content_type = "application/json"

    def __init__(
        self, screen: Screen, base: str, token: str = "", *, user_agent: str = "rollcall-tour"
    ) -> None:
        headers = {"User-Agent": user_agent}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._screen = screen
        self._http = httpx2.Client(base_url=base, headers=headers, timeout=TIMEOUT_SECONDS)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        expect: int | tuple[int, ...] = 200,
        tell: str = "",
        query: dict[str, str] | None = None,
    ) -> Any:
        """Ask and return what came back: parsed JSON, a text where it is none, None for nothing.

        `tell` names the fields of the answer that the screen shows. Raises Broken for any other status than expected.
        """
        content = None if body is None else httpx2.Request(method, "http://x", json=body).content
        headers = {"Content-Type": self.content_type} if content else {}
        answer = self._http.request(method, path, params=query, content=content, headers=headers)
        data = read(answer)
        # The filter as the client wrote it, not as the URL has to spell it.
        asked = "".join(f"  {name}: {value}" for name, value in (query or {}).items())
        self._screen.heard(
            f"{method} {answer.request.url.path}{asked} → {answer.status_code}{_told(data, tell)}"
        )
        check_status(f"{method} {path}", answer, expect)
        return data

    def quietly(self, method: str, path: str, query: dict[str, str]) -> Any:
        """Ask without showing it: for looking again and again."""
        answer = self._http.request(method, path, params=query)
        check_status(f"{method} {path}", answer, 200)
        return read(answer)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()


def read(answer: httpx2.Response) -> Any:
    """Return the body as JSON if it says that it is, else as text."""
    if "json" in answer.headers.get("Content-Type", "") and "jsonl" not in answer.headers["Content-Type"]:
        return answer.json() if answer.content else None
    return answer.text or None


def check_status(what: str, answer: httpx2.Response, expect: int | tuple[int, ...]) -> None:
    """Raise Broken with the body unless the status is (one of) what is expected."""
    wanted = (expect,) if isinstance(expect, int) else expect
    if answer.status_code not in wanted:
        raise Broken(
            f"the status of {what}",
            " or ".join(map(str, wanted)),
            f"{answer.status_code} {answer.text[:1500]}",
        )


def _told(data: Any, tell: str) -> str:
    """Return the named fields of the answer in short; a dot steps into an object or a list."""
    if isinstance(data, dict) and "detail" in data:
        return f"  {data.get('code', '')} {data['detail']}"
    if not tell or data is None:
        return ""
    parts = []
    for name in tell.split():
        value = data
        for key in name.split("."):
            if isinstance(value, list):
                value = value[int(key)] if key.isdigit() and int(key) < len(value) else None
            elif isinstance(value, dict):
                value = value.get(key)
        parts.append(f"{name}={value}")
    return "  " + " ".join(parts)
