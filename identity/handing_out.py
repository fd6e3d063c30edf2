"""Nobody hands out more than they hold: the rule for whoever gives or takes roles, scopes and capabilities, through whichever door."""

from collections.abc import Iterable
from typing import Protocol

from identity import tenancy
from identity.errors import Forbidden
from identity.models import Organization, Role


class Holder(Protocol):
    """Somebody who acts, as each door knows them: a caller of the API, a visitor of the console."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Return what they may do themselves."""


def refuse_more_than_own(holder: Holder, capabilities: Iterable[str], field: str) -> None:
    """Raise Forbidden, naming `field`, where one of the capabilities is not the holder's own: nobody raises anybody above themselves."""
    missing = sorted(set(capabilities) - holder.capabilities)
    if missing:
        raise Forbidden(f"You cannot give or take {missing[0]}, which you do not have.", field=field)


def refuse_stronger_roles(
    holder: Holder, organization: Organization, names: Iterable[str], field: str = "roles"
) -> None:
    """Raise Forbidden where one of the roles holds a capability that the holder lacks. Unknown names are the verb's to refuse."""
    with tenancy.of(organization):
        held = Role.objects.filter(organization=organization, name__in=list(names)).values_list(
            "capabilities", flat=True
        )
        refuse_more_than_own(holder, {capability for row in held for capability in row}, field)
