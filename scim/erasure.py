"""What the log of requests keeps of a person goes with them."""

from django.db.models import Q

from audit.models import Entry
from identity.forgetting import Person, some
from scim.models import LoggedRequest


def forget(person: Person, room: int) -> int:
    """Delete kept requests about the person: those to their address, and those that changed something of them."""
    about = Entry.objects.filter(
        organization_id=person.organization_id, subject_id=str(person.member_id), source="scim"
    ).exclude(request_id="")
    requests = LoggedRequest.objects.filter(
        Q(resource_id=person.member_id) | Q(request_id__in=about.values("request_id")),
        organization=person.organization_id,
    )
    return some(requests, room).delete()[0]
