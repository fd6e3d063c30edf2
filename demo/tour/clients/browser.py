"""A person's browser: cookies, redirects and forms, as far as a page without scripts needs them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
from lxml import html

from demo.tour.clients.http import TIMEOUT_SECONDS, check_status
from demo.tour.screen import Broken, Screen

_REDIRECTS_MAX = 10


@dataclass(frozen=True, slots=True)
class Form:
    """A form: the page that it stands on, where it goes, and its fields as they stand."""

    page: str
    method: str
    action: str
    fields: dict[str, str]


class Browser:
    """One person's browser. Follows redirects one by one, and shows each of them."""

    def __init__(self, screen: Screen, base: str, name: str) -> None:
        self._screen = screen
        self._name = name
        self._http = httpx2.Client(
            base_url=base, headers={"User-Agent": f"Tour/1 ({name})"}, timeout=TIMEOUT_SECONDS
        )

    def open(self, url: str, *, expect: int = 200) -> httpx2.Response:
        """Open an address, follow the redirects, and return the page at the end."""
        return self._follow(self._http.request("GET", url), expect)

    def submit(self, form: Form, values: dict[str, str], *, expect: int = 200) -> httpx2.Response:
        """Fill in a form and send it as the page says."""
        filled = {**form.fields, **values}
        if form.method == "GET":
            return self._follow(self._http.request("GET", form.action, params=filled), expect)
        page = urlsplit(form.page)
        headers = {"Origin": f"{page.scheme}://{page.netloc}"}
        return self._follow(self._http.request("POST", form.action, data=filled, headers=headers), expect)

    def json(self, path: str, *, expect: int = 200, tell: str = "") -> Any:
        """Read an address of the API with this browser's session."""
        answer = self._http.request("GET", path)
        data = answer.json()
        told = " ".join(f"{name}={data.get(name)}" for name in tell.split())
        self._screen.heard(
            f"{self._name}: GET {answer.request.url.path} → {answer.status_code}  {told}".rstrip()
        )
        check_status(f"GET {path}", answer, expect)
        return data

    def close(self) -> None:
        """Close the browser."""
        self._http.close()

    def _follow(self, answer: httpx2.Response, expect: int) -> httpx2.Response:
        for _ in range(_REDIRECTS_MAX):
            self._tell(answer)
            if not answer.is_redirect:
                check_status(f"{answer.request.method} {answer.request.url.path}", answer, expect)
                return answer
            answer = self._http.request("GET", urljoin(str(answer.request.url), answer.headers["Location"]))
        raise Broken("the redirects of a page", f"at most {_REDIRECTS_MAX}", "more")

    def _tell(self, answer: httpx2.Response) -> None:
        url = answer.request.url
        where = f"{url.host}:{url.port}{url.path}" if url.port else f"{url.host}{url.path}"
        self._screen.heard(f"{self._name}: {answer.request.method} {where} → {answer.status_code}")


def forms(page: httpx2.Response) -> list[Form]:
    """Return the forms of a page, their fields filled as the page fills them."""
    found = []
    base = str(page.request.url)
    for element in html.fromstring(page.text).forms:
        fields = _empty(element) | dict(element.form_values())
        action = urljoin(base, element.get("action") or base)
        found.append(Form(base, (element.get("method") or "get").upper(), action, fields))
    return found


def _empty(element: Any) -> dict[str, str]:
    """Return the text fields of a form, all empty: lxml leaves those out that have no value, and browsers send them."""
    controls = element.xpath(
        ".//textarea[@name] | .//input[@name][not(@type='checkbox' or @type='radio' or @type='submit')]"
    )
    return {control.get("name"): "" for control in controls}


def form(page: httpx2.Response, field: str, **values: str) -> Form:
    """Return the form of the page that has the field (and these values). Raises Broken where there is none."""
    for found in forms(page):
        if field in found.fields and all(found.fields.get(name) == value for name, value in values.items()):
            return found
    raise Broken(f"a form with {field} on {page.request.url.path}", {field: "…", **values}, text(page))


def link(page: httpx2.Response, part: str) -> str:
    """Return where the first link leads whose address has the part. Raises Broken where there is none."""
    for element in html.fromstring(page.text).xpath("//a[@href]"):
        if part in element.get("href"):
            return urljoin(str(page.request.url), element.get("href"))
    raise Broken(f"a link to {part} on {page.request.url.path}", part, text(page))


def text(page: httpx2.Response) -> str:
    """Return what a person reads on the page."""
    tree = html.fromstring(page.text)
    body = tree.find(".//main")
    return " ".join((tree if body is None else body).text_content().split())
