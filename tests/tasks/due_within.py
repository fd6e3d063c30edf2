"""What is due within an organization: the record, people, credentials, reviews, domains, bundles, mail."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from audit import sequencer, stretch
from audit.models import Detail, Entry, Head, Position, Span
from audit.record import Actor
from identity import (
    arrivals,
    bundles,
    deadlines,
    deletions,
    domains,
    forgetting,
    invitations,
    mail,
    members,
    organizations,
    reviews,
    sessions,
    tenancy,
    tokens,
)
from identity.models import Bundle, BundleChunk, Deletion, Domain, Erasure, KeptAnswer, Member, OutgoingMail
from identity.review_scope import Scope
from tasks.bundles import write
from tests.conftest import SETUP, join
from tests.tasks.due import ROW, TABLE, Due, World, past


def sequence(world: World) -> Due:
    def look() -> Any:
        with tenancy.of(world.acme):
            return sequencer.lag_seconds(), Position.objects.count() == Entry.objects.count()

    return Due(TABLE.format("audit_position"), look, (0.0, True))


MANY = """
INSERT INTO audit_entry (id, organization_id, event, outcome, reason, source, actor_kind, actor_id, subject_kind, subject_id, request_id,
  happened_at, commitment)
SELECT uuidv7(), %(organization)s, 'member.change', 'success', '', 'scim', 'directory', 'x', 'member', 'x', '', now(), ''
  FROM generate_series(1, %(entries)s);
"""


def measure(world: World) -> Due:
    world.eraser.execute(MANY, {"organization": world.acme.pk, "entries": 2 * stretch.ENTRIES})
    sequencer.run()
    return Due(TABLE.format("audit_span"), lambda: world.number(Span), 2)


def count_newcomers(world: World) -> Due:
    world.eraser.execute(MANY, {"organization": world.acme.pk, "entries": arrivals.KNOWN_LEAST})
    sequencer.run()

    def look() -> Any:
        return world.number(Head, counted__gte=arrivals.KNOWN_LEAST)

    return Due(TABLE.format("audit_head"), look, 1)


def _two(world: World) -> list[Any]:
    return [join(world.acme, f"p{number}@acme.example") for number in range(2)]


def scheduled_ends(world: World) -> Due:
    two = _two(world)
    with past(days=2):
        for hours, member in enumerate(two, 1):
            deadlines.schedule_end(member, timezone.now() + timedelta(hours=hours), actor=SETUP)
    return Due(ROW.format("identity_member", two[1].pk), lambda: world.count("member.offboard"), 2)


def grace_ends(world: World) -> Due:
    organizations.change(world.acme, grace_days=1, actor=SETUP)
    two = _two(world)
    with past(days=2):
        for member in two:
            members.suspend(member, actor=SETUP)
    return Due(ROW.format("identity_member", two[1].pk), lambda: world.count("member.offboard"), 2)


def retention_ends(world: World) -> Due:
    organizations.change(world.acme, retention_days=1, actor=SETUP)
    two = _two(world)
    with past(days=2):
        for member in two:
            members.offboard(member, actor=SETUP)

    def look() -> Any:
        return world.count("member.erase"), world.number(Member, erased_at__isnull=False)

    return Due(ROW.format("identity_member", two[1].pk), look, (2, 2))


def erasures(world: World) -> Due:
    two = _two(world)
    for member in two:
        members.offboard(member, actor=SETUP)
        with tenancy.change(world.acme):
            forgetting.begun(member, timezone.now()).save(force_insert=True)

    def look() -> Any:
        with tenancy.of(world.acme):
            about = Entry.objects.filter(subject_id__in=[str(member.pk) for member in two])
            named = Detail.objects.filter(pk__in=about.exclude(event="member.forget").values("pk"))
            return world.count("member.forget"), world.number(Erasure), named.count()

    of_second = f"entry_id IN (SELECT id FROM audit_entry WHERE subject_id = '{two[1].pk}')"  # noqa: S608
    return Due(f"SELECT 1 FROM audit_detail WHERE {of_second} FOR UPDATE", look, (2, 0, 0))  # noqa: S608


def expired_tokens(world: World) -> Due:
    with past(days=1):
        for hours in (1, 2):
            tokens.issue(
                world.ada, scopes=[], expires_at=timezone.now() + timedelta(hours=hours), actor=SETUP
            )
    return Due(TABLE.format("audit_entry"), lambda: world.count("token.expire"), 2)


def expired_sessions(world: World) -> Due:
    with past(days=1):
        for hours in (1, 2):
            sessions.start(world.ada, actor=SETUP, not_after=timezone.now() + timedelta(hours=hours))
    return Due(TABLE.format("audit_entry"), lambda: world.count("session.end"), 2)


def expired_invitations(world: World) -> Due:
    with past(days=1):
        for hours in (1, 2):
            made = invitations.create(
                world.acme, f"new{hours}@acme.example", expires_at=timezone.now() + timedelta(hours=hours), actor=SETUP
            )  # fmt: skip
    return Due(ROW.format("identity_invitation", made.pk), lambda: world.count("invitation.expire"), 2)


def kept_answers(world: World) -> Due:
    with tenancy.of(world.acme):
        for number in range(2):
            made = KeptAnswer(
                organization=world.acme, caller="token:x", key_digest=bytes([number]), request_digest=b"x", status=201, body_sealed=b"x",
                answered_at=timezone.now() - timedelta(days=2),
            )  # fmt: skip
            made.save(force_insert=True)
    return Due(ROW.format("identity_keptanswer", made.pk), lambda: world.number(KeptAnswer), 0)


def _reviews(world: World, days: float) -> Any:
    return [
        reviews.open_(
            world.acme, name=f"Spring {number}", scope=Scope(), reviewers=[world.ada.pk], rule="keep", opened_by=None, actor=SETUP,
            due_at=timezone.now() + timedelta(days=days),
        )
        for number in range(2)
    ]  # fmt: skip


def remind(world: World) -> Due:
    with past(days=5):
        second = _reviews(world, 10)[1]
    return Due(ROW.format("identity_review", second.pk), lambda: world.count("review.remind"), 2)


def close_due(world: World) -> Due:
    with past(days=5):
        second = _reviews(world, 2)[1]
    return Due(ROW.format("identity_review", second.pk), lambda: world.count("review.close"), 2)


def prove(world: World) -> Due:
    claimed = [domains.claim(world.acme, f"d{number}.example", actor=SETUP) for number in range(2)]
    for domain in claimed:
        world.zone.text(f"_rollcall-challenge.{domain.name}", f'"{domain.challenge}"')

    def look() -> Any:
        return world.number(Domain, proved_at__isnull=False), world.count("domain.confirm")

    later = "UPDATE identity_domain SET due_at = now() WHERE proved_at IS NULL"
    return Due(TABLE.format("audit_entry"), look, (2, 2), later)


def bundles_due(world: World) -> Due:
    bundles.ask(world.acme, actor=SETUP)

    def look() -> Any:
        with tenancy.of(world.acme):
            return list(Bundle.objects.values_list("state", flat=True)), world.count("bundle.finish")

    later = "UPDATE identity_bundle SET lease_until = now() - interval '1 second'"
    return Due(TABLE.format("identity_bundlechunk"), look, (["ready"], 1), later)


def bundles_expired(world: World) -> Due:
    with past(days=20):
        bundle = bundles.ask(world.acme, actor=SETUP)
        assert write(str(bundle.organization_id), str(bundle.pk))

    def look() -> Any:
        return world.number(Bundle, state="expired"), world.number(BundleChunk), world.count("bundle.expire")

    return Due("SELECT 1 FROM identity_bundlechunk FOR UPDATE", look, (1, 0, 1))


def deletions_due(world: World) -> Due:
    # The held table comes late in the order: some batches are done before.
    organizations.suspend(world.acme, actor=SETUP)
    made = deletions.schedule(world.acme, confirm="Acme", actor=Actor("operator", "0197-opal", "opal"))
    world.behind_the_triggers("UPDATE identity_deletion SET delete_after = now() - interval '1 second'")

    def look() -> Any:
        with tenancy.everywhere("test"):
            left = Entry.objects.filter(organization_id=world.acme.pk).count()
            found = Deletion.objects.get(pk=made.pk)
        return found.state, left, found.record_seq - found.rows.get("audit_entry", 0)

    return Due(TABLE.format("identity_role"), look, ("done", 0, 0))


def outgoing(world: World) -> Due:
    for number in range(2):
        with tenancy.change(world.acme):
            mail.queue(
                world.acme.pk,
                kind="test",
                about=world.ada.pk,
                to=f"p{number}@acme.example",
                subject="Hello",
                body="You",
            )

    def look() -> Any:
        with tenancy.of(world.acme):
            return list(OutgoingMail.objects.filter(kind="test").values_list("state", "attempts"))

    return Due(TABLE.format("identity_outgoingmail"), look, [("kept", 1), ("kept", 1)])


def expiring_tokens(world: World) -> Due:
    with past(days=364):
        second = [tokens.issue(world.okta.directory, actor=SETUP)[0] for _ in range(2)][1]
    return Due(ROW.format("identity_token", second.pk), lambda: world.count("token.expiring"), 2)


CASES = {
    "tasks.wake.sequence": sequence,
    "tasks.jobs.record.measure": measure,
    "tasks.jobs.statistics.count_newcomers": count_newcomers,
    "tasks.jobs.leavers.scheduled_ends": scheduled_ends,
    "tasks.jobs.leavers.grace_ends": grace_ends,
    "tasks.jobs.leavers.retention_ends": retention_ends,
    "tasks.jobs.leavers.erasures": erasures,
    "tasks.jobs.credentials.expired_tokens": expired_tokens,
    "tasks.jobs.credentials.expiring_tokens": expiring_tokens,
    "tasks.jobs.credentials.expired_sessions": expired_sessions,
    "tasks.jobs.credentials.expired_invitations": expired_invitations,
    "tasks.jobs.credentials.kept_answers": kept_answers,
    "tasks.jobs.reviews.remind": remind,
    "tasks.jobs.reviews.close_due": close_due,
    "tasks.jobs.domains.prove": prove,
    "tasks.jobs.bundles.due": bundles_due,
    "tasks.jobs.bundles.expired": bundles_expired,
    "tasks.jobs.deletions.carry_out": deletions_due,
    "tasks.jobs.mail.outgoing": outgoing,
}
