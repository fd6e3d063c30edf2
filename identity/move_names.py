"""Whom of a directory's people a list names: by user name, address or id, as people paste it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from identity import links, tenancy
from identity.models import Directory
from identity.profile import key_of


@dataclass(frozen=True, slots=True)
class Named:
    """The members who are meant, and the names that mean nobody of this directory, or several."""

    members: list[UUID] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)


def find(directory: Directory, names: Sequence[str]) -> Named:
    """Return who is meant; a user name counts before an address, so that whoever shares a mailbox can be named."""
    keys = {key_of(name) for name in names}
    ids = {name for name in names if _is_uuid(name)}
    with tenancy.of(directory.organization_id):
        rows = (
            links.of_directory(directory)
            .filter(
                Q(member__user_name_key__in=keys) | Q(member__email_key__in=keys - {""}) | Q(member__in=ids)
            )
            .values_list("member_id", "member__user_name_key", "member__email_key")
        )
        found = list(rows)
    by_name: dict[str, list[UUID]] = {}
    by_email: dict[str, list[UUID]] = {}
    for member_id, user_name, email in found:
        by_name.setdefault(user_name, []).append(member_id)
        by_email.setdefault(email, []).append(member_id)
    known = {str(member_id): [member_id] for member_id, _, _ in found}
    named = Named()
    for name in names:
        meant = known.get(name.lower()) or by_name.get(key_of(name)) or by_email.get(key_of(name)) or []
        if len(meant) == 1:
            named.members.append(meant[0])
        else:
            (named.ambiguous if meant else named.unknown).append(name)
    return Named(list(dict.fromkeys(named.members)), named.unknown, named.ambiguous)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
