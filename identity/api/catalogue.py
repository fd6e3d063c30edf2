"""Files for people to read: the role catalogue, for whoever types the values into an identity provider, and who has what."""

import csv
import io
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from audit.files import harmless
from identity import access_overview, tenancy
from identity.api.organization import OrganizationView
from identity.api.view import describe
from identity.models import GroupRole, Member, Organization, Role, RoleAssignment

_COLUMNS = ("name", "label", "built_in", "capabilities", "members", "groups")


class RolesCsv(OrganizationView):
    """The roles as CSV (RFC 4180)."""

    needs = {"GET": ("access.read",)}

    @describe("roles_csv", gives=OpenApiTypes.STR, media="text/csv")
    def get(self, _request: Request, **_: Any) -> HttpResponse:
        """Download the roles: the name that is asserted, label, capabilities, and how many active members and how many groups have it."""
        with tenancy.of(self.organization):
            roles = list(
                Role.objects.filter(organization=self.organization)
                .annotate(members=_holders(self.organization), groups=_groups(self.organization))
                .order_by("-built_in", "name")
            )
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        for role in roles:
            row = (
                role.name, role.label, str(role.built_in).lower(), " ".join(role.capabilities),
                str(role.members), str(role.groups),
            )  # fmt: skip
            writer.writerow([harmless(cell) for cell in row])
        name = f"{self.organization.slug}-roles.csv"
        return HttpResponse(
            text.getvalue(),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )


class AccessCsv(OrganizationView):
    """Who has what, as CSV (RFC 4180)."""

    needs = {"GET": ("access.read",)}

    @describe("access_csv", gives=OpenApiTypes.STR, media="text/csv")
    def get(self, _request: Request, **_: Any) -> StreamingHttpResponse:
        """Download every grant of everybody who is in, own and through groups."""
        name = f"{self.organization.slug}-access.csv"
        return StreamingHttpResponse(
            access_overview.csv_pieces(self.organization),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )


def _holders(organization: Organization) -> Coalesce:
    """Count the active members of each role; apart from its groups, since together each member would be counted with each group."""
    held = RoleAssignment.objects.filter(
        organization=organization,
        role=OuterRef("pk"),
        ended_at__isnull=True,
        member__state=Member.State.ACTIVE,
    )
    return _number(held)


def _groups(organization: Organization) -> Coalesce:
    """Count the groups that bring each role."""
    brought = GroupRole.objects.filter(
        organization=organization, role=OuterRef("pk"), ended_at__isnull=True, group__ended_at__isnull=True
    )
    return _number(brought)


def _number(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("role").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
