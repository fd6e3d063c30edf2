"""Visitors of the console, and one of everything to visit."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit import sequencer
from audit.chain import Place
from audit.events import Event
from audit.models import Entry
from audit.record import Actor, Subject, record
from identity import (
    bundles,
    deletions,
    directories,
    domains,
    grants,
    groups,
    invitations,
    members,
    organizations,
    pulls,
    receipts,
    resources,
    reviews,
    sessions,
    sync_runs,
    tenancy,
    tokens,
)
from identity.bundle_archive import Written
from identity.grants import GrantSpec
from identity.models import Bundle, Deletion, Directory, Member, Organization, OutgoingMail, Resource
from identity.review_scope import Scope
from saml import attempts, connections, keys
from saml.refusals import Refused
from scim.models import Burst, Departure, LoggedRequest
from tests.conftest import SETUP, join, make_acme, make_ada

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


def logged(organization: Organization) -> list[LoggedRequest]:
    """Give the request log of an organization, the oldest first."""
    with tenancy.of(organization):
        return list(LoggedRequest.objects.order_by("pk"))


def resource_of(organization: Organization, key: str) -> Resource:
    """Give the resource that the product calls so."""
    with tenancy.of(organization):
        return Resource.objects.get(key=key)


def a_bundle(organization: Organization) -> Bundle:
    """Give a bundle that can be downloaded, with nothing in it."""
    bundle = bundles.ask(organization, actor=SETUP)
    with tenancy.change(organization):
        bundles.finish(bundle, Written(0, "00" * 32, 0, Place()), actor=SETUP)
    return bundle


def a_deletion() -> Deletion:
    """Give the deletion of an organization of its own, one day."""
    closing = organizations.create(name="Initrode", slug="initrode", access_model="company_shop", actor=SETUP)
    organizations.suspend(closing, actor=SETUP)
    return deletions.schedule(closing, confirm="Initrode", actor=Actor("operator", "0197-opal", "opal"))


def burst_of(directory: Directory, *people: Member) -> Burst:
    """Give a burst that is held: these people left through the directory at once, as far as the guard knows."""
    with tenancy.of(directory.organization_id):
        now = timezone.now()
        burst = Burst(
            organization_id=directory.organization_id, directory=directory, kind="people", opened_at=now,
            budget={"members": 0, "percent": 0, "seconds": 3600},
        )  # fmt: skip
        burst.save(force_insert=True)
        record(
            Event.SYNC_HOLD, organization_id=directory.organization_id, actor=SETUP,
            subject=Subject("directory", str(directory.pk), directory.name),
        )  # fmt: skip
        for member in people:
            left_at = member.suspended_at or member.offboarded_at or now
            Departure(
                organization_id=directory.organization_id, directory=directory, member=member, burst=burst,
                kind="suspend", happened_at=left_at,
            ).save(force_insert=True)  # fmt: skip
        return burst


def filled_from(client: Client, path: str) -> dict[str, object]:
    """Give the page's form as a browser would send it back untouched."""
    form = client.get(path).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {
        name: "on" if value is True else value for name, value in values.items() if value not in (None, False)
    }


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
    (receipt,) = receipts.of_member(gone)
    directory_token, secret = tokens.issue(directory, actor=SETUP, name="Primary")
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
    pull = pulls.create(
        organization, actor=SETUP, kind="csv", name="Staff", settings={"mapping": {"external_id": "Key", "user_name": "Login"}}
    )  # fmt: skip
    run = sync_runs.ask(pull.directory, actor=SETUP)
    domain = domains.claim(organization, f"{prefix}.example", actor=SETUP)
    invitation = invitations.create(organization, f"{prefix}.new@example.com", actor=SETUP)
    with tenancy.of(organization):
        letter = OutgoingMail.objects.get(about=invitation.pk)
    sequencer.run()
    Client().get(
        f'/scim/v2/Users?filter=userName eq "{prefix}.lena@example.com"',
        headers={"Authorization": f"Bearer {secret}", "User-Agent": "Okta SCIM Client 1.0.0"},
    )
    ids = {
        "member": member.pk,
        "resource": resource_of(organization, f"{prefix}-1").pk,
        "group": group.pk,
        "session": session.pk,
        "token": token.pk,
        "directory_token": directory_token.pk,
        "directory": directory.pk,
        "pulled": pull.directory_id,
        "run": run.pk,
        "kind": "csv",
        "connection": connection.pk,
        "step": "next",
        "invitation": invitation.pk,
        "mail": letter.pk,
        "receipt": receipt.pk,
        "attempt": attempt.pk,
        "domain": domain.pk,
        "review": reviews.open_(
            organization,
            name="Spring",
            scope=Scope(roles=False),
            reviewers=[member.pk],
            rule="keep",
            actor=SETUP,
            due_at=timezone.now() + timedelta(days=9),
        ).pk,
        "logged_request": logged(organization)[0].pk,
        "burst": burst_of(directory, gone).pk,
        "entry": entries(organization, "member.offboard")[0].pk,
        "bundle": a_bundle(organization).pk,
        "deletion": a_deletion().pk,
    }
    return Things(organization, member, gone, directory, ids)


@pytest.fixture(scope="module")
def made_before() -> list[tuple[Callable[[], None], Organization, Member, Things]]:
    """Give what the first test of the file has made of the fixtures below, and how its rows come back."""
    return []


@pytest.fixture
def furnished(request, db, keep, made_before) -> tuple[Organization, Member, Things] | None:
    """Give acme, Ada and one of everything if the test asks for that: made once for a file, and brought back row by row."""
    if "things" not in request.fixturenames:
        return None
    if made_before:
        made_before[0][0]()
    else:
        acme = make_acme()
        made = acme, make_ada(acme), furnish(acme, "acme")
        made_before.append((keep(), *made))
    return deepcopy(made_before[0][1:])


@pytest.fixture
def acme(furnished) -> Organization:
    """Give acme."""
    return furnished[0] if furnished else make_acme()


@pytest.fixture
def ada(acme, furnished) -> Member:
    """Give acme's administrator."""
    return furnished[1] if furnished else make_ada(acme)


@pytest.fixture
def things(furnished) -> Things:
    """Give acme with one of everything."""
    return furnished[2]
