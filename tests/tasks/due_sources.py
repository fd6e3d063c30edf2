"""What is due where people come from: directories that are read, connections, sign-ins, SCIM."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from demo.idp_logout import idp_metadata
from identity import (
    directories,
    pulls,
    sessions,
    sync_runs,
    sync_wake,
    tenancy,
)
from identity.models import Member, Membership, PendingMembership, Run, Session, Step, Stretch, StretchStep
from saml import connections
from saml.models import Attempt, IdpCertificate, MetadataFetch, SpentAssertion
from scim import burst_guard, bursts
from scim.models import Burst, Departure, LoggedRequest
from tasks.models import StagedPerson
from tasks.sync import work
from tests.conftest import SETUP, join
from tests.saml.documents import IDP, key_pair
from tests.saml.door import Browser, connect
from tests.scim.talk import Scim
from tests.scim_admin.leavers import ADA, DOWN, bursts_of, guarded, people
from tests.tasks.due import ROW, TABLE, Due, World, past


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


def forget_plans(world: World) -> Due:
    for run in _held(world):
        sync_runs.cancel(run, actor=SETUP)
    world.behind_the_triggers("UPDATE identity_run SET ended_at = now() - interval '91 days'")
    return Due("SELECT 1 FROM identity_step FOR UPDATE", lambda: world.number(Step), 0)


def refresh_metadata(world: World) -> Due:
    connections.create(
        world.acme, actor=SETUP, name="By address", idp_metadata_url=f"{world.site.root}/metadata"
    )
    world.site.document = idp_metadata(IDP, more_signing=(key_pair("next"),))
    later = "UPDATE saml_metadatawatch SET due_at = now() - interval '1 second'"
    return Due(TABLE.format("saml_idpcertificate"), lambda: world.number(IdpCertificate), 2, later)


def _wanted(world: World, minutes: int) -> None:
    with tenancy.of(world.acme):
        for _ in range(2):
            asked_at = timezone.now() - timedelta(minutes=minutes)
            MetadataFetch(
                organization=world.acme,
                url=f"{world.site.root}/metadata",
                asked_at=asked_at,
                asked_by="member Ada",
            ).save(force_insert=True)


def fetch_metadata(world: World) -> Due:
    _wanted(world, 0)

    def look() -> Any:
        loaded = {"answered_at__isnull": False, "document__isnull": False}
        return world.number(MetadataFetch, **loaded), len(world.site.asked)

    later = "UPDATE saml_metadatafetch SET taken_at = NULL WHERE answered_at IS NULL"
    return Due(TABLE.format("saml_metadatafetch"), look, (2, 2), later)


def forget_metadata(world: World) -> Due:
    _wanted(world, 20)
    return Due("SELECT 1 FROM saml_metadatafetch FOR UPDATE", lambda: world.number(MetadataFetch), 0)


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


def count_stretches(world: World) -> Due:
    people(Scim(world.okta))

    def look() -> Any:
        kept = Stretch.objects.filter(directory_id=world.okta.directory.pk).values_list("people", flat=True)
        with tenancy.of(world.acme):
            return world.number(StretchStep), sum(kept)

    return Due(TABLE.format("identity_stretch"), look, (0, 10))


def let_in_late(world: World) -> Due:
    scim = Scim(world.okta)
    group = scim.create_group("Ops", "late-0", "late-1")["id"]
    ids = [scim.create(f"late-{number}@example.org")["id"] for number in range(2)]
    for number, each in enumerate(ids):
        # As if each had been given their name while the group was written.
        world.behind_the_triggers(
            f"UPDATE identity_link SET external_id = 'late-{number}' WHERE member_id = '{each}'"  # noqa: S608
        )

    def look() -> Any:
        inside = world.number(Membership, group=group, ended_at__isnull=True)
        return inside, world.number(PendingMembership), world.count("group.member_add")

    return Due(ROW.format("identity_group", group), look, (2, 0, 2))


def forget_requests(world: World) -> Due:
    for _ in range(2):
        Scim(world.okta).get("/Users")
    directories.change(world.okta.directory, settings={"request_log_days": 0}, actor=SETUP)
    return Due("SELECT 1 FROM scim_loggedrequest FOR UPDATE", lambda: world.number(LoggedRequest), 0)


CASES = {
    "tasks.jobs.directories.due": due,
    "tasks.jobs.directories.expired": expired,
    "tasks.jobs.directories.forget_staged": forget_staged,
    "tasks.jobs.directories.forget_plans": forget_plans,
    "tasks.jobs.connections.refresh_metadata": refresh_metadata,
    "tasks.jobs.connections.fetch_metadata": fetch_metadata,
    "tasks.jobs.connections.forget_metadata": forget_metadata,
    "tasks.jobs.connections.expiring_certificates": expiring_certificates,
    "tasks.jobs.sign_ins.incomplete": incomplete,
    "tasks.jobs.sign_ins.spent": spent,
    "tasks.jobs.sign_ins.forget_details": forget_details,
    "tasks.jobs.scim.watch_bursts": watch_bursts,
    "tasks.jobs.scim.carry_out_bursts": carry_out_bursts,
    "tasks.jobs.scim.count_stretches": count_stretches,
    "tasks.jobs.scim.let_in_late": let_in_late,
    "tasks.jobs.scim.forget_requests": forget_requests,
}
