"""Tokens that are about to expire: their people are written to 30 and 7 days and one day before, each once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from identity import members, tenancy, tokens
from identity.models import OutgoingMail
from tasks.jobs.credentials import expiring_tokens
from tests.api.client import recorded
from tests.conftest import SETUP, join, later


def letters(organization):
    with tenancy.of(organization):
        return list(OutgoingMail.objects.order_by("pk").values_list("kind", "to", "subject"))


def test_a_directorys_token_is_told_to_the_administrators(acme, ada, jane, okta):
    for days in (336, 337, 359, 364.5):
        with later(days=days):
            expiring_tokens()
    assert letters(acme) == [
        ("token_expiring_30", "ada@acme.example", "okta: a token expires within 30 days"),
        ("token_expiring_7", "ada@acme.example", "okta: a token expires within 7 days"),
        ("token_expiring_1", "ada@acme.example", "okta: a token expires within a day"),
    ]
    with tenancy.of(acme):
        body = OutgoingMail.objects.first().body
    assert f"/o/acme/directories/{okta.directory.pk}/" in body
    assert okta.secret not in body


def test_a_members_token_is_told_to_its_owner(acme, ada, jane):
    token, secret = tokens.issue(jane, actor=SETUP, scopes=["members.read"], name="Nightly export")
    with later(days=360):
        assert (expiring_tokens(), expiring_tokens()) == (1, 0)
    assert letters(acme) == [
        ("token_expiring_7", "jane@acme.example", "A token of jane@acme.example expires within 7 days")
    ]
    with tenancy.of(acme):
        body = OutgoingMail.objects.get().body
    assert "Nightly export" in body
    assert token.prefix in body
    assert secret not in body
    (entry,) = recorded(acme, "token.expiring")
    assert (entry["reason"], entry["data"]["member"]) == ("7_days", str(jane.pk))


def test_a_services_token_is_told_to_the_administrators_too(acme, ada, jane):
    tokens.issue(jane, actor=SETUP, scopes=[], service=True)
    with later(days=360):
        expiring_tokens()
    assert {to for _, to, _ in letters(acme)} == {"ada@acme.example", "jane@acme.example"}


def test_who_has_no_address_is_told_through_the_administrators(acme, ada):
    tokens.issue(join(acme, "robot"), actor=SETUP, scopes=[])
    with later(days=360):
        expiring_tokens()
    assert [to for _, to, _ in letters(acme)] == ["ada@acme.example"]


@pytest.mark.parametrize("days", [1, 5, 30])
def test_a_token_for_a_short_time_is_not_spoken_of_the_day_it_is_made(acme, ada, jane, days):
    tokens.issue(jane, actor=SETUP, scopes=[], expires_at=timezone.now() + timedelta(days=days))
    assert expiring_tokens() == 0
    with later(days=days - 0.5):
        expiring_tokens()
    assert [kind for kind, _, _ in letters(acme)] == ([] if days == 1 else ["token_expiring_1"])


def test_nobody_is_written_to_about_a_token_that_is_over(acme, ada, jane, okta):
    tokens.revoke(tokens.issue(jane, actor=SETUP, scopes=[])[0], actor=SETUP)
    joe = join(acme, "joe@acme.example")
    tokens.issue(joe, actor=SETUP, scopes=[])
    members.offboard(joe, actor=SETUP)
    tokens.rotate(tokens.find(okta.secret).token, actor=SETUP, overlap=timedelta(days=6))
    assert expiring_tokens() == 0
    with later(days=5.5):
        assert expiring_tokens() == 0
    with later(days=400):
        assert expiring_tokens() == 0
    assert letters(acme) == []


def test_another_organizations_people_are_not_written_to(acme, ada, globex, gus, okta):
    with later(days=360):
        expiring_tokens()
    assert letters(globex) == []
