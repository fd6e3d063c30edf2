"""A signed-in member says "this is me at our identity provider", by going there and coming back.

The danger is that a stranger slips their own identity in. So the attempt is bound to the browser, by its nonce, and to the member and
session that began it. That is not enough: a stranger may have signed this browser in at the identity provider as themselves. So nothing
is linked until the member has seen the name that came back and confirmed it.
Why: docs/decisions/saml-linking.md.
"""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.hashers import is_password_usable
from django.db.models import QuerySet
from django.utils import timezone

from audit.record import Actor
from identity import credential_ends, tenancy
from identity.errors import Forbidden, Invalid, NotFound
from identity.models import Member, Organization, Session
from saml import attempt_details, attempts, identities, people, subjects
from saml.attributes import Person, read_person
from saml.models import Attempt, Connection, SubjectLink
from saml.presets import preset
from saml.refusals import Refused
from saml.statements import NameID
from saml.verify import VerifiedAssertion


@dataclass(frozen=True, slots=True)
class Offer:
    """What came back and waits: who the identity provider says the member is."""

    attempt: Attempt
    connection: Connection
    name_id: str
    email: str


def refusal_to_begin(connection: Connection, member: Member) -> str:
    """Return in a sentence why this member cannot link themselves here now, or an empty text; the tenancy must be set."""
    if not connection.active:
        return "This connection is switched off."
    if not connection.organization.start_here:
        return "Sign-in begins at the identity provider in this organization: nobody links themselves here."
    if _links(connection).filter(member=member).exists():
        return "You are linked already. Unlink first."
    return ""


def hold(
    connection: Connection, attempt: Attempt, verified: VerifiedAssertion, person: Person, steps: list[str]
) -> None:
    """Keep a verified answer for its member to confirm.

    Refuses: user_inactive, attribute_missing, domain_not_verified, identity_taken, member_linked.
    """
    with tenancy.of(connection.organization_id):
        mine = Member.objects.filter(organization=connection.organization_id)
        member = mine.get(pk=attempt.member_id)  # type: ignore[misc]  # a link was begun by somebody
        if not member.is_active:
            raise Refused("user_inactive", member.state)
        if person.email and not people.may_claim(connection, person.email):
            raise Refused("domain_not_verified", person.email.rpartition("@")[2])
        digest = identities.digest_of(verified.name_id, person)
        others = _links(connection).exclude(member=member)
        if others.filter(name_id_digest=digest).exclude(member__state=Member.State.OFFBOARDED).exists():
            raise Refused("identity_taken")
        if _links(connection).filter(member=member).exclude(name_id_digest=digest).exists():
            raise Refused("member_linked", member.user_name)
    attempts.hold(attempt, connection, verified, steps)


def pending(session: Session) -> Offer | None:
    """Return what waits for this session's member to confirm, the latest, or None."""
    with tenancy.of(session.organization_id):
        attempt = (
            _waiting(session)
            .select_related("connection__organization")
            .order_by("-started_at", "-id")
            .first()
        )
        return _offer(attempt) if attempt is not None else None


def confirm(session: Session, attempt_id: UUID, *, actor: Actor) -> Offer:
    """Link the session's member to what came back, once; returns it.

    Raises NotFound for what is not this session's, over or expired, ExternalIdTaken where somebody was quicker.
    """
    with tenancy.change(session.organization_id):
        attempt = _waiting(session).select_for_update(of=("self",)).filter(pk=attempt_id).first()
        if attempt is None:
            raise NotFound("There is nothing to confirm any more: begin again.")
        attempt.connection = Connection.objects.select_related("organization").get(pk=attempt.connection_id)
        if reason := refusal_to_begin(attempt.connection, session.member):
            raise Forbidden(reason)
        offer = _offer(attempt)
        name_id, person = _read(attempt)
        digest, called = identities.digest_of(name_id, person), identities.called(name_id, person)
        subjects.bind(
            attempt.connection, session.member, digest, called=called, actor=actor, how="by_themselves"
        )
        attempts.conclude_link(attempt, attempt.connection, actor=actor)
    return offer


def may_unlink(member: Member) -> bool:
    """Tell whether the member has another way in, and the organization allows it."""
    only = member.organization.sign_on == Organization.SignOn.SINGLE_SIGN_ON
    return is_password_usable(member.password) and not only


def unlink(session: Session, connection: Connection, *, actor: Actor) -> None:
    """Forget who the session's member is at this connection, and end their other sessions that came by it.

    Raises Forbidden where single sign-on is their only way in, NotFound where there is nothing to forget.
    """
    with tenancy.change(session.organization_id):
        if not may_unlink(session.member):
            raise Forbidden(
                "Single sign-on is your only way in, so you cannot unlink yourself. Ask an administrator."
            )
        if not subjects.unlink(connection, session.member_id, actor=actor):
            raise NotFound("You are not linked to this identity provider.")
        came_by_it = Session.objects.filter(
            organization=session.organization_id,
            member=session.member,
            connection_id=connection.pk,
            ended_at__isnull=True,
        ).select_related("member")
        others = list(came_by_it.exclude(pk=session.pk))
        credential_ends.end_named(others, actor=actor, reason="unlinked")


def _waiting(session: Session) -> QuerySet[Attempt]:
    return Attempt.objects.filter(
        organization=session.organization_id,
        purpose=Attempt.Purpose.LINK,
        outcome=Attempt.Outcome.OPEN,
        session_id=session.pk,
        member=session.member_id,
        consumed_at__isnull=False,
        name_id_sealed__isnull=False,
        expires_at__gt=timezone.now(),
    )


def _links(connection: Connection) -> QuerySet[SubjectLink]:
    return SubjectLink.objects.filter(organization=connection.organization_id, connection=connection)


def _read(attempt: Attempt) -> tuple[NameID, Person]:
    name_id = attempt_details.name_id_of(attempt)
    if name_id is None:
        raise Invalid("What came back is no longer kept: begin again.")
    connection = attempt.connection
    product = preset(connection.idp_preset)
    person = read_person(
        attempt_details.attributes_of(attempt),
        name_id.value,
        name_id.format,
        connection.attribute_mapping,
        product.mapping,
    )
    return name_id, person


def _offer(attempt: Attempt) -> Offer:
    name_id, person = _read(attempt)
    return Offer(attempt, attempt.connection, name_id.value, person.email)
