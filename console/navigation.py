"""The sidebar: the pages of an organization that this visitor may open, in groups."""

from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from console.access import Visit


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the sidebar."""

    label: str
    icon: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A group of lines under a heading; the first has none."""

    heading: str
    items: list[Item]


# Page, label, icon, and the other pages on which this line is the current one.
_SECTIONS: Final = (
    ("", (("overview", "Overview", "layout-dashboard", ()),)),
    (
        "People",
        (
            ("members", "Members", "users", ("member",)),
            ("groups", "Groups", "users-group", ("group",)),
            ("invitations", "Invitations", "user-plus", ("invitation", "mail")),
            ("receipts", "Leavers", "user-off", ("receipt", "leavers")),
        ),
    ),
    (
        "Access",
        (
            ("resources", "Resources", "sitemap", ("resource",)),
            ("roles", "Roles", "shield-check", ("role_define",)),
            ("reviews", "Access reviews", "circle-check", ("review",)),
        ),
    ),
    (
        "Sources",
        (
            (
                "directories",
                "Directories",
                "refresh",
                ("directory", "token", "request", "doctor", "burst", "pull", "run"),
            ),
            ("connections", "Single sign-on", "key", ("connection", "sign_on")),
            ("sign_ins", "Sign-ins", "login-2", ("sign_in",)),
            ("domains", "Domains", "world", ("domain",)),
        ),
    ),
    (
        "Oversight",
        (
            ("record", "Record", "list-details", ("entry",)),
            ("bundles", "Export", "download", ()),
            ("settings", "Settings", "settings", ()),
            ("organization_deletion", "Suspend, delete", "ban", ()),
        ),
    ),
)


def sections(visit: Visit) -> list[Section]:
    """Return what the visitor may open; empty groups are left out."""
    match = visit.request.resolver_match
    here = match.url_name or "" if match else ""
    if visit.operator and (match is None or "slug" not in match.kwargs):
        return [_of_the_server(here)]
    found = []
    for heading, lines in _SECTIONS:
        items = [
            Item(
                label,
                icon,
                reverse(page, args=[visit.organization.slug]),
                here == page or here.startswith(others),
            )
            for page, label, icon, others in lines
            if visit.may(page)
        ]
        if items:
            found.append(Section(heading, items))
    return found


def _of_the_server(here: str) -> Section:
    """Return what an operator sees who is in no organization at the moment."""
    lines = (
        ("organizations", "Organizations", "building", "organization"),
        ("jobs", "Periodic jobs", "clock", "job"),
        ("deletions", "Deletions", "ban", "deletion"),
        ("mail_queue", "Mail queue", "external-link", "mail"),
        ("me", "Your page", "user-circle", "my_"),
    )
    return Section(
        "",
        [
            Item(label, icon, reverse(page), here == page or here.startswith(other))
            for page, label, icon, other in lines
        ],
    )
