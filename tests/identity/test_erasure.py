"""Erasing a person: their name is nowhere any more, and the record still proves what it kept."""

from uuid import UUID

import pytest
from django.db import DatabaseError, connection

from audit import sequencer
from audit.json_text import canonical, commitment
from audit.models import Detail, Entry, Position
from identity import (
    erasure,
    forgetting,
    grants,
    groups,
    invitations,
    links,
    members,
    organizations,
    resources,
    second_factors,
    sessions,
    tenancy,
    tokens,
)
from identity.errors import Invalid, Offboarded
from identity.grants import GrantSpec
from identity.models import Link, Member, Receipt
from tasks.jobs import leavers as job
from tests.api.client import token_of
from tests.authenticator import code_of
from tests.conftest import SETUP, join, later


@pytest.fixture
def lived(acme, jane, okta):
    """Let jane live through everything that leaves traces, and leave."""
    organizations.change(acme, email_unique=True, actor=SETUP)
    offer = second_factors.offer(jane, "Rollcall")
    second_factors.enrol(jane, offer.sealed, code_of(offer.secret), actor=SETUP)
    members.set_password(jane, "four unrelated words indeed", actor=SETUP)
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
    groups.create(acme, display_name="Traders", members=[str(jane.pk)], actor=SETUP)
    sessions.start(jane, actor=SETUP)
    tokens.issue(jane, scopes=["members.read"], name="jane's laptop", actor=SETUP)
    invitations.create(acme, jane.email, actor=SETUP)
    with tenancy.change(acme):
        members.change(jane, user_name="jane.smith", profile={**jane.profile, "title": "CTO"}, actor=SETUP)
        links.make(jane, okta.directory, "jane-at-okta")
    members.offboard(jane, actor=SETUP, reason="jane left")
    return jane


def everything(eraser):
    """Give the text of each row of each table, by table."""
    names = [row[0] for row in eraser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    return {
        name: "\n".join(row[0] for row in eraser.execute(f'SELECT t::text FROM "{name}" t')).lower()  # noqa: S608
        for name in names
    }


def test_the_name_is_nowhere_any_more(acme, lived, eraser):
    before = {name for name, text in everything(eraser).items() if "jane" in text}
    assert before >= {
        "identity_member",
        "audit_detail",
        "identity_receipt",
        "identity_invitation",
        "identity_outgoingmail",
    }
    told = erasure.erase(lived, actor=SETUP, reason="on request")
    assert told.details > 5
    after = everything(eraser)
    assert [name for name, text in after.items() if "jane" in text] == []
    assert (after["identity_secondfactor"], after["identity_recoverycode"]) == ("", "")
    with tenancy.of(acme):
        assert not Member.objects.get(pk=lived.pk).has_usable_password()
        assert Link.objects.get(member=lived).tombstoned_at


def test_the_record_keeps_every_entry_and_what_is_kept_still_proves(acme, ada, lived):
    sequencer.run()
    with tenancy.of(acme):
        before = list(Entry.objects.order_by("id").values_list("id", "event", "commitment"))
        receipt = Receipt.objects.get()
    erasure.erase(lived, actor=SETUP)
    sequencer.run()
    with tenancy.of(acme):
        entries = list(Entry.objects.order_by("id").values_list("id", "event", "commitment"))
        assert entries[: len(before)] == before
        assert [event for _, event, _ in entries[len(before) :]] == ["member.erase"]
        assert Position.objects.count() == len(entries)
        kept = {detail.pk: detail for detail in Detail.objects.all()}
        assert 0 < len(kept) < len(entries)
        for entry_id, _, proof in entries:
            if entry_id in kept:
                detail = kept[entry_id]
                assert commitment(bytes(detail.salt), canonical(detail.body)) == bytes(proof)
        after = Receipt.objects.get()
    assert (after.digest, after.body) == (receipt.digest, None)
    lines = token_of(ada).get("/organizations/acme/entries", subject=str(lived.pk)).json()["items"]
    assert lines[0]["event"] == "member.create"
    assert lines[0]["changes"] == {}


def test_somebody_elses_story_stays(acme, ada, lived):
    erasure.erase(lived, actor=SETUP)
    with tenancy.of(acme):
        assert Member.objects.get(pk=ada.pk).user_name == "ada@acme.example"
        entry = Entry.objects.get(event="member.create", subject_id=str(ada.pk))
        assert Detail.objects.get(pk=entry.pk).body["subject"] == "ada@acme.example"


def test_only_who_is_out_is_erased_once_and_never_comes_back(acme, jane):
    with pytest.raises(Invalid):
        erasure.erase(jane, actor=SETUP)
    members.offboard(jane, actor=SETUP)
    assert erasure.erase(jane, actor=SETUP).already is False
    assert erasure.erase(jane, actor=SETUP).already is True
    with pytest.raises(Offboarded):
        members.reinstate(jane, with_access=True, actor=SETUP)
    assert join(acme, "jane@acme.example").pk != jane.pk


def test_nobody_writes_anew_what_was_forgotten(acme, ada, lived):
    erasure.erase(lived, actor=SETUP)
    body = {"user_name": "jane@acme.example", "email": "jane@acme.example"}
    answer = token_of(ada).patch(f"/organizations/acme/members/{lived.pk}", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "offboarded")
    with tenancy.of(acme):
        assert Member.objects.get(pk=lived.pk).user_name == f"erased-{lived.pk}"


def test_the_record_of_nobody_can_be_deleted_without_an_erasure(acme, jane):
    with pytest.raises(DatabaseError), tenancy.of(acme):
        Detail.objects.all().delete()


def test_whoever_keeps_something_above_is_told(acme, lived):
    told = []

    def keeper(person, room):
        told.append((person.member_id, person.user_name, person.email, room > 0))
        return 0

    forgetting.on_erase(keeper)
    try:
        erasure.erase(lived, actor=SETUP)
    finally:
        forgetting._forgetters.remove(keeper)
    assert told == [(lived.pk, "jane.smith", "jane@acme.example", True)]


@pytest.mark.parametrize(("retention_days", "days", "erased"), [(0, 4000, 0), (30, 29, 0), (30, 31, 1)])
def test_leavers_are_erased_after_the_organizations_retention(acme, jane, retention_days, days, erased):
    organizations.change(acme, retention_days=retention_days, actor=SETUP)
    members.offboard(jane, actor=SETUP)
    join(acme, "stays")
    with later(days=days):
        # The verb decides again, whatever the job found.
        assert erased or not erasure.erase_if_due(jane, actor=SETUP)
        assert job.retention_ends() == erased
        assert job.retention_ends() == 0


def test_one_run_erases_a_few_of_each_organization(acme, globex, monkeypatch):
    monkeypatch.setattr(job, "ERASED_PER_RUN_MAX", 2)
    for organization in (acme, globex):
        organizations.change(organization, retention_days=1, actor=SETUP)
        for number in range(3):
            members.offboard(join(organization, f"p{number}"), actor=SETUP)
    with later(days=2):
        assert [job.retention_ends() for _ in range(3)] == [4, 2, 0]


def test_erasing_through_the_api_needs_both_rights(acme, ada, gus, lived):
    path = f"/organizations/acme/members/{lived.pk}/erase"
    assert token_of(gus).post(path, {}).status_code == 404
    assert token_of(ada, "members.write").post(path, {}).status_code == 403
    assert token_of(ada).post(f"/organizations/acme/members/{ada.pk}/erase", {}).json()["code"] == "invalid"
    assert token_of(ada).post(path, {"reason": "on request"}).json()["already"] is False
    assert (
        token_of(ada).get(f"/organizations/acme/members/{lived.pk}").json()["display_name"] == "Erased person"
    )


@pytest.mark.parametrize(
    ("question", "values"),
    [
        ("SELECT audit_erase_about(%s, ARRAY[%s], %s, 10)", (str(UUID(int=0)),)),
        ("SELECT audit_erase_naming(%s, %s, 10)", ()),
    ],
)
def test_the_functions_that_forget_work_for_the_organization_of_the_transaction_alone(
    acme, globex, jane, question, values
):
    sessions.start(jane, actor=SETUP)
    for organization, erasing, refusal in (
        (globex, "on", "does not work for organization"),
        (acme, "", "append-only"),
    ):
        with pytest.raises(DatabaseError, match=refusal), tenancy.of(organization):
            connection.cursor().execute("SELECT set_config('rollcall.erasing', %s, true)", [erasing])
            connection.cursor().execute(question, [acme.pk, str(jane.pk), *values])
    with tenancy.of(acme):
        assert Detail.objects.filter(body__subject=jane.user_name).exists()


def test_what_names_the_member_beside_its_subject_is_forgotten_by_its_index(acme, jane, eraser):
    sessions.start(jane, actor=SETUP)
    members.offboard(jane, actor=SETUP)
    with tenancy.of(acme):
        about = Entry.objects.filter(event="session.start").values_list("pk", flat=True).get()
    # Nobody finds it by its subject any more.
    with eraser.transaction():
        eraser.execute("SET LOCAL session_replication_role = replica")
        eraser.execute("DELETE FROM identity_session")
    erasure.erase(jane, actor=SETUP)
    with tenancy.of(acme):
        assert not Detail.objects.filter(pk=about).exists()
