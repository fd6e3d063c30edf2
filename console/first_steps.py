"""What a new organization still needs before its people can come in: what is done, and where the next step is."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils import timezone

from console.access import Visit
from identity.models import Directory, Domain, Member, RoleAssignment
from identity.roles import ADMINISTRATOR
from saml.models import Connection

# Whoever has not taken a step by then does without it.
_SHOWN_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Step:
    """A step, and the pages on which it is taken as (page, label)."""

    title: str
    why: str
    done: bool
    ways: tuple[tuple[str, str], ...]


def of(visit: Visit) -> list[Step]:
    """Return the steps that the visitor may take, done ones too; none once all are done, or where the organization is no longer new."""
    if visit.organization.is_operating or timezone.now() - visit.organization.created_at > _SHOWN_FOR:
        return []
    steps = [step for step in _all(visit) if step.ways]
    return [] if all(step.done for step in steps) else steps


def _all(visit: Visit) -> list[Step]:
    here = {"organization": visit.organization}
    people = Directory.objects.filter(**here, last_heard_at__isnull=False).exists()
    administered = RoleAssignment.objects.filter(
        **here, role__name=ADMINISTRATOR, ended_at__isnull=True, member__state=Member.State.ACTIVE
    )
    return [
        Step(
            "Somebody administers it",
            "Add a member with the role Organization administrator; a password link on their page lets them in at once.",
            administered.exists(),
            _ways(visit, ("member_create", "Add member")),
        ),
        Step(
            "A domain is proved",
            "Then an e-mail address is all that people need to find their sign-in.",
            Domain.objects.filter(**here, proved_at__isnull=False).exists(),
            _ways(visit, ("domains", "Claim a domain")),
        ),
        Step(
            "People come from somewhere",
            "Okta, Entra ID and others push them here; LDAP, Google or a file is read; a list is imported once.",
            people or Member.objects.filter(**here).order_by()[1:2].exists(),
            _ways(
                visit,
                ("directory_create", "Have them pushed"),
                ("pull_choose", "Read a directory"),
                ("import", "Import a list"),
            ),
        ),
        Step(
            "People sign in",
            "Connect the identity provider by SAML, do a test sign-in, and switch the connection on.",
            Connection.objects.filter(**here, active=True).exists(),
            _ways(
                visit,
                ("connections", "Go on with the connection")
                if Connection.objects.filter(**here).exists()
                else ("connection_create", "Connect the identity provider"),
            ),
        ),
    ]


def _ways(visit: Visit, *pages: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((page, label) for page, label in pages if visit.may(page))
