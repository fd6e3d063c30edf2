"""How connectors ask directories over HTTP: bearer tokens renewed once, faults by what the status says, links kept at home."""

import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson

from identity.outbound import Answer, Caller
from identity.outbound import Unreachable as NotReached
from tasks.connectors.faults import NotUnderstood, RateLimited, Unauthorized, Unreachable

SECONDS_MAX: Final = 30.0
BYTES_MAX: Final = 32 * 1024 * 1024
# Where a directory says "later" without saying when.
RETRY_AFTER_SECONDS: Final = 30.0
_RETRY_AFTER_SECONDS_MAX: Final = 3600.0
_OK, _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER_ERROR, _UNAVAILABLE = 200, 401, 403, 429, 500, 503


class Api:
    """One directory's API: `authorization(renew)` gives the header's value, asked for anew once when a token is refused.

    `explain(answer)` may turn a status the vendor uses in its own way into a Fault to raise; None leaves it to the rules here.
    """

    def __init__(
        self,
        caller: Caller,
        base_url: str,
        authorization: Callable[[bool], str],
        explain: Callable[[Answer], Exception | None] = lambda _answer: None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._caller = caller
        self._base = base_url.rstrip("/")
        self._authorization = authorization
        self._explain = explain
        self._headers = dict(headers or {})

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> tuple[Any, Mapping[str, str]]:
        """Return the JSON behind a path, or behind a link that the directory gave, and the headers. Raises Fault."""
        url = path if "://" in path else self._base + path
        if _origin(url) != _origin(self._base):
            raise NotUnderstood(f"The directory points to another host, {urlsplit(url).netloc[:200]}.")
        if parameters:
            url += ("&" if "?" in url else "?") + urlencode(parameters)
        answer = self._call(url, renew=False)
        if answer.status == _UNAUTHORIZED:
            answer = self._call(url, renew=True)
        problem = self._explain(answer) or fault_of(answer)
        if problem is not None:
            raise problem
        return json_of(answer), answer.headers

    def get_object(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON object behind a path. Raises Fault, NotUnderstood where it is none."""
        body, _ = self.get(path, parameters)
        if not isinstance(body, dict):
            raise NotUnderstood("The directory's answer is no object.")
        return body

    def _call(self, url: str, *, renew: bool) -> Answer:
        headers = {"Accept": "application/json", **self._headers}
        value = self._authorization(renew)
        return call(self._caller, "GET", url, headers=headers | ({"Authorization": value} if value else {}))


def call(caller: Caller, method: str, url: str, **arguments: Any) -> Answer:
    """Make one call, its failure being a fault. Raises Unreachable."""
    try:
        return caller.call(method, url, **arguments)
    except NotReached as error:
        raise Unreachable(f"{urlsplit(url).netloc[:200]} cannot be reached: {error}.") from error


def caller() -> Caller:
    """Return a caller with the limits of this module."""
    return Caller(seconds_max=SECONDS_MAX, bytes_max=BYTES_MAX)


def json_of(answer: Answer) -> Any:
    """Return the body's JSON. Raises Unreachable: a page of a proxy, or half an answer, comes in the middle of a listing and passes."""
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise Unreachable("The directory's answer is no JSON: is the address the API's?") from error


def objects(listed: Any, name: str) -> list[dict[str, Any]]:
    """Return a list of objects out of an answer. Raises NotUnderstood where it is none; `name` is what the directory calls it."""
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise NotUnderstood(f"The directory's answer has no list of {name}.")
    return listed


def fault_of(answer: Answer) -> Exception | None:
    """Return what a status means anywhere; None for 200."""
    if answer.status == _OK:
        return None
    if answer.status in {_TOO_MANY, _UNAVAILABLE}:
        return RateLimited("The directory asks us to come back later.", retry_after(answer.headers))
    if answer.status >= _SERVER_ERROR:
        return Unreachable(f"The directory answered {answer.status}.")
    if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
        return Unauthorized(f"The directory refuses our credentials ({answer.status}).")
    return NotUnderstood(f"The directory answered {answer.status}, which this call should not bring.")


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait by `Retry-After` (RFC 9110 section 10.2.3: seconds or a date), within an hour."""
    text = headers.get("retry-after", "")
    try:
        seconds = (
            float(text)
            if text.strip().isdigit()
            else parsedate_to_datetime(text).timestamp() - clock_of(headers)
        )
    except (ValueError, TypeError):
        seconds = RETRY_AFTER_SECONDS
    return min(max(seconds, 1.0), _RETRY_AFTER_SECONDS_MAX)


def clock_of(headers: Mapping[str, str]) -> float:
    """Return what time it is by the directory's own clock (`Date`), else by ours, in epoch seconds: the two may be far apart."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return time.time()


def next_link(headers: Mapping[str, str]) -> str:
    """Return the target of `rel="next"` in a Link header (RFC 8288), or an empty text; several headers come joined by commas."""
    for part in headers.get("link", "").split(","):
        target, _, rest = part.strip().partition(">")
        if 'rel="next"' in rest and target.startswith("<"):
            return target[1:]
    return ""


class Onward:
    """The links or tokens of one listing, each followed once: a directory that points back to a page it gave would be read for ever."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, link: str) -> str:
        """Return the link. Raises NotUnderstood for one that was followed before."""
        if link and link in self._seen:
            raise NotUnderstood(
                "The directory points back to a page that it gave before: its listing would never end."
            )
        self._seen.add(link)
        return link


def behind(groups: Sequence[Mapping[str, Any]], past: str) -> Sequence[Mapping[str, Any]]:
    """Return those of a page's groups behind the one that was read last; all of them where it is not there any more."""
    keys = [group.get("id") for group in groups]
    return groups[keys.index(past) + 1 :] if past and past in keys else groups


def _origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port, as equal addresses have them however they are written. Raises NotUnderstood."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError as error:
        raise NotUnderstood(f"{url[:200]} is not an address.") from error
