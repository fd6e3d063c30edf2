"""What a member's page tells, read in few queries: access, roles, groups, sessions, tokens, links, history."""

from typing import Any, Final

from django.contrib.auth.hashers import is_password_usable
from django.db.models import QuerySet

from console import reading
from console.paging import Shortened, shorten
from identity import access, returns, second_factors, sessions, tenancy
from identity.access import Access
from identity.models import Link, Member, Membership, Token
from saml.models import SubjectLink

_HISTORY_ROWS: Final = 12
ROWS_MAX: Final = 200
# So many are counted, of what somebody reaches.
_ACCESS_MAX: Final = 1000


def read(member: Member) -> dict[str, Any]:
    """Return the sections of the member's page by name; lists are at most 200 rows long, and say so."""
    with tenancy.of(member.organization_id):
        return {
            "member": member,
            "facts": facts(member),
            "access": access_of(member),
            "roles": access.roles_of(member),
            "groups": shorten(open_memberships(member), ROWS_MAX),
            "sessions": shorten(sessions.open_sessions(member).order_by("-seen_at"), ROWS_MAX),
            "tokens": shorten(open_tokens(member), ROWS_MAX),
            "links": list(
                Link.objects.filter(organization=member.organization_id, member=member)
                .select_related("directory")
                .order_by("linked_at")
            ),
            "identities": list(
                SubjectLink.objects.filter(organization=member.organization_id, member=member)
                .select_related("connection")
                .order_by("linked_at")
            ),
            "second_factor": second_factors.of(member),
            "has_password": is_password_usable(member.password),
            "history": reading.of_subject(member.organization_id, str(member.pk), _HISTORY_ROWS),
            "dormant": not member.is_active,
            "may_come_back": returns.is_suspended_by_machine(member),
        }


def access_of(member: Member) -> Shortened:
    """Return what the member reaches, in the order of a page."""
    rows = access.reach(member, limit=_ACCESS_MAX + 1)
    shown = shorten(ordered(rows), ROWS_MAX)
    return Shortened(shown, min(len(rows), _ACCESS_MAX), more=len(rows) > _ACCESS_MAX)


def ordered(rows: list[Access]) -> list[Access]:
    """Put what is inherited behind what it is inherited from."""
    granted = {row.grant_id: (row.kind, row.name or row.key) for row in rows if not row.inherited_from}
    return sorted(
        rows,
        key=lambda row: (
            granted.get(row.grant_id, ()), row.grant_id, bool(row.inherited_from), row.kind, row.name or row.key,
        ),
    )  # fmt: skip


def open_memberships(member: Member) -> "QuerySet[Membership]":
    """Return the memberships that have not ended."""
    return (
        Membership.objects.filter(organization=member.organization_id, member=member, ended_at__isnull=True)
        .select_related("group")
        .order_by("group__display_name_key")
    )


def open_tokens(member: Member) -> "QuerySet[Token]":
    """Return the tokens that have not been revoked, the youngest first."""
    return Token.objects.filter(
        organization=member.organization_id, member=member, revoked_at__isnull=True
    ).order_by("-created_at")


# Attribute of the profile (RFC 7643, 4.1) → what people call it.
_SIMPLE: Final = (
    ("title", "Title"),
    ("userType", "Type"),
    ("nickName", "Nickname"),
    ("preferredLanguage", "Language"),
    ("locale", "Locale"),
    ("timezone", "Time zone"),
)
_LISTS: Final = (("emails", "E-mail"), ("phoneNumbers", "Phone"))
_ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_OF_ENTERPRISE: Final = (
    ("department", "Department"),
    ("division", "Division"),
    ("organization", "Company"),
    ("costCenter", "Cost centre"),
    ("employeeNumber", "Employee number"),
)


def facts(member: Member) -> list[tuple[str, str]]:
    """Return (label, value) of the profile's attributes that people look for; nothing for the absent ones."""
    profile = member.profile
    found: list[tuple[str, Any]] = [(label, profile.get(name)) for name, label in _SIMPLE]
    for name, label in _LISTS:
        items = profile.get(name) if isinstance(profile.get(name), list) else []
        found += [(label, item.get("value")) for item in items if isinstance(item, dict)]
    enterprise = profile.get(_ENTERPRISE)
    if isinstance(enterprise, dict):
        found += [(label, enterprise.get(name)) for name, label in _OF_ENTERPRISE]
        manager = enterprise.get("manager")
        if isinstance(manager, dict):
            found.append(("Manager", manager.get("displayName") or manager.get("value")))
    return [
        (label, value)
        for label, value in found
        if isinstance(value, str) and value and value != member.user_name
    ]
