"""A connection of a real organization, and a browser that walks through it: what the SAML tests over HTTP share."""

import base64
import re
import zlib
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client
from lxml import etree

from audit.models import Entry
from demo.idp_messages import Answer, TestIdp, form_value, respond
from identity import domains, tenancy
from identity.models import Member, Organization, Session
from saml import connections, trust
from saml.models import Attempt, Connection
from tests.conftest import SETUP
from tests.saml.documents import IDP

NOTHING = {"grants": [], "roles": []}


def connect(organization: Organization, idp: TestIdp = IDP, **values: Any) -> Connection:
    """Give the organization a connection that is on, and a proved domain."""
    fields = {
        "name": "The company's IdP",
        "idp_entity_id": idp.entity_id,
        "sso_url": idp.sso_url,
        "slo_url": idp.slo_url,
        "certificates": [idp.keys.certificate_pem],
        "defaults": NOTHING,
        "active": True,
    } | values
    fields.setdefault("activate_untested", fields["active"])
    return connections.create(organization, actor=SETUP, **fields)


def prove(organization: Organization, name: str) -> None:
    domains.confirm(domains.claim(organization, name, actor=SETUP), actor=SETUP)


def people(organization: Organization) -> list[Member]:
    """Return the members, who came first first."""
    with tenancy.of(organization):
        return list(Member.objects.filter(organization=organization).order_by("created_at"))


def open_sessions(organization: Organization) -> list[Session]:
    with tenancy.of(organization):
        return list(Session.objects.filter(organization=organization, ended_at__isnull=True))


@dataclass
class Browser:
    """One browser at one connection."""

    connection: Connection
    idp: TestIdp = IDP
    client: Client | None = None

    def __post_init__(self) -> None:
        self.client = self.client or Client()
        self.where = trust.addresses(self.connection.pk)

    def path(self, name: str) -> str:
        return f"/saml2/{self.connection.pk}/{name}"

    def begin(self, query: str = "") -> Any:
        """Follow the sign-in link and return the AuthnRequest that we are sent away with."""
        response = self.client.get(self.path("login") + query)
        assert response.status_code == 302, response.content
        return request_of(response["Location"])

    def answer(self, request: Any | None, **knobs: Any) -> Answer:
        plain = Answer(
            self.where["acs_url"],
            self.where["entity_id"],
            request.get("ID") if request is not None else None,
            attributes={"email": "jane@acme.example", "firstName": "Jane", "lastName": "Jones"},
        )
        return replace(plain, **knobs)

    def post(self, document: bytes, **fields: str) -> Any:
        return self.client.post(self.path("acs"), {"SAMLResponse": form_value(document)} | fields)

    def sign_in(self, query: str = "", **knobs: Any) -> Any:
        """Go the whole way and return our answer to the response."""
        return self.post(respond(self.idp, self.answer(self.begin(query), **knobs)))


def request_of(url: str) -> Any:
    packed = parse_qs(urlsplit(url).query)["SAMLRequest"][0]
    return etree.fromstring(zlib.decompress(base64.b64decode(packed), -15))


def session_cookie(response: Any) -> str:
    morsel = response.cookies.get("rollcall_session")
    return morsel.value if morsel else ""


def attempts_of(organization: Organization) -> list[Attempt]:
    with tenancy.of(organization):
        return list(Attempt.objects.filter(organization=organization).order_by("started_at", "id"))


def last_attempt(organization: Organization) -> Attempt:
    return attempts_of(organization)[-1]


def entries(organization: Organization, event: str) -> list[Entry]:
    with tenancy.of(organization):
        return list(Entry.objects.filter(organization_id=organization.pk, event=event).order_by("id"))


def refused(response: Any, organization: Organization, code: str) -> None:
    """Assert what every refusal is: the neutral page, no session, one failed attempt and one entry with the code."""
    assert response.status_code == 403
    assert session_cookie(response) == ""
    reference = re.search(rb'id="reference">([0-9a-f-]{36})<', response.content)
    assert reference
    attempt = next(each for each in attempts_of(organization) if str(each.pk) == reference[1].decode())
    assert (attempt.outcome, attempt.code) == (Attempt.Outcome.FAILED, code)
    assert code.encode() not in response.content
    entry = entries(organization, "sign_in.refuse")[-1]
    assert (entry.outcome, entry.reason, entry.subject_id) == ("refused", code, str(attempt.pk))
