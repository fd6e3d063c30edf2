"""What operators must hear of: an organization that has nobody left to administer it."""

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import mail, tenancy
from identity.models import Member, Organization, RoleAssignment
from identity.roles import ADMINISTRATOR


def is_last_administrator(member: Member) -> bool:
    """Tell whether the member is an administrator by name, and every other one is out. The tenancy must be set."""
    held = RoleAssignment.objects.filter(
        organization=member.organization_id, role__name=ADMINISTRATOR, ended_at__isnull=True
    )
    if not held.filter(member=member).exists():
        return False
    return not held.filter(member__state=Member.State.ACTIVE).exclude(member=member).exists()


def without_administrator(member: Member, *, actor: Actor) -> None:
    """Record that the last administrator has gone, and write to the operators; in the transaction of the departure."""
    organization = Organization.objects.get(pk=member.organization_id)
    record(
        Event.ORGANIZATION_WITHOUT_ADMINISTRATOR,
        organization_id=organization.pk,
        actor=actor,
        subject=Subject("organization", str(organization.pk), organization.name),
        data={"member": str(member.pk)},
    )
    body = (
        f"{organization.name} ({organization.slug}) has no active administrator any more: {member.user_name} was the last one.\n\n"
        "Make somebody of the organization its administrator, or reinstate this one.\n"
    )
    with tenancy.everywhere("operators to write to"):
        operators = RoleAssignment.objects.filter(
            organization__is_operating=True, role__name=ADMINISTRATOR, ended_at__isnull=True, member__state=Member.State.ACTIVE,
        ).exclude(member__email="")  # fmt: skip
        for operating_id, address in operators.values_list("organization_id", "member__email"):
            mail.queue(
                operating_id, kind="without_administrator", about=member.pk, to=address,
                subject=f"{organization.name} has no administrator", body=body,
            )  # fmt: skip
