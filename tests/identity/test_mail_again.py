"""A letter that failed says why, and goes out again by a button or by API, on record, unless what it tells of was taken back."""

from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.utils import timezone

from identity import invitations, mail, tenancy
from identity.errors import Invalid
from identity.models import OutgoingMail
from tasks.jobs import mail as job
from tests.api.client import recorded, token_of
from tests.conftest import SETUP, join
from tests.console.conftest import visit

NEW = "new@partner.example"
PATH = "/organizations/acme/mails"


@pytest.fixture
def no_mailbox(monkeypatch):
    """Let the mail server say that there is no such mailbox; give what brings it to its senses."""
    from smtplib import SMTPRecipientsRefused

    real = EmailBackend.send_messages

    def refuse(*_):
        raise SMTPRecipientsRefused({NEW: (550, b"5.1.1 no such mailbox")})

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    return lambda: monkeypatch.setattr(EmailBackend, "send_messages", real)


@pytest.fixture
def failed(acme, no_mailbox):
    """Give a letter that could not be delivered, and its invitation."""
    invitation = invitations.create(acme, NEW, actor=SETUP)
    job.outgoing()
    return the_letter(acme), invitation


def the_letter(organization):
    with tenancy.of(organization):
        return OutgoingMail.objects.get()


def test_it_says_why_and_goes_out_again(acme, ada, failed, no_mailbox):
    letter, _ = failed
    api = token_of(ada)
    (shown,) = api.get(PATH, state="failed").json()["items"]
    assert "no such mailbox" in shown["problem"]
    assert api.get(PATH, state="sent").json()["items"] == []
    no_mailbox()
    outbox.outbox.clear()
    again = api.post(f"{PATH}/{letter.pk}/send-again", {})
    assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (200, "waiting", 0)
    assert job.outgoing() == 1
    assert [message.to for message in outbox.outbox] == [[NEW]]
    assert (the_letter(acme).state, the_letter(acme).problem) == ("sent", "")
    (entry,) = recorded(acme, "mail.send_again")
    assert (entry["changes"], entry["subject"]["label"]) == ({"state": ["failed", "waiting"]}, NEW)


def test_the_page_says_why_and_has_the_button(acme, ada, failed):
    letter, _ = failed
    browser = visit(ada)
    shown = browser.get(f"/o/acme/mail/{letter.pk}/").content
    assert b"no such mailbox" in shown
    assert f"/o/acme/mail/{letter.pk}/send-again".encode() in shown
    assert browser.post(f"/o/acme/mail/{letter.pk}/send-again").status_code == 303
    assert the_letter(acme).state == "waiting"
    # It waits already: there is nothing to do, and no button for it.
    assert browser.post(f"/o/acme/mail/{letter.pk}/send-again").status_code == 303
    assert len(recorded(acme, "mail.send_again")) == 1
    assert b"send-again" not in browser.get(f"/o/acme/mail/{letter.pk}/").content


def test_again_in_vain_it_fails_again(acme, failed):
    letter, _ = failed
    mail.send_again(letter, actor=SETUP)
    assert job.outgoing() == 0
    assert (the_letter(acme).state, the_letter(acme).attempts) == ("failed", 1)
    assert len(recorded(acme, "mail.fail")) == 2


def test_what_waits_for_its_next_attempt_is_tried_at_once(acme, monkeypatch):
    invitations.create(acme, NEW, actor=SETUP)
    with tenancy.of(acme):
        OutgoingMail.objects.update(
            due_at=timezone.now() + timedelta(hours=5), attempts=9, problem="ConnectionRefusedError"
        )
    mail.send_again(the_letter(acme), actor=SETUP)
    assert job.outgoing() == 1


@pytest.mark.parametrize("state", ["sent", "kept", "cancelled"])
def test_any_other_is_refused_with_what_to_do(acme, ada, failed, state):
    letter, _ = failed
    with tenancy.of(acme):
        OutgoingMail.objects.update(state=state)
    answer = token_of(ada).post(f"{PATH}/{letter.pk}/send-again", {})
    assert (answer.status_code, answer.json()["field"]) == (400, "state")
    page = visit(ada).post(f"/o/acme/mail/{letter.pk}/send-again")
    assert page.status_code == 409
    assert b"Not sent." in page.content
    assert recorded(acme, "mail.send_again") == []


def test_a_letter_of_what_was_taken_back_never_goes_out(acme, failed):
    letter, invitation = failed
    invitations.withdraw(invitation, actor=SETUP)
    assert the_letter(acme).state == "cancelled"
    with pytest.raises(Invalid, match="taken back"):
        mail.send_again(letter, actor=SETUP)


def test_a_worker_that_has_it_is_not_waited_for(acme, failed, eraser):
    letter, _ = failed
    with eraser.transaction():
        eraser.execute("SELECT FROM identity_outgoingmail FOR UPDATE")
        with pytest.raises(Invalid, match="this very moment"):
            mail.send_again(letter, actor=SETUP)


def test_only_who_manages_members_may(acme, failed):
    letter, _ = failed
    auditor = join(acme, "aud@acme.example", role="auditor")
    assert token_of(auditor).post(f"{PATH}/{letter.pk}/send-again", {}).status_code == 403
    assert visit(auditor).post(f"/o/acme/mail/{letter.pk}/send-again").status_code == 403
    connections.close_all()


@pytest.mark.parametrize(
    "address",
    ["a\nb@acme.example", "a\r\nBcc: x@evil.example@acme.example", "\u00e4@" + "x" * 70 + ".example"],
)
def test_an_address_to_which_no_letter_can_be_made_holds_up_nobody(acme, globex, address):
    """Whoever is provisioned with such an address, in whichever organization, would be the oldest letter due for ever."""
    for organization, to in ((acme, address), (globex, NEW)):
        with tenancy.change(organization):
            mail.queue(
                organization.pk, kind="test", about=organization.pk, to=to, subject="Hello", body="Hello"
            )
    outbox.outbox.clear()
    assert job.outgoing() == 1
    assert [letter.to for letter in outbox.outbox] == [[NEW]]
    letter = the_letter(acme)
    assert (letter.state, letter.attempts) == (OutgoingMail.State.FAILED, 1)
    assert letter.problem
    assert len(recorded(acme, "mail.fail")) == 1
    assert job.outgoing() == 0
