"""Verbs that change an organization, its directories and resources, and the events that each must leave."""

import base64
import os

from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from audit.chain import Place
from audit.record import Actor
from identity import (
    bundles,
    deletions,
    directories,
    domains,
    groups,
    invitations,
    mail,
    members,
    moves,
    organizations,
    pulls,
    resources,
    secrets,
    sign_on,
    sync_runs,
    tenancy,
)
from identity.bundle_archive import Written
from identity.models import OutgoingMail
from identity.move_plan import Groups, Wanted
from scim import own_schemas

ADA = Actor("member", "0197-ada", "Ada Admin")
OPERATOR = Actor("operator", "0197-ada", "Ada Admin")


def two_directories(acme):
    """Give two directories of which the first has Kim and a group."""
    one, other = (directories.create(acme, name=name, actor=ADA) for name in ("Okta", "LDAP"))
    groups.create(acme, display_name="Staff", directory=one, actor=ADA)
    members.provision(acme, user_name="kim", directory=one, actor=ADA)
    return one, other


def a_pull(acme):
    settings = {"mapping": {"external_id": "a", "user_name": "b"}}
    return pulls.create(acme, kind="csv", name="HR", settings=settings, actor=ADA)


def a_letter(acme):
    """Give a letter that could not be delivered."""
    invitations.create(acme, "n@acme.example", actor=ADA)
    with tenancy.of(acme):
        letter = OutgoingMail.objects.get()
        OutgoingMail.objects.update(state=OutgoingMail.State.FAILED)
    return letter


def a_schema(acme, actor):
    return own_schemas.define(acme, urn="urn:acme:hr", name="HR", attributes=[{"name": "badge"}], actor=actor)


def rewrapped(acme):
    """Wrap a data key anew that another master key had wrapped."""
    secrets.seal(acme.pk, "x", b"private")
    new = base64.b64encode(os.urandom(32)).decode()
    with override_settings(ROLLCALL_MASTER_KEY=new, ROLLCALL_MASTER_KEYS_OLD=[settings.ROLLCALL_MASTER_KEY]):
        secrets.rewrap(acme.pk, actor=ADA)
    secrets.forget()


# verb → (what to do, the events it must leave, in order)
VERBS = {
    "organizations.change": (
        lambda acme, jane: organizations.change(acme, name="Acme AG", actor=ADA),
        ["organization.change"],
    ),
    "deletions.cancel": (
        lambda acme, jane: (
            organizations.suspend(acme, actor=OPERATOR),
            deletions.schedule(acme, confirm="Acme", actor=OPERATOR),
            deletions.cancel(acme, actor=OPERATOR),
        ),
        ["organization.suspend", "organization.schedule_deletion", "organization.cancel_deletion"],
    ),
    "bundles.ask": (lambda acme, jane: bundles.ask(acme, actor=ADA), ["bundle.ask"]),
    "bundles.discard": (
        lambda acme, jane: bundles.discard(bundles.ask(acme, actor=ADA), actor=ADA),
        ["bundle.ask", "bundle.discard"],
    ),
    "bundles.written_elsewhere": (
        lambda acme, jane: bundles.written_elsewhere(
            acme, Written(1, "00" * 32, 1, Place()), asked_at=timezone.now(), actor=ADA
        ),
        ["bundle.write"],
    ),
    "sign_on.change": (
        lambda acme, jane: sign_on.change(acme, sso_identifier="acme.test", actor=ADA),
        ["organization.sign_on"],
    ),
    "organizations.resume": (
        lambda acme, jane: (organizations.suspend(acme, actor=ADA), organizations.resume(acme, actor=ADA)),
        ["organization.suspend", "organization.resume"],
    ),
    "resources.register": (
        lambda acme, jane: resources.register(acme, [{"kind": "portfolio", "id": "p"}], actor=ADA),
        ["resource.register"],
    ),
    "resources.define_kind": (
        lambda acme, jane: resources.define_kind(acme, "report", permissions=["read"], actor=ADA),
        ["kind.define"],
    ),
    "directories.create": (
        lambda acme, jane: directories.create(acme, name="Okta", idp="okta", actor=ADA),
        ["directory.create"],
    ),
    "domains.claim": (lambda acme, jane: domains.claim(acme, "acme.example", actor=ADA), ["domain.claim"]),
    "domains.set_canonical": (
        lambda acme, jane: domains.set_canonical(
            domains.confirm(domains.claim(acme, "acme.example", actor=ADA), actor=ADA), True, actor=ADA
        ),
        ["domain.claim", "domain.confirm", "domain.change"],
    ),
    "pulls.create": (lambda acme, jane: a_pull(acme), ["directory.create"]),
    "pulls.change": (
        lambda acme, jane: pulls.change(a_pull(acme), every_minutes=120, credentials={}, actor=ADA),
        ["directory.create", "directory.change"],
    ),
    "pulls.put_file": (
        lambda acme, jane: pulls.put_file(a_pull(acme), b"a,b", "people.csv", actor=ADA),
        ["directory.create", "directory.change"],
    ),
    "pulls.pause": (
        lambda acme, jane: pulls.resume(pulls.pause(a_pull(acme), actor=ADA), actor=ADA),
        ["directory.create", "sync.pause", "sync.resume"],
    ),
    "sync_runs.ask": (
        lambda acme, jane: sync_runs.cancel(sync_runs.ask(a_pull(acme).directory, actor=ADA), actor=ADA),
        ["directory.create", "sync.ask", "sync.cancel"],
    ),
    "moves.move": (
        lambda acme, jane: moves.move(*two_directories(acme), Wanted(groups=Groups.MOVE), actor=ADA),
        [
            "directory.create",
            "directory.create",
            "group.create",
            "member.create",
            "member.move",
            "group.move",
            "directory.move",
            "directory.move",
        ],
    ),
    "own_schemas.define": (
        lambda acme, jane: a_schema(acme, ADA),
        ["schema.define"],
    ),
    "own_schemas.change": (
        lambda acme, jane: own_schemas.change(
            a_schema(acme, ADA), name="Staff", attributes=[{"name": "badge"}], actor=ADA
        ),
        ["schema.define", "schema.change"],
    ),
    "own_schemas.delete": (
        lambda acme, jane: own_schemas.delete(a_schema(acme, ADA), actor=ADA),
        ["schema.define", "schema.delete"],
    ),
    "mail.send_again": (
        lambda acme, jane: mail.send_again(a_letter(acme), actor=ADA),
        ["invitation.create", "mail.send_again"],
    ),
    "secrets.rewrap": (
        lambda acme, jane: rewrapped(acme),
        ["key.rewrap"],
    ),
}
