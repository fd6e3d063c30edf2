"""Every verb of the domain leaves its entry: who, what, from what to what."""

import base64
import os
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from audit.chain import Place
from audit.models import Detail, Entry
from audit.record import Actor
from identity import (
    batches,
    bulk_access,
    bulk_members,
    bundles,
    credential_ends,
    deadlines,
    deletions,
    directories,
    domains,
    erasure,
    forgetting,
    grants,
    group_batches,
    groups,
    invitations,
    leaving,
    mail,
    mappings,
    members,
    moves,
    organizations,
    pulls,
    resources,
    review_close,
    reviews,
    roles,
    second_factors,
    secrets,
    sessions,
    sign_on,
    sync_runs,
    tenancy,
    tokens,
)
from identity.batches import Arrival, Change
from identity.bulk_access import Edit
from identity.bundle_archive import Written
from identity.grants import GrantSpec
from identity.group_batches import Formed, Move
from identity.mappings import Mapping
from identity.models import Group, OutgoingMail, Resource, ReviewItem
from identity.move_plan import Groups, Wanted
from identity.people_plan import Person
from identity.review_scope import Scope
from identity.reviews import Decided
from scim import own_schemas
from tests.authenticator import code_of
from tests.conftest import SETUP, later

ADA = Actor("member", "0197-ada", "Ada Admin")
OPERATOR = Actor("operator", "0197-ada", "Ada Admin")


def two_directories(acme):
    """Give two directories of which the first has Kim and a group."""
    one, other = (directories.create(acme, name=name, actor=ADA) for name in ("Okta", "LDAP"))
    groups.create(acme, display_name="Staff", directory=one, actor=ADA)
    members.provision(acme, user_name="kim", directory=one, actor=ADA)
    return one, other


def a_group(acme, jane):
    return groups.create(acme, display_name="Staff", members=[str(jane.pk)], actor=SETUP)


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


def a_resource(acme):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    with tenancy.of(acme):
        return Resource.objects.get()


def expired(acme, jane):
    sessions.start(jane, actor=ADA, not_after=timezone.now() + timedelta(hours=1))
    with later(hours=2):
        credential_ends.expire_sessions(acme.pk, most=9, actor=ADA)


def expired_token(acme, jane):
    tokens.issue(jane, scopes=[], expires_at=timezone.now() + timedelta(hours=1), actor=ADA)
    with later(hours=2):
        credential_ends.expire_tokens(acme.pk, most=9, actor=ADA)


def enrol(jane):
    offer = second_factors.offer(jane, "Rollcall")
    return second_factors.enrol(jane, offer.sealed, code_of(offer.secret), actor=ADA)


def a_schema(acme, actor):
    return own_schemas.define(acme, urn="urn:acme:hr", name="HR", attributes=[{"name": "badge"}], actor=actor)


def a_review(acme, jane):
    roles.replace(jane, ["auditor"], actor=ADA)
    return reviews.open_(
        acme, name="Spring", scope=Scope(), reviewers=[jane.pk], due_at=timezone.now() + timedelta(days=9), rule="remove",
        actor=ADA,
    )  # fmt: skip


def decided(review):
    ada = members.provision(review.organization, user_name="ada", actor=ADA).member
    with tenancy.of(review.organization_id):
        item = ReviewItem.objects.get()
    reviews.decide(review, {item.pk: Decided("keep")}, by=ada, anybodys=True, actor=ADA)


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
    "organizations.suspend": (
        lambda acme, jane: organizations.suspend(acme, actor=ADA),
        ["organization.suspend"],
    ),
    "members.provision": (
        lambda acme, jane: members.provision(acme, user_name="new", actor=ADA),
        ["member.create"],
    ),
    "members.change": (
        lambda acme, jane: members.change(jane, profile={"title": "CTO"}, actor=ADA),
        ["member.change"],
    ),
    "members.suspend": (lambda acme, jane: members.suspend(jane, actor=ADA), ["member.suspend"]),
    "members.offboard": (lambda acme, jane: members.offboard(jane, actor=ADA), ["member.offboard"]),
    "deadlines.schedule_end": (
        lambda acme, jane: deadlines.schedule_end(jane, timezone.now() + timedelta(days=1), actor=ADA),
        ["member.schedule_end"],
    ),
    "members.set_password": (
        lambda acme, jane: members.set_password(jane, "long enough password", actor=ADA),
        ["member.password"],
    ),
    "groups.create": (
        lambda acme, jane: groups.create(acme, display_name="Staff", members=[str(jane.pk)], actor=ADA),
        ["group.create", "group.member_add"],
    ),
    "groups.change": (
        lambda acme, jane: groups.change(
            groups.create(acme, display_name="Outer", actor=ADA),
            add=[str(groups.create(acme, display_name="Inner", actor=ADA).pk)],
            actor=ADA,
        ),
        ["group.create", "group.create", "group.nest", "group.change"],
    ),
    "resources.register": (
        lambda acme, jane: resources.register(acme, [{"kind": "portfolio", "id": "p"}], actor=ADA),
        ["resource.register"],
    ),
    "resources.define_kind": (
        lambda acme, jane: resources.define_kind(acme, "report", permissions=["read"], actor=ADA),
        ["kind.define"],
    ),
    "roles.define": (lambda acme, jane: roles.define(acme, "trader", actor=ADA), ["role.define"]),
    "roles.replace": (lambda acme, jane: roles.replace(jane, ["auditor"], actor=ADA), ["role.assign"]),
    "directories.create": (
        lambda acme, jane: directories.create(acme, name="Okta", idp="okta", actor=ADA),
        ["directory.create"],
    ),
    "tokens.issue": (
        lambda acme, jane: tokens.issue(jane, scopes=["record.read"], actor=ADA),
        ["token.issue"],
    ),
    "tokens.rotate": (
        lambda acme, jane: tokens.rotate(
            tokens.issue(directories.create(acme, name="Okta", actor=ADA), actor=ADA)[0],
            overlap=timedelta(days=1),
            actor=ADA,
        ),
        ["directory.create", "token.issue", "token.issue", "token.rotate"],
    ),
    "sessions.start": (lambda acme, jane: sessions.start(jane, actor=ADA), ["session.start"]),
    "sessions.extend": (
        lambda acme, jane: sessions.extend(sessions.start(jane, actor=ADA)[0], actor=ADA),
        ["session.start", "session.extend"],
    ),
    "credential_ends.expire_sessions": (
        expired,
        ["session.start", "session.end"],
    ),
    "credential_ends.expire_tokens": (
        expired_token,
        ["token.issue", "token.expire"],
    ),
    "second_factors.enrol": (lambda acme, jane: enrol(jane), ["second_factor.enrol"]),
    "second_factors.renew_codes": (
        lambda acme, jane: (enrol(jane), second_factors.renew_codes(jane, actor=ADA)),
        ["second_factor.enrol", "second_factor.codes"],
    ),
    "second_factors.spend": (
        lambda acme, jane: second_factors.spend(jane, enrol(jane)[0], actor=ADA),
        ["second_factor.enrol", "second_factor.recovery"],
    ),
    "second_factors.remove": (
        lambda acme, jane: (enrol(jane), second_factors.remove(jane, actor=ADA)),
        ["second_factor.enrol", "second_factor.remove"],
    ),
    "domains.claim": (lambda acme, jane: domains.claim(acme, "acme.example", actor=ADA), ["domain.claim"]),
    "invitations.create": (
        lambda acme, jane: invitations.create(acme, "n@acme.example", actor=ADA),
        ["invitation.create"],
    ),
    "invitations.resend": (
        lambda acme, jane: invitations.resend(
            invitations.create(acme, "n@acme.example", actor=ADA), actor=ADA
        ),
        ["invitation.create", "invitation.resend"],
    ),
    "invitations.accept": (
        lambda acme, jane: invitations.accept(
            invitations.create(acme, "n@acme.example", access={"roles": ["auditor"]}, actor=ADA),
            jane,
            actor=ADA,
        ),
        ["invitation.create", "invitation.accept", "role.assign"],
    ),
    "mappings.replace": (
        lambda acme, jane: mappings.replace(
            groups.create(acme, display_name="Staff", actor=ADA), Mapping((), ("auditor",)), actor=ADA
        ),
        ["group.create", "mapping.give"],
    ),
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
    "batches.create": (
        lambda acme, jane: batches.create(
            acme,
            [Arrival("a", {}, "1"), Arrival("b", {}, "2")],
            directory=directories.create(acme, name="Okta", actor=ADA),
            actor=ADA,
        ),
        ["directory.create", "member.create", "member.create"],
    ),
    "batches.change": (
        lambda acme, jane: batches.change(
            acme, [Change(jane.pk, jane.version, "jay", {"title": "CTO"})], actor=ADA
        ),
        ["member.change"],
    ),
    "batches.suspend": (
        lambda acme, jane: batches.suspend(acme, {jane.pk: jane.version}, reason="gone", actor=ADA),
        ["member.suspend"],
    ),
    "batches.reactivate": (
        lambda acme, jane: (
            members.suspend(jane, actor=ADA),
            batches.reactivate(acme, {jane.pk: jane.version + 1}, reason="back", actor=ADA),
        ),
        ["member.suspend", "member.reactivate"],
    ),
    "group_batches.create": (
        lambda acme, jane: group_batches.create(
            acme,
            [Formed("A", "1"), Formed("B", "2")],
            directory=directories.create(acme, name="Okta", actor=ADA),
            actor=ADA,
        ),
        ["directory.create", "group.create", "group.create"],
    ),
    "group_batches.rename": (
        lambda acme, jane: [
            group_batches.rename(acme, {group.pk: "Crew"}, actor=ADA)
            for group in [groups.create(acme, display_name="Staff", actor=ADA)]
        ],
        ["group.create", "group.change"],
    ),
    "group_batches.move": (
        lambda acme, jane: [
            group_batches.move(acme, [Move(group.pk, jane.pk, joins)], actor=ADA)
            for group in [groups.create(acme, display_name="Staff", actor=ADA)]
            for joins in (True, False)
        ],
        ["group.create", "group.member_add", "group.change", "group.member_remove", "group.change"],
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
    "leaving.offboard": (
        lambda acme, jane: leaving.offboard(acme, [jane.pk], actor=ADA),
        ["member.offboard"],
    ),
    "reviews.open": (a_review, ["role.assign", "review.open"]),
    "reviews.decide": (
        lambda acme, jane: decided(a_review(acme, jane)),
        ["role.assign", "review.open", "member.create", "review.decide"],
    ),
    "review_close.close": (
        lambda acme, jane: review_close.close(a_review(acme, jane), actor=ADA),
        ["role.assign", "review.open", "role.revoke", "review.close"],
    ),
    "bulk_members.bring_in": (
        lambda acme, jane: bulk_members.bring_in(acme, [Person(1, "new", roles=("auditor",))], actor=ADA),
        ["member.create", "role.assign"],
    ),
    "bulk_members.apply": (
        lambda acme, jane: bulk_members.apply(
            acme,
            [Person(1, "jane@acme.example", display_name="J")],
            bulk_members.preview(acme, [Person(1, "jane@acme.example", display_name="J")]).digest,
            actor=ADA,
        ),
        ["member.change"],
    ),
    "mail.send_again": (
        lambda acme, jane: mail.send_again(a_letter(acme), actor=ADA),
        ["invitation.create", "mail.send_again"],
    ),
    "bulk_access.edit": (
        lambda acme, jane: bulk_access.edit(acme, [Edit(1, jane.pk, "auditor")], actor=ADA),
        ["role.assign"],
    ),
    "bulk_access.apply": (
        lambda acme, jane: bulk_access.apply(
            acme,
            [Edit(1, jane.pk, "auditor")],
            bulk_access.preview(acme, [Edit(1, jane.pk, "auditor")]).digest,
            actor=ADA,
        ),
        ["role.assign"],
    ),
    "secrets.rewrap": (
        lambda acme, jane: rewrapped(acme),
        ["key.rewrap"],
    ),
    "erasure.erase": (
        lambda acme, jane: (members.offboard(jane, actor=ADA), erasure.erase(jane, actor=ADA)),
        ["member.offboard", "member.erase"],
    ),
    "erasure.go_on": (
        lambda acme, jane: (members.offboard(jane, actor=ADA), gone_on(acme, jane)),
        ["member.offboard", "member.forget"],
    ),
}


def gone_on(acme, jane):
    begun = forgetting.begun(jane, timezone.now())
    with tenancy.change(acme):
        begun.save(force_insert=True)
    erasure.go_on(begun.pk, acme.pk, actor=ADA)


def entries(organization):
    with tenancy.of(organization):
        return list(Entry.objects.order_by("id"))


@pytest.mark.parametrize("verb", VERBS)
def test_the_verb_leaves_its_entries_and_names_its_actor(acme, jane, verb):
    act, events = VERBS[verb]
    before = len(entries(acme))
    act(acme, jane)
    new = entries(acme)[before:]
    assert [entry.event for entry in new] == events
    assert {entry.actor_id for entry in new} == {"0197-ada"}
    assert {entry.actor_kind for entry in new} == {
        OPERATOR.kind if verb.startswith("deletions.") else ADA.kind
    }


def test_a_change_tells_old_and_new_value(acme, jane):
    members.change(jane, profile={**jane.profile, "title": "CTO"}, actor=ADA)
    members.change(jane, profile={**jane.profile, "title": "CEO"}, user_name="jane2", actor=ADA)
    with tenancy.of(acme):
        entry = Entry.objects.filter(event="member.change").latest("id")
        detail = Detail.objects.get(pk=entry.pk).body
    assert detail["changes"] == {"user_name": ["jane@acme.example", "jane2"], "title": ["CTO", "CEO"]}
    assert (detail["actor"], entry.subject_id) == ("Ada Admin", str(jane.pk))


def test_no_secret_reaches_the_record(acme, jane, eraser):
    _, secret = tokens.issue(jane, scopes=["record.read"], actor=ADA)
    _, cookie = sessions.start(jane, actor=ADA)
    members.set_password(jane, "correct horse battery", actor=ADA)
    text = " ".join(row[0] for row in eraser.execute("SELECT body::text FROM audit_detail").fetchall())
    for hidden in (secret, secret.rpartition("_")[2], cookie, "correct horse battery"):
        assert hidden not in text


def test_removing_and_ending_is_recorded_too(acme, jane):
    group = a_group(acme, jane)
    groups.change(group, remove=[str(jane.pk)], display_name="People", actor=ADA)
    groups.delete(group, actor=ADA)
    resource = a_resource(acme)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=ADA)
    grants.replace(jane, [], actor=ADA)
    resources.retire(resource, actor=ADA)
    assert [entry.event for entry in entries(acme) if entry.actor_id == ADA.id] == [
        "group.member_remove", "group.change", "group.delete", "grant.give", "grant.end", "resource.retire",
    ]  # fmt: skip
    with tenancy.of(acme):
        assert Group.objects.get().ended_at
