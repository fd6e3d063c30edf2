"""Three people of Okta's, who move or have moved, and how a directory pushes somebody."""

import pytest

from identity import tenancy
from identity.models import Link
from identity.move_plan import Wanted
from tests.scim.talk import Scim

ALL = Wanted()


def push(client, key, user_name="", **more):
    name = user_name or f"{key}@acme.example"
    body = {"userName": name, "externalId": key, "emails": [{"value": name, "primary": True}], **more}
    return Scim(client).post("/Users", body)


@pytest.fixture
def people(acme, okta):
    """Give three people of Okta's, by external id."""
    for key in ("a", "b", "c"):
        assert push(okta, key).status == 201
    with tenancy.of(acme):
        return {link.external_id: link.member for link in Link.objects.select_related("member")}


def links(directory, *, live=True):
    """Give {user name: external id} of the directory's people."""
    with tenancy.of(directory.organization_id):
        rows = Link.objects.filter(directory=directory, tombstoned_at__isnull=live)
        return dict(rows.values_list("member__user_name", "external_id"))
