"""What the log of requests keeps of a person goes with them."""

from django.db.models import Q

from audit.models import Entry
from identity.models import Member
from scim.models import LoggedRequest


def forget(member: Member) -> None:
    """Delete the kept requests about the member: those to their address, and those that changed something of them."""
    about = Entry.objects.filter(
        organization_id=member.organization_id, subject_id=str(member.pk), source="scim"
    ).exclude(request_id="")
    LoggedRequest.objects.filter(
        Q(resource_id=member.pk) | Q(request_id__in=about.values("request_id")),
        organization=member.organization_id,
    ).delete()
