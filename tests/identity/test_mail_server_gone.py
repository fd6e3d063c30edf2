"""A mail server that does not answer costs one letter's patience a minute, however many letters wait."""

import smtplib
import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.core.mail.backends.locmem import EmailBackend

from identity import mail, tenancy
from identity.models import OutgoingMail
from tasks.jobs import mail as job
from tests.conftest import later

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def letters(acme, globex) -> None:
    """Queue two letters of acme and three of globex."""
    for organization, number in ((acme, 2), (globex, 3)):
        with tenancy.change(organization):
            for place in range(number):
                mail.queue(
                    organization.pk,
                    kind="test",
                    about=uuid4(),
                    to=f"{place}@b.example",
                    subject="a",
                    body="b",
                )


@pytest.fixture
def silent(settings) -> Iterator[socket.socket]:
    """Give a mail server that takes connections and says nothing, as behind a firewall that forgot us."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_BACKEND, settings.EMAIL_TIMEOUT = SMTP, 0.2
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        server.setblocking(False)
        yield server


def connections(server: socket.socket) -> int:
    """Count who has connected since the last time."""
    number = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return number
        number += 1


def attempts() -> list[int]:
    with tenancy.everywhere("all letters"):
        return sorted(OutgoingMail.objects.values_list("attempts", flat=True))


def test_one_letter_is_tried_and_the_others_wait_with_it(letters, silent):
    assert job.outgoing() == 0
    assert (connections(silent), attempts()) == (1, [0, 0, 0, 0, 1])
    assert job.outgoing() == 0
    assert connections(silent) == 0, "nobody is due within the minute"
    with later(seconds=61):
        job.outgoing()
        assert connections(silent) == 1


def test_all_go_out_once_it_answers_again(letters, silent, settings):
    job.outgoing()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with later(seconds=61):
        assert job.outgoing() == 5
    assert attempts() == [1, 1, 1, 1, 2]


def test_a_server_that_refuses_us_is_not_asked_for_each_letter(letters, settings, monkeypatch):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    asked = []

    def refuse(*_: object) -> int:
        asked.append(1)
        raise smtplib.SMTPAuthenticationError(535, b"wrong password")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    assert job.outgoing() == 0
    assert len(asked) == 1


def test_a_letter_that_is_refused_keeps_no_other_one(letters, settings, monkeypatch):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    send = EmailBackend.send_messages

    def refuse_first(self, messages):
        if messages[0].to == ["0@b.example"]:
            raise smtplib.SMTPRecipientsRefused({"0@b.example": (451, b"later")})
        return send(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_first)
    assert job.outgoing() == 3
    assert attempts() == [1, 1, 1, 1, 1]
