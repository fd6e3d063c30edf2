"""What the clock does for SCIM: forget, warn, count again, carry on."""

from datetime import timedelta

from audit.models import Entry
from identity import directories, members, organizations, tenancy, tokens
from identity.jobs import forget
from identity.models import Member, Token
from scim import burst_guard, bursts
from scim.models import Burst, Departure, LoggedRequest
from tasks.jobs import credentials, leavers
from tasks.jobs import scim as jobs
from tasks.timetable import TIMETABLE
from tests.conftest import SETUP, later, states
from tests.scim.talk import Scim, entries
from tests.scim_admin.leavers import ADA, DOWN, bursts_of, guarded, people
from tests.statements import Statements


def kept(organization):
    with tenancy.of(organization):
        return LoggedRequest.objects.count()


def test_requests_are_forgotten_after_the_directorys_own_time(acme, globex, okta, entra):
    directories.change(entra.directory, settings={"request_log_days": 5}, actor=SETUP)
    Scim(okta).get("/Users")
    Scim(entra).get("/Users")
    assert (jobs.forget_requests(), kept(acme)) == (0, 2)
    with later(days=6):
        assert (jobs.forget_requests(), kept(acme)) == (1, 1)
    with later(days=31):
        assert (jobs.forget_requests(), kept(acme)) == (1, 0)


def test_directories_with_nothing_to_forget_cost_no_statement(acme, okta):
    Scim(okta).get("/Users")
    counted = []
    for number in (1, 6):
        for place in range(number):
            directories.create(acme, name=f"More {number} {place}", idp="okta", actor=SETUP)
        forget()  # that it ran a moment ago, and is to be noted no more often
        with Statements() as noted:
            assert jobs.forget_requests() == 0
        counted.append(len(noted.statements))
    assert counted[0] == counted[1]


def test_switching_the_log_off_forgets_what_was_kept(acme, okta):
    Scim(okta).get("/Users")
    directories.change(okta.directory, settings={"request_log_days": 0}, actor=SETUP)
    assert (jobs.forget_requests(), kept(acme)) == (1, 0)


def test_more_than_a_transaction_forgets_are_forgotten_in_one_run_and_the_rest_in_the_next(
    acme, okta, monkeypatch
):
    monkeypatch.setattr(jobs, "REQUESTS_AT_ONCE", 2)
    monkeypatch.setattr(jobs, "REQUESTS_TURNS", 3)
    for _ in range(8):
        Scim(okta).get("/Users")
    with later(days=31):
        assert (jobs.forget_requests(), kept(acme)) == (6, 2)
        assert (jobs.forget_requests(), kept(acme)) == (2, 0)


def test_a_token_about_to_expire_is_told_of_once_a_stage(acme, okta):
    told = []
    for days in (0, 334, 336, 350, 359, 363.5, 364.5):
        with later(days=days):
            told.append((credentials.expiring_tokens(), credentials.expiring_tokens()))
    assert told == [(0, 0), (0, 0), (1, 0), (0, 0), (1, 0), (0, 0), (1, 0)]
    stages = entries(acme, event="token.expiring")
    assert [entry.reason for entry in stages] == ["30_days", "7_days", "1_days"]


def test_a_revoked_token_is_not_spoken_of(acme, okta):
    tokens.revoke(tokens.find(okta.secret).token, actor=SETUP)
    with later(days=364):
        assert credentials.expiring_tokens() == 0


def test_a_token_is_exchanged_without_a_gap(acme, okta):
    old = tokens.find(okta.secret).token
    second = tokens.rotate(old, overlap=timedelta(days=1), actor=SETUP)[1]
    assert [Scim(each).get("/Users").status for each in (okta.secret, second)] == [200, 200]
    with later(days=2):
        assert [Scim(each).get("/Users").status for each in (okta.secret, second)] == [401, 200]
        assert (credentials.expired_tokens(), credentials.expired_tokens()) == (1, 0)
    with tenancy.of(acme):
        assert Token.objects.filter(directory=okta.directory, revoked_at=None).count() == 1


def test_departures_that_could_not_see_each_other_are_counted_by_the_job(acme, okta, monkeypatch):
    scim = guarded(okta)
    ids = people(scim)
    monkeypatch.setattr(burst_guard, "_watch", lambda *_: None)
    for each in ids[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    monkeypatch.undo()
    assert bursts_of(acme) == []
    assert (jobs.watch_bursts(), jobs.watch_bursts()) == (1, 0)
    with tenancy.of(acme):
        assert Departure.objects.filter(burst=bursts_of(acme)[0]).count() == 4
    assert [entry.actor_id for entry in entries(acme, event="sync.hold")] == ["watch_bursts"]


def test_what_a_decision_leaves_undone_is_done_by_the_job(acme, okta, monkeypatch):
    scim = guarded(okta)
    for each in people(scim)[:6]:
        scim.patch(f"/Users/{each}", DOWN)
    monkeypatch.setattr(bursts, "AT_ONCE_MAX", 2)
    burst = bursts.decide(bursts_of(acme)[0], Burst.Decision.ROLL_BACK, actor=ADA)
    assert burst.done_at is None
    assert list(states(acme).values()).count("suspended") == 4
    assert (jobs.carry_out_bursts(), jobs.carry_out_bursts()) == (4, 0)
    assert set(states(acme).values()) == {"active"}
    assert bursts_of(acme)[0].done_at
    with tenancy.of(acme):
        by = Entry.objects.filter(event="member.reactivate").values_list("actor_id", flat=True)
        assert set(by) == {ADA.id}


def test_nobody_of_a_held_burst_is_offboarded_by_the_end_of_grace(acme, okta):
    organizations.change(acme, grace_days=0, actor=SETUP)
    scim = guarded(okta)
    ids = people(scim)
    for each in ids[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    with tenancy.of(acme):
        other = Member.objects.get(pk=ids[9])
    members.suspend(other, actor=SETUP)
    with later(days=1):
        assert leavers.grace_ends() == 1
        bursts.decide(bursts_of(acme)[0], Burst.Decision.CONFIRM, actor=ADA)
        assert leavers.grace_ends() == 4


def test_every_job_is_on_the_timetable():
    assert {job.job for job in TIMETABLE} >= {
        f"tasks.jobs.scim.{name}" for name in ("watch_bursts", "carry_out_bursts", "forget_requests")
    }
