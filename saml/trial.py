"""The test sign-in: everything is verified, nobody is made or signed in, and the administrator sees what would happen."""

from dataclasses import dataclass, field
from typing import Any

from django.core import signing

from audit.record import Actor
from identity import grants, tenancy
from identity.grants import GrantSpec
from identity.models import Role
from saml import attempts, people
from saml.attributes import Person
from saml.models import Attempt, Connection
from saml.outcomes import Tested
from saml.refusals import Refused
from saml.statements import NameID
from saml.verify import VerifiedAssertion

SECONDS_MAX = 15 * 60
_SALT = "saml.trial"


@dataclass(slots=True)
class Outlook:
    """What a real sign-in would do now: `code` is empty unless it would be refused."""

    how: str = ""
    member: str = ""
    code: str = ""
    detail: str = ""
    grants: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def steps(self) -> list[str]:
        """Tell it as steps of the sign-in log."""
        if self.code:
            return [f"would be refused: {self.code}" + (f" ({self.detail})" if self.detail else "")]
        who = f" {self.member}" if self.member else ""
        told = [f"would be {self.how}{who}"]
        told += [
            f"would be given: {access}" for access in (*self.grants, *(f"role {name}" for name in self.roles))
        ]
        return told + [f"would be refused access: {access}" for access in self.unknown]


def ticket(connection: Connection, actor: Actor) -> str:
    """Return what makes a sign-in link a test, for a quarter of an hour, in the name of an administrator."""
    return signing.dumps([str(connection.pk), actor.kind, actor.id, actor.label], salt=_SALT)


def read_ticket(connection: Connection, text: str) -> Actor | None:
    """Return who asked for the test, or None for a ticket that is old, altered or for another connection."""
    try:
        connection_id, *actor = signing.loads(text, salt=_SALT, max_age=SECONDS_MAX)
    except signing.BadSignature:
        return None
    return Actor(*actor) if connection_id == str(connection.pk) else None


def is_trial(attempt: Attempt | None) -> bool:
    """Say whether the attempt is a test."""
    return attempt is not None and attempt.purpose == Attempt.Purpose.TEST


def conclude(
    connection: Connection, attempt: Attempt, verified: VerifiedAssertion, person: Person, steps: list[str]
) -> Tested:
    """Write the outcome of a test down: the message was good, and this is what would have happened."""
    outlook = foresee(connection, verified.name_id, person)
    told = [*steps, *outlook.steps()]
    over = attempts.pass_test(attempt, connection, verified, person.user_name, told, counts=not outlook.code)
    return Tested(over, outlook.code, outlook.detail)


def foresee(connection: Connection, name_id: NameID, person: Person) -> Outlook:
    """Return what a sign-in of this person would do, changing nothing."""
    with tenancy.of(connection.organization_id):
        try:
            match = people.find(connection, name_id, person)
        except Refused as refused:
            return Outlook(code=refused.code, detail=refused.detail)
        outlook = Outlook(how=str(match), member=match.member.user_name if match.member else person.user_name)
        _foresee_access(connection, person, outlook)
    return outlook


def _foresee_access(connection: Connection, person: Person, outlook: Outlook) -> None:
    specs = [GrantSpec(each.kind, each.key, each.permission) for each in person.grants or ()]
    resolved = grants.resolve(connection.organization_id, specs)
    known: Any = Role.objects.filter(organization=connection.organization_id, name__in=person.roles or ())
    names = set(known.values_list("name", flat=True))
    outlook.grants = [f"{spec.kind} {spec.key} {spec.permission}" for spec in resolved.found]
    outlook.roles = [name for name in person.roles or () if name in names]
    outlook.unknown = [f"{spec.kind} {spec.key} ({reason})" for spec, reason in resolved.unknown.items()]
    outlook.unknown += [f"role {name} (unknown_role)" for name in person.roles or () if name not in names]
