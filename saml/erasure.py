"""What the sign-in log keeps of a person goes with them; what keeps them out stays."""

from django.db.models import Q

from identity.models import Member
from saml.models import Attempt


def forget(member: Member) -> None:
    """Take name, address, NameID and attributes from the member's sign-in attempts; the caller records the erasure.

    The link from their NameID stays: it is a digest, and without it the identity provider could bring them in anew.
    """
    # A refused attempt has no member, but it says whom the identity provider named.
    Attempt.objects.filter(
        Q(member=member) | Q(member__isnull=True, user_name=member.user_name),
        organization=member.organization_id,
    ).update(user_name="", detail="", ip="", user_agent="", name_id_sealed=None, attributes_sealed=None)
