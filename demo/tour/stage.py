"""What the chapters share: the server, the screen, who speaks, and the ids of what was made on the way."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.embedded.state import SECRETS_FILE
from demo.address import FILE
from demo.tour.clients.browser import Browser, form, link
from demo.tour.clients.http import Client
from demo.tour.clients.scim import Entra, Okta
from demo.tour.screen import Screen

Row = tuple[str, str, str]


class NotReady(Exception):
    """The tour cannot begin; the text says what is missing."""


@dataclass(slots=True)
class Stage:
    """One run of the tour, in an organization of its own."""

    screen: Screen
    url: str
    idp: str
    operator_token: str
    run: str = field(default_factory=lambda: secrets.token_hex(3))
    ids: dict[str, str] = field(default_factory=dict)
    operator: Client = field(init=False)
    administrator: Client = field(init=False)
    okta: Okta = field(init=False)
    entra: Entra = field(init=False)
    browsers: dict[str, Browser] = field(default_factory=dict)
    member_token: str = ""
    access_before: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.operator = Client(self.screen, f"{self.url}/api/v1", self.operator_token)

    @property
    def slug(self) -> str:
        """The tour's own organization: a fresh one each time."""
        return f"tour-{self.run}"

    @property
    def domain(self) -> str:
        """The domain of its people."""
        return f"{self.slug}.example"

    @property
    def here(self) -> str:
        """The organization's path in the API."""
        return f"/organizations/{self.slug}"

    def address(self, name: str) -> str:
        """Return a person's e-mail address, which is their user name too."""
        return f"{name}@{self.domain}"

    def step(self, sentence: str) -> AbstractContextManager[None]:
        """Play one step."""
        return self.screen.step(sentence)

    def browser(self, name: str) -> Browser:
        """Return the browser of a person, opened when it is first asked for."""
        if name not in self.browsers:
            self.browsers[name] = Browser(self.screen, self.url, name)
        return self.browsers[name]

    def sign_in(
        self, name: str, *, expect: int = 200, from_console: bool = False, **asserted: list[str]
    ) -> Any:
        """Sign somebody in through the identity provider, whose page is filled in as `asserted` says; return the last page.

        The way there is the organization's sign-in link, or the console's own page, which asks for the e-mail address.
        """
        browser = self.browser(name)
        if from_console:
            ways = browser.submit(form(browser.open("/sign-in"), "where"), {"where": self.address(name)})
            page = browser.open(link(ways, "/saml2/"))
        else:
            page = browser.open(self.ids["login_url"])
        typed = {
            key.replace("_", ":", 1) if key.startswith("permissions_") else key: ", ".join(values)
            for key, values in asserted.items()
        }
        person = {"name_id": self.address(name), "email": self.address(name), "givenName": name.title()}
        signed = browser.submit(form(page, "name_id_format"), person | typed)
        return browser.submit(form(signed, "SAMLResponse"), {}, expect=expect)

    def own_grants(self, member: str) -> list[Row]:
        """Return a member's own grants as (kind and id, permission, origin), sorted."""
        found = self.operator.call("GET", f"{self.here}/members/{member}/access", tell="state dormant")
        return sorted(
            (f"{grant['kind']} {grant['id']}", grant["permission"], grant["origin"])
            for grant in found["grants"]
            if grant["inherited_from"] is None
        )

    def close(self) -> None:
        """Let go of all connections."""
        speakers: Iterator[Any] = (
            getattr(self, name, None) for name in ("operator", "administrator", "okta", "entra")
        )
        for speaker in [*speakers, *self.browsers.values()]:
            if speaker is not None:
                speaker.close()


def prepare(screen: Screen, url: str, data: Path) -> Stage:
    """Find the identity provider and an operator's token for the server at `url`. Raises NotReady."""
    demonstration = data / FILE
    if not demonstration.exists():
        raise NotReady(f"{demonstration} is missing: start the server with `make up`, without --empty.")
    known = json.loads(demonstration.read_text())
    secrets_file = data / SECRETS_FILE
    token = os.environ.get("ROLLCALL_OPERATOR_TOKEN", "")
    if not token and secrets_file.exists():
        token = json.loads(secrets_file.read_text()).get("operator_token", "")
    if not token:
        raise NotReady(
            "No operator's token: set ROLLCALL_OPERATOR_TOKEN, or name the data directory by --data."
        )
    return Stage(screen, url or known["server"], known["identity_provider"], token)
