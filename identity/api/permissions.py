"""What a caller may do: each view names, for each method, the capabilities that it needs."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from identity import tenancy
from identity.api.authentication import OPERATOR, Caller, Unauthenticated, caller_of
from identity.errors import Forbidden
from identity.models import Organization, Role

ANYBODY: tuple[str, ...] = ()


class Needing(Protocol):
    """A view with its needs as data: {"GET": ("members.read",)}. ANYBODY: whoever is authenticated."""

    needs: ClassVar[Mapping[str, tuple[str, ...]]]


class Entitled(BasePermission):
    """Refuses a caller who lacks one of the capabilities that the view needs for this method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Let pass or raise Unauthenticated or Forbidden; a method that the view does not have is left to be answered with 405."""
        caller = caller_of(request)
        if caller is None:
            raise Unauthenticated
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method in view.allowed_methods:
            require(caller, *view.needs[method])
        return True


def require(caller: Caller, *capabilities: str) -> None:
    """Raise Forbidden unless the caller has all of the capabilities."""
    for capability in capabilities:
        if capability not in caller.capabilities:
            message = (
                "Only an operator may do this."
                if capability == OPERATOR
                else f"This needs the capability {capability}."
            )
            raise Forbidden(message)


def refuse_more_than_own(caller: Caller, capabilities: Iterable[str], field: str) -> None:
    """Raise Forbidden where somebody would hand out capabilities that they do not have: nobody raises themselves."""
    missing = sorted(set(capabilities) - caller.capabilities)
    if missing:
        raise Forbidden(f"You cannot give or take {missing[0]}, which you do not have.", field=field)


def refuse_stronger_roles(
    caller: Caller, organization: Organization, names: Iterable[str], field: str = "roles"
) -> None:
    """Raise Forbidden where one of the roles holds a capability that the caller lacks. Unknown names are the verb's to refuse."""
    with tenancy.of(organization):
        held = Role.objects.filter(organization=organization, name__in=list(names)).values_list(
            "capabilities", flat=True
        )
        refuse_more_than_own(caller, {capability for row in held for capability in row}, field)
