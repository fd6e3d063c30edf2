"""Who is who at an identity provider, said beforehand: the first sign-in of a member linked here is known."""

from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, record
from identity import member_row, tenancy
from identity.errors import Invalid, Offboarded
from identity.models import Member
from identity.profile import key_of
from saml.identities import digest_of_name_id
from saml.models import Connection, SubjectLink
from saml.statements import NAME_ID_CHARACTERS_MAX


def link(connection: Connection, member: Member, name_id: str, *, actor: Actor) -> SubjectLink:
    """Say that whom this connection's identity provider calls `name_id` is this member; returns the link, also where it stood already.

    Only the NameID's digest is stored. It is compared exactly, and a transient NameID never matches. Raises Invalid, Offboarded,
    ExternalIdTaken for a NameID of somebody else and for a member who has another one.
    """
    # Read from an assertion it has no space around it either.
    name_id = name_id.strip()
    if not name_id or len(name_id) > NAME_ID_CHARACTERS_MAX or "\0" in name_id:
        raise Invalid(f"A NameID is a text of up to {NAME_ID_CHARACTERS_MAX} characters.", field="name_id")
    digest = digest_of_name_id(name_id)
    return bind(connection, member, digest, called=key_of(name_id), actor=actor, how="provisioned")


def bind(
    connection: Connection, member: Member, digest: bytes, *, called: str, actor: Actor, how: str
) -> SubjectLink:
    """Do what `link` does for `identities.digest_of` and `identities.called` of a person; `how` it came about stands in the record."""
    with tenancy.change(connection.organization_id):
        locked = member_row.lock(member)
        if locked.state == Member.State.OFFBOARDED:
            raise Offboarded("This member is offboarded: reinstate them before linking.")
        mine = SubjectLink.objects.filter(
            organization=connection.organization_id, connection=connection, name_id_digest=digest
        )
        known = mine.filter(member=locked).first()
        if known is not None:
            return known
        # As at a sign-in: the name of somebody who has left may go to somebody new.
        mine.filter(member__state=Member.State.OFFBOARDED).delete()
        others = Member.objects.filter(organization=connection.organization_id).exclude(pk=locked.pk)
        others = others.exclude(state=Member.State.OFFBOARDED)
        made = SubjectLink(
            organization_id=connection.organization_id, connection=connection, member=locked, name_id_digest=digest,
            linked_at=timezone.now(), name_shared=others.filter(Q(user_name_key=called) | Q(email_key=called)).exists(),
        )  # fmt: skip
        made.save(force_insert=True)
        record(
            Event.MEMBER_LINK,
            organization_id=connection.organization_id,
            actor=actor,
            subject=member_row.subject_of(locked),
            data={"connection": str(connection.pk), "how": how},
        )
    return made


def unlink(connection: Connection, member_id: UUID, *, actor: Actor) -> bool:
    """Forget who the member is at this identity provider; tells whether there was anything to forget. Open sessions stay."""
    with tenancy.change(connection.organization_id):
        rows = SubjectLink.objects.filter(
            organization=connection.organization_id, connection=connection, member=member_id
        ).select_related("member")
        found = rows.first()
        if found is None:
            return False
        rows.delete()
        record(
            Event.MEMBER_UNLINK,
            organization_id=connection.organization_id,
            actor=actor,
            subject=member_row.subject_of(found.member),
            data={"connection": str(connection.pk)},
        )
    return True
