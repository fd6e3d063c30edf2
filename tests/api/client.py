"""A caller of the API over Django's test client: JSON in, JSON out, one credential."""

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client

from audit import export, sequencer
from identity import sessions, tenancy, tokens
from identity.models import Member, Organization
from identity.roles import CAPABILITIES
from tests.conftest import SETUP


@dataclass
class Api:
    """Calls /api/v1 with one credential; `headers` go along with every call."""

    headers: dict[str, str] = field(default_factory=dict)
    client: Client = field(default_factory=Client)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query, headers=self.headers)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send JSON; None sends no body at all."""
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method, f"/api/v1{path}", **content, headers=self.headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self.send("POST", path, body)

    def put(self, path: str, body: Any = None) -> Any:
        return self.send("PUT", path, body)

    def patch(self, path: str, body: Any = None) -> Any:
        return self.send("PATCH", path, body)

    def delete(self, path: str) -> Any:
        return self.send("DELETE", path)


def bearer(secret: str) -> Api:
    """Call with a bearer token."""
    return Api({"Authorization": f"Bearer {secret}"})


def token_of(member: Member, *scopes: str) -> Api:
    """Call with a new token of the member; without scopes it has them all."""
    return bearer(tokens.issue(member, actor=SETUP, scopes=list(scopes or CAPABILITIES))[1])


def browser_of(member: Member) -> Api:
    """Call as a signed-in browser does, with the CSRF check on."""
    api = Api(client=Client(enforce_csrf_checks=True))
    api.client.cookies[settings.SESSION_COOKIE_NAME] = sessions.start(member, actor=SETUP)[1]
    return api


def operator(settings: Any) -> Api:
    """Call with the operator token of the environment."""
    settings.ROLLCALL_OPERATOR_TOKEN = "the-operator-token-of-the-tests"
    return bearer(settings.ROLLCALL_OPERATOR_TOKEN)


def recorded(organization: Organization, *events: str) -> list[dict[str, Any]]:
    """Read the organization's entries of these events, oldest first, as the API shows them."""
    sequencer.run()
    with tenancy.of(organization):
        lines = export.page(organization.pk, export.Filter(events=events), limit=1000).lines
    return [export.shown(line) for line in lines]


def csv_of(answer: Any) -> list[dict[str, str]]:
    """Read a downloaded CSV: its rows."""
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def jsonl_of(answer: Any) -> list[dict[str, Any]]:
    """Read downloaded JSON Lines: the values."""
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
