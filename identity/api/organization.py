"""The address names an organization: whose, the credential decides."""

import re
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model
from django.urls import register_converter
from rest_framework.request import Request

from audit.record import Actor
from identity import organizations, tenancy
from identity.api.authentication import Caller, Unauthenticated, caller_of
from identity.api.refused import Stranger
from identity.api.view import ApiView
from identity.errors import NotFound
from identity.models import Directory, Organization

Row = TypeVar("Row", bound=Model)
# As a path converter: anything else is no address of ours.
PATTERN = "[a-z0-9][a-z0-9-]{0,62}"


class OrganizationConverter:
    """`<org:org>` in a route: the slug or the id of an organization."""

    regex = PATTERN

    def to_python(self, value: str) -> str:
        """Return the text; whether such an organization exists is the view's to find out."""
        return value

    def to_url(self, value: object) -> str:
        """Return the text."""
        return str(value)


register_converter(OrganizationConverter, "org")


class OrganizationView(ApiView):
    """An endpoint below /organizations/{org}. `self.organization` is the one named, if the caller may know of it."""

    organization: Organization

    def check_permissions(self, request: Request) -> None:
        """Find the organization before asking for rights: for a stranger it is not there at all."""
        caller = caller_of(request)
        if caller is None:
            raise Unauthenticated
        self.organization = organization_for(caller, self.kwargs["org"])
        super().check_permissions(request)

    @property
    def actor(self) -> Actor:
        """Who the record of this organization says it was."""
        return self.caller.acting_in(self.organization)

    def one(self, model: type[Row], pk: UUID, **also: Any) -> Row:
        """Return the organization's row of that id; relations named in `also` narrow it. Raises NotFound."""
        with tenancy.of(self.organization):
            rows = model._default_manager  # noqa: SLF001 - Django's public name for it
            found = rows.filter(organization=self.organization, pk=pk, **also).first()
        if found is None:
            raise NotFound(f"There is no such {re.sub('(?<!^)(?=[A-Z])', ' ', model.__name__).lower()}.")
        return found


class DirectoryView(OrganizationView):
    """An endpoint below one directory of the organization."""

    def directory(self) -> Directory:
        """Return the directory that the address names. Raises NotFound."""
        return self.one(Directory, self.kwargs["directory"])


def organization_for(caller: Caller, named: str) -> Organization:
    """Return the organization of that slug or id: the caller's own, or for an operator any. Raises NotFound."""
    if caller.is_operator:
        return organizations.by_slug_or_id(named)
    own = caller.organization
    if own is None or named not in {own.slug, str(own.pk)}:
        raise NotFound("There is no such organization.") from Stranger()
    return own
