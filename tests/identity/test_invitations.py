"""Invitations: asked once, accepted once, with what comes along; and their mail, sent once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.utils import timezone

from audit.models import Entry
from audit.record import Actor
from identity import access, domains, grants, invitations, mail, members, resources, roles, tenancy
from identity.errors import Forbidden, Invalid, NameTaken
from identity.grants import GrantSpec
from identity.models import Grant, OutgoingMail, RoleAssignment
from tasks.jobs import mail as job
from tests.conftest import SETUP, join, later
from tests.statements import Statements

NEW = "new@acme.example"
ACCESS = {"grants": [{"kind": "portfolio", "id": "p1", "permission": "view"}], "roles": ["auditor"]}
CONNECTION = Actor("connection", "c1", "Okta")


@pytest.fixture
def registered(acme):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    return acme


def mails(organization):
    with tenancy.of(organization):
        return list(OutgoingMail.objects.order_by("pk"))


def test_accepting_gives_what_the_invitation_came_with_once(registered, jane):
    invitation = invitations.create(registered, jane.email, access=ACCESS, actor=SETUP)
    assert invitations.accept(invitation, jane, actor=SETUP) is True
    assert invitations.accept(invitation, jane, actor=SETUP) is False
    assert [(line.key, line.permission, line.origin) for line in access.what_had(jane).access] == [
        ("p1", "view", "invitation")
    ]
    with tenancy.of(registered):
        assert RoleAssignment.objects.get().origin == "invitation"
        assert list(Entry.objects.filter(event="invitation.accept").values_list("outcome", flat=True)) == [
            "success"
        ]


def test_what_an_administrator_took_away_an_invitation_does_not_bring_back(registered, jane):
    grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
    grants.replace(jane, [], actor=SETUP)
    invitation = invitations.create(registered, jane.email, access=ACCESS, actor=SETUP)
    invitations.accept(invitation, jane, actor=SETUP)
    assert access.what_had(jane).access == ()
    assert roles.names_of(jane) == ["auditor"]


def test_somebody_who_came_by_another_way_accepts_too(registered, jane):
    assert invitations.accept_for(jane, jane.email, actor=SETUP) is False
    invitations.create(registered, f" {jane.email.upper()} ", access=ACCESS, actor=SETUP)
    assert [row.to for row in mails(registered)] == [jane.email.upper()]
    assert invitations.accept_for(jane, jane.email, actor=SETUP) is True
    with tenancy.of(registered):
        assert Grant.objects.get().origin == "invitation"


def test_an_address_that_merely_looks_alike_opens_nobody_s_invitation(acme):
    made = invitations.create(acme, "kim@acme.example", actor=SETUP)
    assert invitations.open_for(acme, "KIM@acme.example") == made
    assert invitations.open_for(acme, "\N{KELVIN SIGN}im@acme.example") is None


def test_accepting_twice_at_once_gives_it_once(registered, jane):
    invitation = invitations.create(registered, jane.email, access=ACCESS, actor=SETUP)

    def accept(_):
        try:
            return invitations.accept(invitation, jane, actor=SETUP)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(accept, range(4))) == [False, False, False, True]
    with tenancy.of(registered):
        assert Grant.objects.count() == 1


def test_an_expired_or_withdrawn_invitation_opens_nothing(registered, jane):
    expired = invitations.create(registered, jane.email, access=ACCESS, actor=SETUP)
    withdrawn = invitations.create(registered, NEW, access=ACCESS, actor=SETUP)
    invitations.withdraw(withdrawn, actor=SETUP)
    with later(days=15):
        assert invitations.open_for(registered, jane.email) is None
        assert invitations.accept(expired, jane, actor=SETUP) is False
        assert invitations.accept(withdrawn, jane, actor=SETUP) is False
        with pytest.raises(Invalid):
            invitations.resend(expired, actor=SETUP)
        again = invitations.create(registered, jane.email, actor=SETUP)
        assert again.pk != expired.pk, "an expired one doesn't block a new one"
        with pytest.raises(NameTaken):
            invitations.create(registered, jane.email, actor=SETUP)
    with tenancy.of(registered):
        assert not Grant.objects.exists()


def test_a_list_is_invited_address_by_address(acme, jane):
    invitations.create(acme, "old@acme.example", actor=SETUP)
    left = join(acme, "left@acme.example")
    members.offboard(left, actor=SETUP)
    outcome = invitations.create_many(
        acme, [NEW, "old@acme.example", jane.email, "nonsense", NEW.upper(), left.email], actor=SETUP
    )
    assert [(line.email, line.refusal) for line in outcome] == [
        (NEW, ""),
        ("old@acme.example", "already_invited"),
        (jane.email, "already_member"),
        ("nonsense", "invalid"),
        (NEW.upper(), "already_invited"),
        (left.email, ""),
    ]
    with pytest.raises(Invalid) as refused:
        invitations.create_many(acme, ["x@acme.example"], access={"grants": [{}]}, actor=SETUP)
    assert refused.value.field == "defaults"


def test_a_long_list_is_invited_by_as_many_statements_as_a_short_one(registered):
    def invited(name, number):
        with Statements() as asked:
            outcome = invitations.create_many(
                registered, [f"{name}{n}@acme.example" for n in range(number)], access=ACCESS, actor=SETUP
            )
        assert [line.refusal for line in outcome] == [""] * number
        return len(asked.statements)

    assert invited("a", 3) == invited("b", 60)
    assert [(row.to, row.state, row.kind) for row in mails(registered)][-1] == (
        "b9@acme.example", "waiting", "invitation",
    )  # fmt: skip
    with tenancy.of(registered):
        assert Entry.objects.filter(event="invitation.create").count() == len(mails(registered)) == 63
        assert set(Entry.objects.filter(event="invitation.create").values_list("subject_id", flat=True)) == {
            str(row.about) for row in mails(registered)
        }


def test_two_lists_at_once_invite_each_address_once(acme):
    emails = [f"p{number}@acme.example" for number in range(40)]

    def invite(turned):
        try:
            return invitations.create_many(acme, emails[::-1] if turned else emails, actor=SETUP)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        outcome = [line for lines in pool.map(invite, (False, True)) for line in lines]
    assert sorted(line.refusal for line in outcome) == [""] * 40 + ["already_invited"] * 40
    assert len(mails(acme)) == 40


def test_an_invitation_that_has_expired_makes_room_in_a_list_too(acme):
    invitations.create(acme, NEW, actor=SETUP)
    with later(days=15):
        (line,) = invitations.create_many(acme, [NEW], actor=SETUP)
        assert line.refusal == ""
    with tenancy.of(acme):
        assert Entry.objects.filter(event="invitation.expire").count() == 1


def test_a_canonical_domain_is_joined_by_single_sign_on_alone(acme):
    domain = domains.claim(acme, "acme.example", actor=SETUP)
    with pytest.raises(Invalid):
        domains.set_canonical(domain, True, actor=SETUP)
    domains.confirm(domain, actor=SETUP)
    invitation = invitations.create(acme, NEW, actor=SETUP)
    before = invitations.create(acme, "before@acme.example", actor=SETUP)
    member = join(acme, NEW)
    assert invitations.accept(before, member, actor=Actor("member", str(member.pk), NEW)) is True
    domains.set_canonical(domain, True, actor=SETUP)
    with pytest.raises(Forbidden):
        invitations.accept(invitation, member, actor=Actor("member", str(member.pk), NEW))
    assert invitations.accept(invitation, member, actor=CONNECTION) is True


def test_the_mail_carries_the_organizations_sign_in_and_goes_out_once(acme):
    invitations.create(acme, NEW, actor=SETUP)
    outbox.outbox.clear()

    def work(_):
        try:
            return job.outgoing()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 1
    (message,) = outbox.outbox
    assert (message.to, message.subject) == ([NEW], "Invitation to Acme")
    assert "/sign-in?organization=acme" in message.body
    (row,) = mails(acme)
    assert (row.state, row.attempts) == ("sent", 1)
    assert message.extra_headers["Message-ID"].startswith(f"<{row.pk}@")
    assert job.outgoing() == 0


def test_a_dead_server_delays_and_loses_nothing(acme, monkeypatch):
    invitations.create(acme, NEW, actor=SETUP)
    real = EmailBackend.send_messages

    def refuse(*_):
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    assert job.outgoing() == 0
    (row,) = mails(acme)
    assert (row.state, row.attempts) == ("waiting", 1)
    assert "nobody there" in row.problem
    assert job.outgoing() == 0, "not before its time"
    assert mails(acme)[0].attempts == 1
    monkeypatch.setattr(EmailBackend, "send_messages", real)
    with later(minutes=2):
        assert job.outgoing() == 1
    assert mails(acme)[0].state == "sent"


def test_after_twelve_attempts_it_is_given_up_on_record(acme, monkeypatch):
    invitations.create(acme, NEW, actor=SETUP)

    def refuse(*_):
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    for attempt in range(mail.ATTEMPTS_MAX + 1):
        with later(days=attempt):
            job.outgoing()
    (row,) = mails(acme)
    assert (row.state, row.attempts) == ("failed", mail.ATTEMPTS_MAX)
    with tenancy.of(acme):
        assert Entry.objects.get(event="mail.fail").reason == "mail_undeliverable"


def test_without_a_server_in_development_the_mail_is_kept(acme, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    invitations.create(acme, NEW, actor=SETUP)
    assert job.outgoing() == 1
    assert mails(acme)[0].state == "kept"


def test_what_is_taken_back_is_not_sent(acme, jane):
    invitation = invitations.create(acme, NEW, actor=SETUP)
    invitations.withdraw(invitation, actor=SETUP)
    invitations.create(acme, jane.email, actor=SETUP)
    members.offboard(jane, actor=SETUP)
    outbox.outbox.clear()
    assert job.outgoing() == 0
    assert [row.state for row in mails(acme)] == ["cancelled", "cancelled"]
    assert outbox.outbox == []


def test_what_was_sent_before_it_is_taken_back_stays_sent(acme, jane):
    invitation = invitations.create(acme, NEW, actor=SETUP)
    invitations.create(acme, jane.email, actor=SETUP)
    assert job.outgoing() == 2
    invitations.withdraw(invitation, actor=SETUP)
    members.offboard(jane, actor=SETUP)
    assert [row.state for row in mails(acme)] == ["sent", "sent"]


def test_what_was_accepted_is_not_taken_back_when_somebody_leaves(acme, jane):
    invitations.accept(invitations.create(acme, jane.email, actor=SETUP), jane, actor=SETUP)
    assert members.offboard(jane, actor=SETUP).invitations == []


def test_resending_queues_one_more_only_when_none_waits(acme):
    invitation = invitations.create(acme, NEW, actor=SETUP)
    invitations.resend(invitation, actor=SETUP)
    assert len(mails(acme)) == 1
    job.outgoing()
    moved = invitations.resend(invitation, expires_at=timezone.now() + timedelta(days=60), actor=SETUP)
    assert [row.state for row in mails(acme)] == ["sent", "waiting"]
    assert moved.expires_at > invitation.expires_at
    with pytest.raises(Invalid, match="within a year"):
        invitations.resend(invitation, expires_at=timezone.now() + timedelta(days=366), actor=SETUP)


def test_a_line_break_in_a_name_begins_no_header(acme):
    from identity import organizations

    renamed = organizations.change(acme, name="Acme\nBcc: all@acme.example", actor=SETUP)
    invitations.create(renamed, NEW, actor=SETUP)
    assert mails(acme)[0].subject == "Invitation to Acme Bcc: all@acme.example"
