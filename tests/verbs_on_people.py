"""Verbs that change people, their groups, credentials and access, and the events that each must leave."""

from datetime import timedelta

from django.utils import timezone

from identity import (
    batches,
    bulk_access,
    bulk_members,
    credential_ends,
    deadlines,
    directories,
    erasure,
    forgetting,
    group_batches,
    groups,
    invitations,
    leaving,
    mappings,
    members,
    password_links,
    review_close,
    reviews,
    roles,
    second_factors,
    sessions,
    tenancy,
    tokens,
)
from identity.batches import Arrival, Change
from identity.bulk_access import Edit
from identity.group_batches import Formed, Move
from identity.mappings import Mapping
from identity.models import ReviewItem
from identity.people_plan import Person
from identity.review_scope import Scope
from identity.reviews import Decided
from tests.authenticator import code_of
from tests.conftest import later
from tests.identity.test_handing_out import EVERYTHING
from tests.verbs_on_organizations import ADA


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
    reviews.decide(review, {item.pk: Decided("keep")}, by=ada, holder=EVERYTHING, actor=ADA)


def gone_on(acme, jane):
    begun = forgetting.begun(jane, timezone.now())
    with tenancy.change(acme):
        begun.save(force_insert=True)
    erasure.go_on(begun.pk, acme.pk, actor=ADA)


# verb → (what to do, the events it must leave, in order)
VERBS = {
    "members.provision": (
        lambda acme, jane: members.provision(acme, user_name="new", actor=ADA),
        ["member.create"],
    ),
    "members.change": (
        lambda acme, jane: members.change(jane, profile={"title": "CTO"}, actor=ADA),
        ["member.change"],
    ),
    "members.suspend": (lambda acme, jane: members.suspend(jane, actor=ADA), ["member.suspend"]),
    "members.reinstate": (
        lambda acme, jane: (
            members.offboard(jane, actor=ADA),
            members.reinstate(jane, with_access=True, actor=ADA),
        ),
        ["member.offboard", "member.reinstate"],
    ),
    "deadlines.schedule_end": (
        lambda acme, jane: deadlines.schedule_end(jane, timezone.now() + timedelta(days=1), actor=ADA),
        ["member.schedule_end"],
    ),
    "members.set_password": (
        lambda acme, jane: members.set_password(jane, "long enough password", actor=ADA),
        ["member.password"],
    ),
    "password_links.make": (
        lambda acme, jane: password_links.make(jane, actor=ADA),
        ["member.password_link"],
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
    "roles.define": (lambda acme, jane: roles.define(acme, "trader", actor=ADA), ["role.define"]),
    "roles.replace": (lambda acme, jane: roles.replace(jane, ["auditor"], actor=ADA), ["role.assign"]),
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
    "erasure.erase": (
        lambda acme, jane: (members.offboard(jane, actor=ADA), erasure.erase(jane, actor=ADA)),
        ["member.offboard", "member.erase"],
    ),
    "erasure.go_on": (
        lambda acme, jane: (members.offboard(jane, actor=ADA), gone_on(acme, jane)),
        ["member.offboard", "member.forget"],
    ),
}
