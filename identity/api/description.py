"""How the API describes itself (OpenAPI 3): each operation under its subject, in a sentence, with what it needs and how it refuses."""

import re
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from identity.api import idempotency, problems
from identity.api.authentication import Credentials

WHOLE: Final = """Who is in, who is out, and what they may touch.

**Who calls.** A bearer token: of a member, whose scopes are capabilities, or the operator's. Or a session of the console.

**Pages.** A list gives `items` and `next`; ask again with `after=<next>` until `next` is null.

**Twice.** A POST with an `Idempotency-Key` that is sent again is answered as before and does nothing.

**Refusals** are problem details (RFC 9457) with a stable `code`; nothing was changed then."""

# The subjects, by the part of the address that says what it is about.
SUBJECTS: Final = {
    "organizations": "Customers: created, configured, suspended.",
    "members": "The people of an organization: their access, tokens, sessions and groups, and leaving.",
    "groups": "Groups, and the access that comes with them.",
    "access": "What is given and ended for many at once, and may this member see that.",
    "roles": "Roles, and who has them.",
    "resources": "Portfolios and assets, companies, shops and shop countries, and whatever kinds there are.",
    "invitations": "Asking somebody in by mail.",
    "imports": "Bringing in many by a file.",
    "offboardings": "Letting many go at once, and the dates at which somebody will go.",
    "reviews": "Access reviews: deciding what stays, and the evidence.",
    "directories": "Where people come from: SCIM tokens, requests, pulled directories, runs.",
    "schemas": "SCIM attributes of the organization's own.",
    "connections": "Sign-in by SAML: metadata, keys, mappings.",
    "domains": "The proof that a mail domain is the organization's.",
    "sign-on": "Who must sign in how.",
    "sign-ins": "Each attempt to sign in, and why it was refused.",
    "entries": "The record of every change.",
    "bundles": "All that is known of an organization, as one file.",
    "deletions": "Deleting an organization, and the proof of it.",
    "mails": "Messages that were sent, or could not be.",
    "jobs": "What the clock does, and when it last did.",
    "me": "Who calls, and what they may.",
}
_MEANT: Final = {
    "kinds": "resources",
    "deletion": "deletions",
    "suspend": "organizations",
    "resume": "organizations",
}
_SENTENCE: Final = re.compile(r"[.:](?=\s|$)")


class Described(AutoSchema):
    """Describes an endpoint with the capabilities that it needs, and problem details for every refusal."""

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        """Append what the caller needs."""
        needs = getattr(self.view, "needs", {}).get(self.method, ())
        return f"{super().get_description()}\n\nNeeds: {', '.join(needs) or 'any credential'}."

    def get_summary(self) -> str:
        """Return the first sentence of the description: what a list of operations shows."""
        return _SENTENCE.split(super().get_description(), maxsplit=1)[0]

    def get_tags(self) -> list[str]:
        """Return the subject: /organizations/{org}/members/… is about members, /organizations/{org} about organizations."""
        parts = self.path.removeprefix("/api/v1/").removeprefix("organizations/{org}/").split("/")
        name = parts[0].partition(".")[0]
        return [_MEANT.get(name, name)]

    def get_override_parameters(self) -> list[Any]:
        """Add the header that every POST takes."""
        if self.method != "POST" or getattr(self.view, "only_asks", False):
            return []
        return [
            OpenApiParameter(
                idempotency.HEADER,
                location=OpenApiParameter.HEADER,
                description="Your name for this call: sent again within 24 hours, it is answered as before and does nothing.",
            )
        ]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status, body in bodies.items():
            body["description"] = body["description"] or HTTPStatus(int(status)).phrase
        refusal = self._get_response_for_code(  # type: ignore[no-untyped-call]
            problems.Problem, "400", media_types=[problems.CONTENT_TYPE], direction=direction
        )
        return {**bodies, "4XX": {**refusal, "description": "Refused; nothing was changed."}}


class _Schemes(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = Credentials
    name = ["bearer", "session"]

    def get_security_requirement(self, _schema: Any) -> list[dict[str, list[Any]]]:
        """Either is enough."""
        return [{"bearer": []}, {"session": []}]

    def get_security_definition(self, _schema: Any) -> list[dict[str, Any]]:
        """Return both schemes."""
        return [
            {"type": "http", "scheme": "bearer"},
            {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SESSION_COOKIE_NAME,
                "description": f"Changes also send X-CSRFToken, with what the cookie {settings.CSRF_COOKIE_NAME} says.",
            },
        ]
