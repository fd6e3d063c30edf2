"""A directory with a budget of leavers that a test can spend, and what came of it."""

from audit.record import Actor
from identity import directories, tenancy
from scim.models import Burst, Departure
from tests.conftest import SETUP
from tests.scim.talk import Scim

ADA = Actor("member", "0197-ada", "Ada Admin")
SMALL = {"members": 2, "percent": 20, "seconds": 3600}
DOWN = {"op": "replace", "path": "active", "value": False}
UP = {"op": "replace", "path": "active", "value": True}


def guarded(client, guard=SMALL):
    """Return the client, its directory having a budget that a test can spend."""
    settings = {"burst_guard": guard, "empties_groups": True}
    directories.change(client.directory, settings=settings, actor=SETUP)
    return Scim(client)


def people(scim, count=10):
    return [scim.create(f"p{number}", externalId=f"x{number}")["id"] for number in range(count)]


def bursts_of(organization):
    with tenancy.of(organization):
        return list(Burst.objects.order_by("id"))


def outcomes(organization):
    with tenancy.of(organization):
        return sorted(Departure.objects.values_list("kind", "outcome"))
