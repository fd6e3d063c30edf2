"""What the log of requests keeps of a person goes with them."""

from audit.models import Entry
from identity.forgetting import Person, some
from scim import logged
from scim.models import LoggedRequest


def forget(person: Person, room: int) -> int:
    """Delete kept requests about the person: those to their address, and those that changed something of them."""
    about = Entry.objects.filter(
        organization_id=person.organization_id, subject_id=str(person.member_id), source="scim"
    ).exclude(request_id="")
    # One after the other: for both at once PostgreSQL would read the whole log.
    to_them = LoggedRequest.objects.filter(organization=person.organization_id, resource_id=person.member_id)
    number = some(to_them, room).delete()[0]
    if number < room:
        changes = logged.changes_by(person.organization_id, about.values("request_id"))
        number += some(changes, room - number).delete()[0]
    return number
