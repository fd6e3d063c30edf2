"""The operating organization and its first person."""

from audit.record import Actor
from identity import members, organizations, roles, tenancy
from identity.models import Member, Organization
from identity.profile import key_of


def bootstrap(email: str, password: str) -> Member:
    """Make sure that the operating organization exists and has this operator, and return them.

    The password is set when the operator is created and left alone afterwards.
    """
    actor = Actor("job", "bootstrap", "first start")
    organization = organizations.operating() or organizations.create(
        name="Operators",
        slug="operators",
        access_model=Organization.AccessModel.PORTFOLIO_ASSET,
        actor=actor,
        is_operating=True,
    )
    with tenancy.of(organization):
        found = Member.objects.filter(organization=organization, user_name_key=key_of(email)).first()
    if found is not None:
        return found
    profile = {"displayName": "Operator", "emails": [{"value": email, "type": "work", "primary": True}]}
    member = members.provision(organization, actor=actor, user_name=email, profile=profile).member
    roles.replace(member, [roles.ADMINISTRATOR], actor=actor)
    members.set_password(member, password, actor=actor)
    return member


def is_operator(member: Member) -> bool:
    """Tell whether the member runs the whole server: an active administrator of the operating organization."""
    return (
        member.is_active
        and member.organization.is_operating
        and roles.ADMINISTRATOR in roles.names_of(member)
    )
