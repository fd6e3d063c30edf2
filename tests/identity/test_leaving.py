"""People leaving: receipts that the record proves, hand-over, lists, hours of the organization, and the last administrator."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from audit.models import Detail, Entry
from audit.record import Actor
from identity import (
    deadlines,
    exits,
    grants,
    leaving,
    members,
    organizations,
    receipts,
    resources,
    sessions,
    tenancy,
    tokens,
)
from identity.errors import Invalid, NotFound
from identity.grants import GrantSpec
from identity.models import ActivePeriod, OutgoingMail, Receipt, Session, Token
from tasks.jobs import leavers as job
from tests.conftest import SETUP, again, join, later
from tests.statements import Statements

SCIM = Actor("directory", "d1", "Okta")


def test_whose_day_was_put_off_meanwhile_or_who_was_suspended_anew_stays(acme, jane):
    members.suspend(jane, actor=SETUP)
    deadlines.schedule_end(jane, timezone.now() + timedelta(days=1), actor=SETUP)
    assert deadlines.offboard_due(acme.pk, [jane.pk], actor=SETUP) == 0
    assert deadlines.offboard_after_grace(acme.pk, [jane.pk], actor=SETUP) == 0


@pytest.mark.parametrize("way", ["suspend", "offboard"])
def test_what_had_ended_before_keeps_its_end(acme, jane, way):
    session, token = sessions.start(jane, actor=SETUP)[0], tokens.issue(jane, scopes=[], actor=SETUP)[0]
    sessions.end(session, actor=SETUP, reason="signed_out")
    tokens.revoke(token, actor=SETUP, reason="lost")
    members.suspend(jane, actor=SETUP)
    members.reactivate(jane, actor=SETUP)

    def ended():
        with tenancy.of(acme):
            return (
                [
                    *Session.objects.values_list("ended_at", "end_reason"),
                    *Token.objects.values_list("revoked_at"),
                ],
                list(ActivePeriod.objects.order_by("started_at").values_list("ended_at", flat=True)),
            )

    credentials, (period, now) = ended()
    assert now is None
    getattr(members, way)(jane, actor=SETUP)
    assert ended()[0] == credentials
    assert ended()[1][0] == period


def test_the_receipt_is_kept_and_the_record_holds_its_hash(acme, jane):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
    session, _ = sessions.start(jane, actor=SETUP)
    given = members.offboard(jane, actor=SETUP, reason="left")
    (kept,) = receipts.of_member(jane)
    assert kept.body["ended"]["sessions"] == [str(session.pk)]
    assert kept.body["ended"]["grants"] == [str(given.grants[0])]
    assert (kept.body["user_name"], kept.body["reason"]) == ("jane@acme.example", "left")
    with tenancy.of(acme):
        entry = Entry.objects.get(event="member.offboard")
        proved = Detail.objects.get(pk=entry.pk).body["data"]["receipt"]
    assert proved == given.digest == kept.digest == receipts.digest(kept.body)
    assert receipts.digest({**kept.body, "reason": "dismissed"}) != proved
    members.offboard(jane, actor=SETUP)
    assert len(receipts.of_member(jane)) == 1


def test_time_to_no_access_counts_from_the_signal(acme):
    assert receipts.times(acme) == receipts.Times(0, None, None, None)
    for number, minutes in enumerate((1, 2, 3)):
        member = join(acme, f"p{number}")
        deadlines.schedule_end(member, timezone.now() + timedelta(hours=number + 1), actor=SETUP)
        with later(hours=number + 1, minutes=minutes):
            assert job.scheduled_ends() == 1
    told = receipts.times(acme)
    assert told.count == 3
    assert told.p50_seconds == pytest.approx(120, abs=5)
    assert told.p95_seconds == pytest.approx(174, abs=5)
    assert receipts.times(acme, timezone.now() + timedelta(days=1)).count == 0


def test_a_leavers_service_tokens_are_handed_over_and_the_rest_ends(acme, ada, jane):
    # What she had before is worth nothing since; what she is given from now on is.
    members.suspend(ada, actor=SETUP)
    ada = members.reactivate(ada, actor=SETUP)
    revoked, _ = tokens.issue(jane, scopes=[], service=True, actor=SETUP)
    tokens.revoke(revoked, actor=SETUP)
    _, personal = tokens.issue(jane, scopes=["members.read"], actor=SETUP)
    service, secret = tokens.issue(jane, scopes=["members.read"], service=True, actor=SETUP)
    (left,) = leaving.offboard(acme, [jane.pk], hand_over_to=ada.pk, actor=SETUP)
    assert left.handed_over == (service.pk,)
    assert tokens.find(personal).refusal == "revoked"
    found = tokens.find(secret)
    assert (found.refusal, found.token.member.pk) == ("", ada.pk)
    with tenancy.of(acme):
        assert Entry.objects.filter(event="token.hand_over").count() == 1
    members.suspend(ada, actor=SETUP)
    assert tokens.find(secret).refusal == "revoked", "the new owner answers for it"


def test_without_an_heir_service_tokens_end_too(acme, jane):
    _, secret = tokens.issue(jane, scopes=[], service=True, actor=SETUP)
    leaving.offboard(acme, [jane.pk], actor=SETUP)
    assert tokens.find(secret).refusal == "revoked"


def test_nobody_hands_over_to_strangers_the_suspended_or_other_leavers(acme, ada, jane, gus):
    tokens.issue(jane, scopes=[], service=True, actor=SETUP)
    out = members.suspend(join(acme, "out"), actor=SETUP)
    for heir in (gus.pk, out.pk, jane.pk):
        with pytest.raises(Invalid) as refused:
            leaving.offboard(acme, [jane.pk], hand_over_to=heir, actor=SETUP)
        assert refused.value.field == "hand_over_to"
    with tenancy.of(acme):
        jane.refresh_from_db()
    assert jane.state == "active", "all or nothing"


def test_a_list_tells_who_is_meant_and_what_would_end(acme, ada, jane):
    join(acme, "twin1", emails=[{"value": "twin@acme.example"}])
    join(acme, "twin2", emails=[{"value": "twin@acme.example"}])
    gone = join(acme, "gone")
    members.offboard(gone, actor=SETUP)
    tokens.issue(jane, scopes=[], service=True, actor=SETUP)
    told = leaving.preview(
        acme, [jane.email.upper(), str(ada.pk), "gone", "twin@acme.example", "nobody", "gus@globex.example"]
    )
    assert [(line.member.user_name if line.member else None, line.problem) for line in told] == [
        ("jane@acme.example", ""),
        ("ada@acme.example", ""),
        ("gone", "offboarded"),
        (None, "ambiguous"),
        (None, "unknown"),
        (None, "unknown"),
    ]
    assert told[0].ends["tokens"] == 1
    assert len(told[0].service_tokens) == 1
    assert (told[0].last_administrator, told[1].last_administrator) == (False, True)


def test_a_list_goes_whole_or_not_at_all(acme, ada, jane, gus):
    with pytest.raises(NotFound):
        leaving.offboard(acme, [jane.pk, gus.pk], actor=SETUP)
    with tenancy.of(acme):
        jane.refresh_from_db()
    assert jane.state == "active"
    outcome = leaving.offboard(acme, [jane.pk, ada.pk], actor=SETUP, reason="closing")
    assert all(left.receipt for left in outcome)
    with tenancy.of(acme):
        assert Receipt.objects.count() == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-03-31T18:00", datetime(2027, 3, 31, 16, tzinfo=UTC)),
        ("2027-01-15T18:00", datetime(2027, 1, 15, 17, tzinfo=UTC)),
        ("2027-10-31T02:30", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        ("2027-03-31T18:00:00+00:00", datetime(2027, 3, 31, 18, tzinfo=UTC)),
    ],
)
def test_an_hour_is_an_hour_of_the_organization(acme, text, expected):
    berlin = organizations.change(acme, time_zone="Europe/Berlin", actor=SETUP)
    assert leaving.moment(berlin, text) == expected


def test_an_hour_that_does_not_exist_is_refused(acme):
    berlin = organizations.change(acme, time_zone="Europe/Berlin", actor=SETUP)
    for text in ("2027-03-28T02:30", "tomorrow", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00"):
        with pytest.raises(Invalid):
            leaving.moment(berlin, text)
    with pytest.raises(Invalid):
        organizations.change(acme, time_zone="Mars/Olympus", actor=SETUP)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_an_end_that_no_calendar_holds_is_refused(acme, jane, zone):
    there = organizations.change(acme, time_zone=zone, actor=SETUP)
    for text in ("9999-12-31T23:59", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59+00:00"):
        with pytest.raises(Invalid, match="before the year 9999"):
            leaving.offboard(acme, [jane.pk], at=leaving.moment(there, text), actor=SETUP)
    assert again(jane).ends_at is None


def test_people_leave_when_their_hour_comes(acme, jane):
    at = timezone.now() + timedelta(hours=3)
    (left,) = leaving.offboard(acme, [jane.pk], at=at, actor=SETUP)
    assert (left.receipt, left.ends_at) == (None, at)
    assert job.scheduled_ends() == 0
    with time_machine.travel(at + timedelta(seconds=1), tick=False):
        assert job.scheduled_ends() == 1
    assert len(receipts.of_member(jane)) == 1
    with pytest.raises(Invalid):
        leaving.offboard(acme, [jane.pk], at=timezone.now() - timedelta(hours=1), actor=SETUP)


@pytest.mark.parametrize("leave", [members.suspend, members.offboard])
def test_the_last_administrators_departure_is_accepted_and_alarms_the_operator(acme, ada, jane, opal, leave):
    leave(ada, actor=SCIM)
    with tenancy.of(acme):
        entry = Entry.objects.get(event="organization.without_administrator")
        assert not exits.preview(ada)["sessions"]
    assert (entry.actor_kind, entry.subject_id) == ("directory", str(acme.pk))
    with tenancy.of(opal.organization_id):
        (letter,) = OutgoingMail.objects.all()
    assert (letter.to, letter.subject) == ("opal@rollcall.example", "Acme has no administrator")


def test_with_another_administrator_there_is_no_alarm(acme, ada, opal):
    join(acme, "second@acme.example", role="organization_admin")
    members.offboard(ada, actor=SCIM)
    with tenancy.of(acme):
        assert not Entry.objects.filter(event="organization.without_administrator").exists()
    with tenancy.of(opal.organization_id):
        assert not OutgoingMail.objects.exists()


def test_a_long_list_is_shown_by_as_many_statements_as_a_short_one(acme, jane):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    people = [join(acme, f"p{number}@acme.example") for number in range(30)]
    for member in people:
        grants.replace(member, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
        sessions.start(member, actor=SETUP)

    def shown(names):
        with Statements() as asked:
            found = leaving.preview(acme, names)
        return found, len(asked.statements)

    few, some = shown([people[0].user_name, jane.user_name])
    all_of_them, many = shown(
        [*(member.user_name.upper() for member in people[:15]), *(str(member.pk) for member in people[15:])]
    )
    assert some == many
    assert [line.member.pk for line in all_of_them] == [member.pk for member in people]
    assert [line.ends for line in all_of_them] == [few[0].ends] * 30
    assert few[0].ends == {
        "sessions": 1, "tokens": 0, "grants": 1, "roles": 0, "invitations": 0, "groups": 0,
    }  # fmt: skip
