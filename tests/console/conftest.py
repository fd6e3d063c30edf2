"""Visitors of the console, and one of everything to visit."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from audit import sequencer
from audit.models import Entry
from audit.record import Actor
from identity import (
    directories,
    domains,
    grants,
    groups,
    members,
    resources,
    sessions,
    tenancy,
    tokens,
)
from identity.grants import GrantSpec
from identity.models import Directory, Member, Organization
from saml import attempts, connections, keys
from saml.refusals import Refused
from tests.conftest import SETUP, join

OKTA = "https://acme.okta.example"


def visit(member: Member) -> Client:
    """Give a browser in which the member is signed in."""
    client = Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/130 Safari/537"})
    _, value = sessions.start(member, actor=SETUP)
    client.cookies["rollcall_session"] = value
    return client


def entries(organization: Organization, event: str) -> list[Entry]:
    """Give the entries of one event, oldest first."""
    with tenancy.of(organization):
        return list(Entry.objects.filter(organization_id=organization.pk, event=event).order_by("id"))


@dataclass(frozen=True)
class Things:
    """One organization with one of everything, and the ids that its addresses need."""

    organization: Organization
    member: Member
    gone: Member
    directory: Directory
    ids: dict[str, Any]


def furnish(organization: Organization, prefix: str) -> Things:
    """Fill an organization with one of everything."""
    kind, permission = (
        ("portfolio", "edit") if organization.access_model == "portfolio_asset" else ("company", "access")
    )
    resources.register(organization, [{"kind": kind, "id": f"{prefix}-1", "name": "First"}], actor=SETUP)
    directory = directories.create(organization, name="Okta", idp="okta", actor=SETUP)
    member = members.provision(
        organization,
        actor=Actor("directory", str(directory.pk), "Okta"),
        user_name=f"{prefix}.lena@example.com",
        profile={"displayName": f"Lena {prefix}", "title": "Analyst"},
        directory=directory,
        external_id="00u1",
    ).member
    gone = join(organization, f"{prefix}.gone@example.com", displayName=f"Gerd {prefix}")
    grants.replace(member, [GrantSpec(kind, f"{prefix}-1", permission)], actor=SETUP)
    group = groups.create(organization, actor=SETUP, display_name="Treasury", members=[str(member.pk)])
    session, _ = sessions.start(member, actor=SETUP)
    token, _ = tokens.issue(member, actor=SETUP, name="Script")
    members.offboard(gone, actor=SETUP, reason="left")
    directory_token, _ = tokens.issue(directory, actor=SETUP, name="Primary")
    connection = connections.create(
        organization,
        actor=SETUP,
        name="Okta",
        idp_preset="okta",
        idp_entity_id="http://www.okta.com/exk1",
        sso_url=f"{OKTA}/app/exk1/sso/saml",
        certificates=[keys.generate("Okta")[1]],
        defaults={"grants": [], "roles": []},
    )
    attempt, _ = attempts.start(connection, target="/")
    attempts.fail(
        attempt, connection, Refused("audience", "another one"), ["response received"], user_name="lena"
    )
    domain = domains.claim(organization, f"{prefix}.example", actor=SETUP)
    sequencer.run()
    ids = {
        "member": member.pk,
        "group": group.pk,
        "session": session.pk,
        "token": token.pk,
        "directory_token": directory_token.pk,
        "directory": directory.pk,
        "connection": connection.pk,
        "attempt": attempt.pk,
        "domain": domain.pk,
        "entry": entries(organization, "member.offboard")[0].pk,
    }
    return Things(organization, member, gone, directory, ids)


@pytest.fixture
def things(acme, ada) -> Things:
    """Give acme with one of everything."""
    return furnish(acme, "acme")
