"""What the sign-in log keeps of a person goes with them; what keeps them out stays."""

from django.db.models import Q

from identity.forgetting import Person, some
from identity.models import Member
from identity.profile import exact, key_of
from saml.models import Attempt


def forget(person: Person, room: int) -> int:
    """Take name, address, NameID and attributes from the person's sign-in attempts; the caller records the erasure.

    The link from their NameID stays: it is a digest, and without it the identity provider could bring them in anew.
    """
    nothing = {
        "user_name": "", "detail": "", "ip": "", "user_agent": "", "name_id_sealed": None, "attributes_sealed": None,
    }  # fmt: skip
    # A refused attempt has no member, but it says whom the identity provider named, and may say whose name that was before.
    refused = Q(user_name__in=[person.user_name, *_still_theirs(person)])
    refused |= Q(user_name__in=person.former, detail=person.user_name)
    attempts = Attempt.objects.filter(
        Q(member=person.member_id) | Q(refused, member__isnull=True), organization=person.organization_id
    )
    return some(attempts.exclude(**nothing), room).update(**nothing)


def _still_theirs(person: Person) -> list[str]:
    """Return the person's former names that nobody else has by now: under those the sign-in log may speak of the other."""
    keys = {text: key_of(text) for text in person.former}
    others = Member.objects.filter(organization=person.organization_id).exclude(pk=person.member_id)
    called = others.filter(Q(user_name_key__in=keys.values()) | Q(email_key__in=keys.values()))
    taken = {key for names in called.values_list("user_name_key", "email_key") for key in names}
    return [spelt for text, key in keys.items() if key not in taken for spelt in (text, exact(text))]
