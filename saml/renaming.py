"""Somebody whom their directory renamed, and who comes under the new name: they leave the identity of the former one by themselves.

The directory vouches: it called the member by the NameID that they are bound to, and calls them by the one that came. Nobody else's word
counts, and nobody is unbound for a name alone. Why: docs/decisions/saml-renamed-people.md.
"""

from typing import Any, Final

from identity import former_names, sessions
from identity.former_names import Former
from identity.models import Member, Session
from identity.profile import exact, is_same
from saml.identities import digest_of_name_id
from saml.models import Connection, SubjectLink
from saml.statements import NameID

HOW: Final = "renamed_by_directory"


def vouched(member: Member, name_id: NameID, bound: SubjectLink) -> Former | None:
    """Return what the member was bound to and their directory has since renamed, step by step, to the NameID that came; else None.

    The tenancy must be set.
    """
    if name_id.transient:
        return None
    if is_same(name_id.value, member.user_name):
        former = _bound_to(member, "user_name", bound)
        if former is not None:
            return former
    return _bound_to(member, "email", bound) if is_same(name_id.value, member.email) else None


def left_by(connection: Connection, name_id: NameID) -> Member | None:
    """Return the member who came under this NameID until their directory renamed them, whoever binds them now; None for nobody.

    The tenancy must be set.
    """
    came = Session.objects.filter(
        organization=connection.organization_id, connection_id=connection.pk,
        name_id_digest=sessions.name_id_digest(name_id.value),
    )  # fmt: skip
    last = (
        came.exclude(member__state=Member.State.OFFBOARDED).select_related("member").order_by("-pk").first()
    )
    if last is None or name_id.transient:
        return None
    whats: tuple[former_names.What, ...] = ("user_name", "email")
    formers = (
        each
        for what in whats
        for each in former_names.by_directory(last.member, what, last.member.created_at)
    )
    return last.member if any(is_same(name_id.value, former.text) for former in formers) else None


def told(renamed: Former, name_id: NameID) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the record tells of it: the change, from which name to which; and by whose word, and when that was."""
    by = {"directory": renamed.directory_id, "renamed_at": renamed.until}
    return {"name_id": [renamed.text, name_id.value]}, by


def _bound_to(member: Member, what: former_names.What, bound: SubjectLink) -> Former | None:
    for former in former_names.by_directory(member, what, bound.linked_at):
        # Directories keep the spelling in which an address was typed; many identity providers send it in lower case.
        if bytes(bound.name_id_digest) in map(digest_of_name_id, (former.text, exact(former.text))):
            return former
    return None
