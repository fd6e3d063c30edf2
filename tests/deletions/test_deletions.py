"""Scheduling a deletion: by whom, of what, when, once; and taking it back in time."""

import threading
from datetime import timedelta

import psycopg
import pytest
from django.db import IntegrityError, connection, connections
from django.test import Client
from django.utils import timezone

from audit import sequencer
from audit.models import Ending
from audit.record import Actor
from identity import deletions, organizations, tenancy, tokens
from identity.errors import Conflict, Forbidden, Invalid, NotFound, NotSuspended
from identity.models import Organization, OutgoingMail
from tasks.jobs import deletions as job
from tests.api.client import recorded, token_of
from tests.conftest import SETUP
from tests.deletions.conftest import OPAL, carried_out, counted, fall_due, fresh, scheduled
from tests.saml.door import connect
from tests.scim.talk import Scim
from tests.waiting import PATIENCE

NAMELESS = Actor("operator", "environment", "operator token")


def now_of(organization) -> Organization:
    with tenancy.of(organization):
        return Organization.objects.get(pk=organization.pk)


def test_a_deletion_is_scheduled_and_both_sides_see_it(acme, ada, operators):
    deletion = scheduled(acme, reason="contract ended")
    days = deletion.delete_after - timezone.now()
    assert timedelta(days=29, hours=23) < days < timedelta(days=30)
    assert now_of(acme).delete_after == deletion.delete_after
    theirs, ours = (recorded(each, "organization.schedule_deletion") for each in (acme, operators))
    assert theirs[0]["data"] == {
        "deletion": str(deletion.pk), "delete_after": deletion.delete_after.isoformat(), "reason": "contract ended",
    }  # fmt: skip
    assert (ours[0]["subject"]["id"], "reason" in ours[0]["data"]) == (str(acme.pk), False)
    with tenancy.of(acme):
        letter = OutgoingMail.objects.get(kind="deletion_scheduled")
    assert letter.to == "ada@acme.example"
    assert f"{deletion.delete_after:%d %B %Y}" in letter.body


@pytest.mark.parametrize(
    ("values", "refusal", "told"),
    [
        ({"actor": Actor("member", "0197", "ada")}, Forbidden, "named operator"),
        ({"actor": NAMELESS}, Forbidden, "named operator"),
        ({"actor": Actor("job", "0197", "job")}, Forbidden, "named operator"),
        ({"confirm": "acme"}, Invalid, "exactly"),
        ({"confirm": ""}, Invalid, "exactly"),
        ({"reason": "x" * 501}, Invalid, "at most"),
        ({"delete_after": timezone.now() + timedelta(days=29)}, Invalid, "At least 30 days"),
        ({"delete_after": timezone.now() - timedelta(days=1)}, Invalid, "At least 30 days"),
        ({"delete_after": timezone.now() + timedelta(days=3700)}, Invalid, "at most"),
    ],
)  # fmt: skip
def test_what_is_wrong_schedules_nothing(acme, values, refusal, told):
    organizations.suspend(acme, actor=SETUP)
    with pytest.raises(refusal, match=told):
        deletions.schedule(acme, **({"confirm": "Acme", "actor": OPAL} | values))
    assert now_of(acme).delete_after is None
    assert recorded(acme, "organization.schedule_deletion") == []


def test_only_a_suspended_organization_and_never_the_operating_one(acme, operators):
    with pytest.raises(NotSuspended, match="Suspend the organization first"):
        deletions.schedule(acme, confirm="Acme", actor=OPAL)
    with pytest.raises(Invalid, match="operating organization"):
        deletions.schedule(operators, confirm="Operators", actor=OPAL)


def test_twice_is_refused_and_cancelled_it_can_be_scheduled_anew(acme):
    first = scheduled(acme)
    with pytest.raises(Conflict, match="scheduled already"):
        deletions.schedule(acme, confirm="Acme", actor=OPAL)
    assert deletions.cancel(acme, actor=NAMELESS).state == "cancelled"
    with pytest.raises(NotFound):
        deletions.cancel(acme, actor=OPAL)
    second = deletions.schedule(acme, confirm="Acme", actor=OPAL)
    assert (fresh(first).state, fresh(second).state) == ("cancelled", "scheduled")


def test_two_operators_at_once_schedule_one(acme):
    organizations.suspend(acme, actor=SETUP)
    together, outcomes = threading.Barrier(2), []

    def schedule():
        together.wait(PATIENCE)
        try:
            outcomes.append(deletions.schedule(acme, confirm="Acme", actor=OPAL).state)
        except Conflict:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=schedule) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(outcomes) == ["refused", "scheduled"]
    assert len(recorded(acme, "organization.schedule_deletion")) == 1


def test_cancelled_in_time_nothing_happens(acme, ada, operators, eraser):
    deletion = scheduled(acme)
    deletions.cancel(acme, actor=OPAL)
    before = counted(eraser, acme)
    fall_due(eraser, deletion)
    assert job.carry_out() == 0
    assert counted(eraser, acme) == before
    assert now_of(acme).delete_after is None
    for each in (acme, operators):
        assert len(recorded(each, "organization.cancel_deletion")) == 1
    with tenancy.of(acme):
        letters = dict(OutgoingMail.objects.values_list("kind", "state"))
    assert letters == {"deletion_scheduled": "cancelled", "deletion_cancelled": "waiting"}


def test_a_member_cancels_nothing(acme):
    scheduled(acme)
    with pytest.raises(Forbidden):
        deletions.cancel(acme, actor=Actor("member", "0197", "ada"))


def test_before_its_day_nothing_happens(acme, eraser):
    deletion = scheduled(acme)
    before = counted(eraser, acme)
    assert job.carry_out() == 0
    assert not deletions.begin_if_due(deletion, actor=SETUP)
    assert (fresh(deletion).state, counted(eraser, acme)) == ("scheduled", before)


def test_an_organization_that_was_resumed_is_not_deleted_then_or_ever(acme, operators, eraser):
    deletion = scheduled(acme)
    organizations.resume(acme, actor=SETUP)
    fall_due(eraser, deletion)
    assert job.carry_out() == 0
    assert (fresh(deletion).state, now_of(acme).delete_after) == ("lapsed", None)
    organizations.suspend(acme, actor=SETUP)
    assert job.carry_out() == 0
    assert len(recorded(operators, "organization.lapse_deletion")) == 1


def test_once_begun_it_is_neither_cancelled_nor_resumed(acme, operators, due):
    assert deletions.begin_if_due(due, actor=SETUP)
    assert not deletions.begin_if_due(due, actor=SETUP)
    for each in (acme, operators):
        assert len(recorded(each, "organization.begin_deletion")) == 1
    with pytest.raises(Conflict, match="has begun"):
        deletions.cancel(acme, actor=OPAL)
    with pytest.raises(Conflict, match="nobody comes back"):
        organizations.resume(acme, actor=SETUP)


def test_postgresql_holds_the_way_whoever_writes(acme, globex, eraser):
    """Neither the application's role nor a superuser begins one sooner, and a record ends only with its organization."""
    deletion = scheduled(acme)
    sequencer.run()
    refused = psycopg.errors.RestrictViolation
    for change in (
        "delete_after = now() - interval '1 second'",
        "state = 'deleting'",
        "state = 'ending'",
        "state = 'done', proof = '{}'",
        "organization_id = gen_random_uuid()",
    ):
        with pytest.raises(refused, match="Not the way"):
            eraser.execute(f"UPDATE identity_deletion SET {change}")  # noqa: S608 - ours
        with (
            pytest.raises(IntegrityError, match="Not the way"),
            tenancy.of(acme),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE identity_deletion SET {change}")  # noqa: S608 - ours
    for statement in (
        "DELETE FROM identity_deletion",
        "TRUNCATE identity_deletion",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_position",
        "TRUNCATE audit_entry",
        "SELECT audit_forget(id, 10) FROM identity_organization",
    ):
        with pytest.raises(refused):
            eraser.execute(statement)
    soon = (
        "INSERT INTO identity_deletion (id, organization_id, name, slug, state, asked_by, asked_at, delete_after, reason, rows,"
        " record_seq, record_hash, proof_sha256) SELECT gen_random_uuid(), id, '', '', %s, '{}', now(), now() + %s::interval, '', '{}',"
        " 0, '', '' FROM identity_organization WHERE slug = %s"
    )
    for values in (
        ("scheduled", "1 hour", "acme"),
        ("deleting", "9 days", "acme"),
        ("scheduled", "9 days", "globex"),
    ):
        with pytest.raises(refused, match="Not the way"):
            eraser.execute(soon, values)
    with pytest.raises(Exception, match="permission denied"), tenancy.of(acme):
        Ending.objects.create(organization_id=acme.pk, transaction_id="1")
    assert fresh(deletion).state == "scheduled"


def test_afterwards_its_doors_are_as_if_it_had_never_been(acme, ada, okta, opal, eraser):
    door = connect(acme)
    secret = tokens.issue(ada, actor=SETUP, scopes=["members.read"])[1]
    carried_out(fall_due(eraser, scheduled(acme)))
    ghost = "rcs_" + "0" * 12 + "_" + "x" * 43
    assert Scim(okta).get("/Users").status == Scim(ghost).get("/Users").status == 401
    api = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert (api.status_code, api.json()["code"]) == (401, "invalid_token")
    for name in ("metadata", "login"):
        assert Client().get(f"/saml2/{door.pk}/{name}").status_code == 404
    assert token_of(opal).get("/organizations/acme").status_code == 404
    assert token_of(opal).get(f"/organizations/{acme.pk}/members").status_code == 404
    # The short name is free, for whoever comes or comes back; nothing of the former one is there.
    again = organizations.create(name="Acme", slug="acme", access_model="portfolio_asset", actor=SETUP)
    assert again.pk != acme.pk
    assert [row["event"] for row in recorded(again)] == ["organization.create"]
