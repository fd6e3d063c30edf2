"""What a caller may do: each view names, for each method, the capabilities that it needs."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from identity.api.authentication import Caller, Unauthenticated, caller_of
from identity.errors import Forbidden
from identity.handing_out import OPERATOR

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
