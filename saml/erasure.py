"""What the sign-in log keeps of a person goes with them; what keeps them out stays."""

from django.db.models import Q

from identity.forgetting import Person, some
from saml.models import Attempt


def forget(person: Person, room: int) -> int:
    """Take name, address, NameID and attributes from the person's sign-in attempts; the caller records the erasure.

    The link from their NameID stays: it is a digest, and without it the identity provider could bring them in anew.
    """
    nothing = {
        "user_name": "", "detail": "", "ip": "", "user_agent": "", "name_id_sealed": None, "attributes_sealed": None,
    }  # fmt: skip
    # A refused attempt has no member, but it says whom the identity provider named.
    attempts = Attempt.objects.filter(
        Q(member=person.member_id) | Q(member__isnull=True, user_name=person.user_name),
        organization=person.organization_id,
    )
    return some(attempts.exclude(**nothing), room).update(**nothing)
