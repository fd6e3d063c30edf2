"""For each periodic job: something that is due twice over, where to hold the job in the middle of it, and what must have come of it.

A case prepares what is due (most of it by having the verbs called some days ago) and returns a Due: the statement whose lock the job
runs into behind its first half, what to look at, and what it must be in the end, however often the job was begun.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import time_machine
from django.utils import timezone

from audit import sequencer
from audit.models import Entry, Position
from demo.idp_logout import idp_metadata
from identity import (
    deadlines,
    directories,
    domains,
    invitations,
    mail,
    members,
    organizations,
    pulls,
    reviews,
    sessions,
    sync_runs,
    sync_wake,
    tenancy,
    tokens,
)
from identity.models import Domain, KeptAnswer, Member, OutgoingMail, Run, Session
from identity.review_scope import Scope
from saml import connections
from saml.models import Attempt, IdpCertificate, SpentAssertion
from scim import burst_guard, bursts
from scim.models import Burst, Departure, LoggedRequest
from tasks.models import StagedPerson
from tasks.sync import work
from tests.conftest import SETUP, join
from tests.saml.documents import IDP, key_pair
from tests.saml.door import Browser, connect
from tests.scim.talk import Scim
from tests.scim_admin.test_burst_guard import ADA, DOWN, bursts_of, guarded, people

TABLE = "LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE"
ROW = "SELECT 1 FROM {} WHERE id = '{}' FOR UPDATE"


@dataclass(frozen=True)
class Due:
    """`hold` is run by a superuser in an open transaction; `look` gives what must become `wanted`.

    `later` lets the lease run out that a dead worker has left.
    """

    hold: str
    look: Callable[[], Any]
    wanted: Any
    later: str = ""


@dataclass(frozen=True)
class World:
    """Acme and who is in it, and what else a case needs of the fixtures."""

    acme: Any
    ada: Any
    okta: Any
    zone: Any
    site: Any
    eraser: Any
    monkeypatch: Any

    def count(self, event: str) -> int:
        """Tell how many entries of this event acme's record has."""
        with tenancy.of(self.acme):
            return Entry.objects.filter(event=event).count()

    def number(self, model: Any, **conditions: Any) -> int:
        """Tell how many of acme's rows fit."""
        with tenancy.of(self.acme):
            return int(model.objects.filter(**conditions).count())

    def behind_the_triggers(self, sql: str) -> None:
        """Change what no verb changes: the time at which something happened."""
        self.eraser.execute(f"SET session_replication_role = replica; {sql}; RESET session_replication_role")


def past(**delta: float) -> Any:
    """Let it be some time ago."""
    return time_machine.travel(timezone.now() - timedelta(**delta), tick=True)


def sequence(world: World) -> Due:
    def look() -> Any:
        with tenancy.of(world.acme):
            return sequencer.lag_seconds(), Position.objects.count() == Entry.objects.count()

    return Due(TABLE.format("audit_position"), look, (0.0, True))


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


def expired_tokens(world: World) -> Due:
    with past(days=1):
        made = [
            tokens.issue(
                world.ada, scopes=[], expires_at=timezone.now() + timedelta(hours=hours), actor=SETUP
            )[0]
            for hours in (1, 2)
        ]
    return Due(ROW.format("identity_token", made[1].pk), lambda: world.count("token.expire"), 2)


def expired_sessions(world: World) -> Due:
    with past(days=1):
        made = [
            sessions.start(world.ada, actor=SETUP, not_after=timezone.now() + timedelta(hours=hours))[0]
            for hours in (1, 2)
        ]
    return Due(ROW.format("identity_session", made[1].pk), lambda: world.count("session.end"), 2)


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


def _pull(world: World, name: str) -> Any:
    mapping = {"external_id": "No", "user_name": "Login"}
    pull = pulls.create(world.acme, kind="csv", name=name, settings={"mapping": mapping}, actor=SETUP)
    pulls.put_file(pull, b"No,Login\n1,amy\n2,bob\n", "people.csv", actor=SETUP)
    return pull


def _held(world: World) -> list[Run]:
    """Give two runs of a day ago whose plans wait."""
    world.monkeypatch.setattr(sync_wake, "_wakers", [])
    held = []
    with past(hours=25):
        for name in ("One", "Two"):
            run = sync_runs.ask(_pull(world, name).directory, actor=SETUP)
            work.turn(run.organization_id, run.pk, seconds=60)
            held.append(run)
    return held


def due(world: World) -> Due:
    world.monkeypatch.setattr(sync_wake, "_wakers", [])
    for name in ("One", "Two"):
        _pull(world, name)

    def look() -> Any:
        with tenancy.of(world.acme):
            return sorted(Run.objects.values_list("directory__name", "state", "counts__create"))

    return Due(TABLE.format("identity_run"), look, [("One", "held", 2), ("Two", "held", 2)])


def expired(world: World) -> Due:
    second = _held(world)[1]
    return Due(ROW.format("identity_run", second.pk), lambda: world.count("sync.expire"), 2)


def forget_staged(world: World) -> Due:
    for run in _held(world):
        sync_runs.cancel(run, actor=SETUP)
    return Due("SELECT 1 FROM tasks_stagedperson FOR UPDATE", lambda: world.number(StagedPerson), 0)


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


def refresh_metadata(world: World) -> Due:
    connections.create(world.acme, actor=SETUP, name="By address", idp_metadata_url=world.site.url)
    world.site.document = idp_metadata(IDP, more_signing=(key_pair("next"),))
    later = "UPDATE saml_metadatawatch SET due_at = now() - interval '1 second'"
    return Due(TABLE.format("saml_idpcertificate"), lambda: world.number(IdpCertificate), 2, later)


def expiring_certificates(world: World) -> Due:
    connect(world.acme)
    world.behind_the_triggers(
        "UPDATE saml_idpcertificate SET not_after = now() + interval '5 days'; "
        "UPDATE saml_keypair SET not_after = now() + interval '5 days'"
    )
    hold = "SELECT 1 FROM saml_keypair FOR UPDATE"
    return Due(hold, lambda: world.count("connection.certificate_expiring"), 2)


def incomplete(world: World) -> Due:
    made = connect(world.acme)
    with past(days=1):
        for _ in range(2):
            Browser(made).begin()
    with tenancy.of(world.acme):
        second = Attempt.objects.order_by("expires_at").last()
    return Due(ROW.format("saml_attempt", second.pk), lambda: world.count("sign_in.incomplete"), 2)


def _sign_in(world: World) -> None:
    join(world.acme, "jane@acme.example")
    assert Browser(connect(world.acme)).sign_in(name_id="jane@acme.example").status_code == 303


def spent(world: World) -> Due:
    _sign_in(world)
    world.behind_the_triggers("UPDATE saml_spentassertion SET expires_at = now() - interval '1 day'")
    return Due("SELECT 1 FROM saml_spentassertion FOR UPDATE", lambda: world.number(SpentAssertion), 0)


def forget_details(world: World) -> Due:
    _sign_in(world)
    with tenancy.of(world.acme):
        sessions.end(Session.objects.select_related("member").get(), actor=SETUP, reason="signed out")
    world.behind_the_triggers("UPDATE saml_attempt SET finished_at = now() - interval '400 days'")

    def look() -> Any:
        return world.number(Attempt), world.number(Attempt, name_id_sealed__isnull=False)

    return Due("SELECT 1 FROM saml_attempt FOR UPDATE", look, (1, 0))


def watch_bursts(world: World) -> Due:
    scim = guarded(world.okta)
    ids = people(scim)
    with world.monkeypatch.context() as patched:
        patched.setattr(burst_guard, "_watch", lambda *_: None)
        for each in ids[:4]:
            scim.patch(f"/Users/{each}", DOWN)

    def look() -> Any:
        return world.number(Burst), world.number(Departure, burst__isnull=False), world.count("sync.hold")

    return Due(TABLE.format("scim_burst"), look, (1, 4, 1))


def carry_out_bursts(world: World) -> Due:
    scim = guarded(world.okta)
    ids = people(scim)[:6]
    for each in ids:
        scim.patch(f"/Users/{each}", DOWN)
    world.monkeypatch.setattr(bursts, "AT_ONCE_MAX", 2)
    bursts.decide(bursts_of(world.acme)[0], Burst.Decision.ROLL_BACK, actor=ADA)
    with tenancy.of(world.acme):
        last = Member.objects.filter(state="suspended").order_by("pk").last()

    def look() -> Any:
        done = world.number(Burst, done_at__isnull=False)
        return world.count("member.reactivate"), world.number(Member, state="suspended"), done

    return Due(ROW.format("identity_member", last.pk), look, (6, 0, 1))


def forget_requests(world: World) -> Due:
    for _ in range(2):
        Scim(world.okta).get("/Users")
    directories.change(world.okta.directory, settings={"request_log_days": 0}, actor=SETUP)
    return Due("SELECT 1 FROM scim_loggedrequest FOR UPDATE", lambda: world.number(LoggedRequest), 0)


def expiring_tokens(world: World) -> Due:
    with past(days=364):
        second = [tokens.issue(world.okta.directory, actor=SETUP)[0] for _ in range(2)][1]
    return Due(ROW.format("identity_token", second.pk), lambda: world.count("token.expiring"), 2)


CASES: dict[str, Callable[[World], Due]] = {
    "tasks.wake.sequence": sequence,
    "tasks.jobs.leavers.scheduled_ends": scheduled_ends,
    "tasks.jobs.leavers.grace_ends": grace_ends,
    "tasks.jobs.leavers.retention_ends": retention_ends,
    "tasks.jobs.credentials.expired_tokens": expired_tokens,
    "tasks.jobs.credentials.expired_sessions": expired_sessions,
    "tasks.jobs.credentials.expired_invitations": expired_invitations,
    "tasks.jobs.credentials.kept_answers": kept_answers,
    "tasks.jobs.reviews.remind": remind,
    "tasks.jobs.reviews.close_due": close_due,
    "tasks.jobs.domains.prove": prove,
    "tasks.jobs.directories.due": due,
    "tasks.jobs.directories.expired": expired,
    "tasks.jobs.directories.forget_staged": forget_staged,
    "tasks.jobs.mail.outgoing": outgoing,
    "tasks.jobs.connections.refresh_metadata": refresh_metadata,
    "tasks.jobs.connections.expiring_certificates": expiring_certificates,
    "tasks.jobs.sign_ins.incomplete": incomplete,
    "tasks.jobs.sign_ins.spent": spent,
    "tasks.jobs.sign_ins.forget_details": forget_details,
    "tasks.jobs.scim.watch_bursts": watch_bursts,
    "tasks.jobs.scim.carry_out_bursts": carry_out_bursts,
    "tasks.jobs.scim.forget_requests": forget_requests,
    "tasks.jobs.scim.expiring_tokens": expiring_tokens,
}
