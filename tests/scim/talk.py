"""Speaks SCIM to the product through Django's test client, as an identity provider would over HTTP."""

import json
from typing import Any

from django.test import Client

from audit.models import Entry
from identity import tenancy
from identity.models import Organization
from tests.conftest import ScimClient

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BASE = "http://localhost:8000/scim/v2"


class Answer:
    """An answer: status, headers and the JSON of the body."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.body: Any = json.loads(response.content) if response.content else None
        # The stable code stands at the end of an error's detail.
        self.code: str = (self.body or {}).get("detail", "").rpartition("[")[2].rstrip("]")

    def __repr__(self) -> str:
        return f"{self.status} {json.dumps(self.body)[:2000]}"


class Scim:
    """One identity provider with its token."""

    def __init__(self, client: ScimClient | str, **headers: str) -> None:
        self.secret = secret = client if isinstance(client, str) else client.secret
        self.client = Client(raise_request_exception=True)
        self.headers = {"Authorization": f"Bearer {secret}", **headers}

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Answer(
            self.client.generic(
                method,
                f"/scim/v2{path}",
                raw,
                content_type="application/scim+json",
                headers=self.headers | headers,
            )
        )

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, *operations: Any, **headers: str) -> Answer:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)

    def delete(self, path: str, **headers: str) -> Answer:
        return self.send("DELETE", path, **headers)

    def create(self, user_name: str, **attributes: Any) -> dict[str, Any]:
        answer = self.post("/Users", {"userName": user_name, **attributes})
        assert answer.status == 201, answer
        return answer.body

    def create_group(self, name: str, *member_ids: str, **attributes: Any) -> dict[str, Any]:
        answer = self.post(
            "/Groups",
            {"displayName": name, "members": [{"value": each} for each in member_ids], **attributes},
        )
        assert answer.status == 201, answer
        return answer.body


def entries(organization: Organization, **wanted: Any) -> list[Entry]:
    """Return the organization's entries, oldest first, as they were committed."""
    with tenancy.of(organization):
        return list(
            Entry.objects.filter(organization_id=organization.pk, **wanted).order_by("happened_at", "id")
        )


def crowd_memberships(eraser, organization_id, count=5000):
    """Fill the organization's memberships with those of groups of ten, and count them: with a handful any index is as good as another."""
    eraser.execute("SET session_replication_role = replica")  # nobody real is in these groups
    eraser.execute(
        """INSERT INTO identity_membership (id, organization_id, group_id, member_id, started_at)
           SELECT gen_random_uuid(), %s, md5((number / 10)::text)::uuid, gen_random_uuid(), now() FROM generate_series(1, %s) AS number""",
        [organization_id, count],
    )
    eraser.execute("SET session_replication_role = origin")
    eraser.execute("ANALYZE identity_membership")


def people(idp: Scim, *names: str) -> list[str]:
    return [idp.create(f"{name}@example.org", externalId=f"ext-{name}")["id"] for name in names]


def members_of(idp: Scim, group_id: str) -> set[str]:
    return {each["value"] for each in idp.get(f"/Groups/{group_id}").body.get("members", [])}
