"""Offboarding a list in the console, receipts, and the time that it took."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from identity import deadlines, members, organizations, receipts, roles, tenancy, tokens
from identity.models import Member, Receipt, Token
from tests.conftest import SETUP, again, join, later
from tests.console.addresses import address
from tests.console.conftest import entries, visit

PATH = "/o/acme/leavers/new"


@pytest.fixture
def kim(acme) -> Member:
    """Give somebody with a service token."""
    member = join(acme, "kim@acme.example", displayName="Kim Kay")
    tokens.issue(member, actor=SETUP, name="Nightly export", service=True)
    return member


def offboard(client, *people: Member, **more: object):
    values = {
        "step": "offboard", "when": "now", "member": [str(each.pk) for each in people],
        "name": [each.user_name for each in people],
    }  # fmt: skip
    return client.post(PATH, values | more, follow=True)


def test_the_preview_tells_whom_a_list_means_and_changes_nothing(acme, ada, jane, kim, things):
    text = "Jane Jones <jane@acme.example>; kim@acme.example\nnobody@acme.example\nacme.gone@example.com"
    answer = visit(ada).post(PATH, {"text": text})
    html = answer.content.decode()
    assert answer.status_code == 200
    for said in (
        "2 people would leave", "Kim Kay", "Nightly export", "nobody@acme.example: nobody here has this name",
        "acme.gone@example.com: offboarded already",
    ):  # fmt: skip
        assert said in html
    assert again(jane).is_active
    assert again(kim).is_active


def test_whoever_is_named_twice_is_one_person_with_one_box(acme, ada, jane):
    text = f"jane@acme.example\nJANE@acme.example\n{jane.pk}"
    html = visit(ada).post(PATH, {"text": text}).content.decode()
    assert "1 person would leave" in html
    assert html.count(f'name="member" value="{jane.pk}"') == 1


def test_what_is_wrong_with_a_file_is_said_beside_it(acme, ada):
    for content in ("é".encode("latin-1"), "name;email\nx".encode("utf-16"), b"name,email\nJane\n"):
        answer = visit(ada).post(PATH, {"text": "", "file": SimpleUploadedFile("leavers.csv", content)})
        assert answer.status_code == 400
        assert 'id="id_file_error"' in answer.content.decode()


def test_a_file_serves_as_well_as_a_paste(acme, ada, jane):
    file = SimpleUploadedFile(
        "leavers.csv", "\ufeffname,email\r\nJane,jane@acme.example\r\n".encode(), "text/csv"
    )
    answer = visit(ada).post(PATH, {"text": "", "file": file})
    assert "1 person would leave" in answer.content.decode()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"text": " ,\n;"},
        {"text": "a\0b"},
        {"text": "\n".join(f"p{number}@acme.example" for number in range(201))},
        {"file": SimpleUploadedFile("x.bin", b"\xff\xfe\x00")},
    ],
)
def test_a_list_that_is_none_is_refused_in_a_sentence(acme, ada, values):
    answer = visit(ada).post(PATH, values)
    assert answer.status_code == 400
    assert b'class="rc-error"' in answer.content


def test_those_that_stay_checked_leave_and_the_others_stay(acme, ada, jane, kim):
    answer = offboard(visit(ada), jane, reason="the site closes")
    assert answer.redirect_chain == [("/o/acme/leavers/", 303)]
    html = answer.content.decode()
    assert "1 person is offboarded." in html
    assert "Jane Jones" in html
    assert not again(jane).is_active
    assert again(kim).is_active
    assert entries(acme, "member.offboard")[-1].actor_id == str(ada.pk)


def test_service_tokens_are_handed_over(acme, ada, jane, kim):
    assert (
        "1 service token handed over"
        in offboard(visit(ada), kim, hand_over_to="JANE@acme.example").content.decode()
    )
    with tenancy.of(acme):
        token = Token.objects.get(name="Nightly export")
    assert (token.member_id, token.revoked_at) == (jane.pk, None)


@pytest.mark.parametrize("heir", ["nobody@acme.example", "kim@acme.example", "a\0b"])
def test_an_heir_who_cannot_be_one_is_refused_and_nobody_leaves(acme, ada, kim, heir):
    answer = offboard(visit(ada), kim, hand_over_to=heir)
    assert answer.status_code == 400
    assert b'class="rc-error"' in answer.content
    assert again(kim).is_active


def test_an_hour_is_read_by_the_clocks_of_the_organization(acme, ada, jane):
    organizations.change(acme, time_zone="Europe/Berlin", actor=SETUP)
    client = visit(ada)
    assert "(Europe/Berlin)" in client.post(PATH, {"text": "jane@acme.example"}).content.decode()
    answer = offboard(client, jane, when="at", at="2099-01-31T18:00")
    assert "will be offboarded at 31 January 2099, 17:00 UTC" in answer.content.decode()
    assert again(jane).is_active
    assert again(jane).ends_at == datetime(2099, 1, 31, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    "at", ["", "soon", "2001-01-01T00:00", "9999-99-99T00:00", "9999-12-31T23:59:59-14:00"]
)
def test_an_hour_that_is_none_or_has_passed_is_refused(acme, ada, jane, at):
    answer = offboard(visit(ada), jane, when="at", at=at)
    assert answer.status_code == 400
    assert again(jane).is_active
    assert again(jane).ends_at is None


def test_nobody_checked_or_another_organizations_member_is_refused(acme, ada, gus):
    for people in ((), (gus,)):
        assert offboard(visit(ada), *people).status_code == 400
    assert again(gus).is_active


@pytest.mark.parametrize("page", ["member_suspend", "member_offboard"])
def test_the_last_administrator_leaves_only_with_a_word(acme, ada, jane, page):
    client = visit(ada)
    path = f"/o/acme/members/{ada.pk}/{page.removeprefix('member_')}"
    assert "last administrator" in client.get(path).content.decode()
    assert "last administrator" not in client.get(path.replace(str(ada.pk), str(jane.pk))).content.decode()
    assert client.post(path, {"reason": "x"}).status_code == 400
    assert again(ada).is_active
    assert client.post(path, {"reason": "x", "despite_last_administrator": "on"}).status_code == 303
    assert not again(ada).is_active


def test_a_list_with_the_last_administrator_asks_for_the_word(acme, ada):
    client = visit(ada)
    assert "Last administrator" in client.post(PATH, {"text": "ada@acme.example"}).content.decode()
    assert offboard(client, ada).status_code == 400
    assert again(ada).is_active
    offboard(client, ada, despite_last_administrator="on")
    assert not again(ada).is_active


def test_a_receipt_names_each_thing_with_its_time_and_is_proved_by_the_record(things, ada):
    roles.replace(things.member, ["auditor"], actor=SETUP)
    members.offboard(things.member, actor=SETUP, reason="left the company")
    (receipt,) = receipts.of_member(things.member)
    client = visit(ada)
    html = client.get(f"/o/acme/leavers/{receipt.pk}/").content.decode()
    for said in (
        "left the company",
        "Script",
        "First",
        "Treasury",
        receipt.digest,
        "Unchanged",
        "of the record has held it",
    ):
        assert said in html
    ended = {name: rows for name, _, rows in client.get(f"/o/acme/leavers/{receipt.pk}/").context["ended"]}
    assert [name for name, rows in ended.items() for row in rows if row.at is None] == []
    assert {name: len(rows) for name, rows in ended.items()} == {
        "sessions": 1, "tokens": 1, "grants": 1, "roles": 1, "groups": 1, "invitations": 0,
    }  # fmt: skip
    entry = entries(things.organization, "member.offboard")[-1]
    assert f"/o/acme/record/{entry.pk}/" in html
    kept = client.get(f"/o/acme/leavers/{receipt.pk}.json").json()
    assert receipts.digest(kept["body"]) == kept["digest"] == receipt.digest


def test_a_receipt_that_was_tampered_with_says_so(things, ada, eraser):
    # Past the guard of the record, as somebody with the disk in their hands.
    eraser.execute(
        "SET session_replication_role = replica;"
        "UPDATE identity_receipt SET body = jsonb_set(body, '{reason}', '\"another\"');"
        "RESET session_replication_role"
    )
    html = visit(ada).get(address("receipt", things)).content.decode()
    assert "The text no longer gives this digest" in html
    assert "Unchanged" not in html


def test_an_erased_persons_receipt_keeps_its_digest(things, ada):
    from identity import erasure

    erasure.erase(things.gone, actor=SETUP)
    html = visit(ada).get(address("receipt", things)).content.decode()
    assert "This person was erased" in html
    assert "acme.gone" not in html
    assert visit(ada).get("/o/acme/leavers/").status_code == 200


def test_the_time_to_no_access_is_shown(things, ada):
    with tenancy.of(things.organization):
        assert Receipt.objects.count() == 1
    deadlines.schedule_end(things.member, timezone.now() + timedelta(minutes=5), actor=SETUP)
    with later(minutes=5, seconds=1):
        deadlines.offboard_due(things.organization.pk, [things.member.pk], actor=SETUP)
        answer = visit(ada).get("/o/acme/leavers/")
    assert answer.context["recent"].count == 2
    assert answer.context["recent"].p95_seconds >= answer.context["recent"].p50_seconds > 0
    assert "p95" in answer.content.decode()


def test_an_auditor_reads_receipts_and_offboards_nobody(things, acme):
    client = visit(join(acme, "otto@acme.example", role="auditor"))
    html = client.get("/o/acme/leavers/").content.decode()
    assert "Offboard several" not in html
    assert client.get(PATH).status_code == 403
    assert client.post(PATH, {"step": "offboard"}).status_code == 403
