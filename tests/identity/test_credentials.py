"""Tokens, sessions and secrets at rest."""

import base64
import os
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from audit.events import Event
from audit.record import Subject, record
from identity import directories, members, organizations, secrets, sessions, tenancy, tokens
from identity.errors import Forbidden, Invalid
from identity.models import DataKey, Member, Token
from identity.sessions import SamlOrigin
from tests.conftest import SETUP, later


def test_a_tokens_secret_is_stored_nowhere(jane, eraser):
    token, secret = tokens.issue(jane, scopes=["members.read"], actor=SETUP)
    for (table,) in eraser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
        for (row,) in eraser.execute(f"SELECT to_jsonb(t)::text FROM {table} t").fetchall():  # noqa: S608
            assert secret.rpartition(token.prefix)[2].lstrip("_") not in row


def test_a_token_is_found_by_its_whole_secret_alone(jane):
    _, secret = tokens.issue(jane, scopes=["members.read"], actor=SETUP)
    assert tokens.find(secret).token.member == jane
    for wrong in (
        secret[:-1],
        secret + "x",
        secret[:16],
        "",
        "x",
        "rcm_",
        "rcm_" + "0" * 300,
        secret.upper(),
        "rcd" + secret[3:],
    ):
        assert tokens.find(wrong) is None


@pytest.mark.parametrize(
    ("close", "refusal"),
    [
        (lambda token, _jane, _acme: tokens.revoke(token, actor=SETUP), "revoked"),
        (lambda _token, jane, _acme: members.suspend(jane, actor=SETUP), "revoked"),
        (lambda _token, _jane, acme: organizations.suspend(acme, actor=SETUP), "organization_suspended"),
    ],
)
def test_a_closed_token_says_why(acme, jane, close, refusal):
    token, secret = tokens.issue(jane, scopes=[], actor=SETUP)
    close(token, jane, acme)
    assert tokens.find(secret).refusal == refusal


def test_a_token_expires(jane):
    token, secret = tokens.issue(jane, scopes=[], expires_at=timezone.now() + timedelta(days=1), actor=SETUP)
    with time_machine.travel(token.expires_at, tick=False):
        assert tokens.find(secret).refusal == "expired"


def test_a_directorys_tokens_stop_with_the_directory(okta):
    assert tokens.find(okta.secret).token.scopes == ["scim"]
    directories.change(okta.directory, active=False, actor=SETUP)
    assert tokens.find(okta.secret).refusal == "owner_out"


@pytest.mark.parametrize("days", [-1, 0, 5000])
def test_a_tokens_age_has_its_bounds(jane, days):
    with later(), pytest.raises(Invalid):
        tokens.issue(jane, scopes=[], expires_at=timezone.now() + timedelta(days=days), actor=SETUP)


def test_the_time_of_last_use_needs_no_entry(jane):
    token, _ = tokens.issue(jane, scopes=[], actor=SETUP)
    tokens.note_use(token)
    with tenancy.of(jane.organization_id):
        assert Token.objects.get().last_used_at is not None


def test_a_session_ends_with_its_time_its_member_and_its_organization(acme, jane):
    session, cookie = sessions.start(jane, actor=SETUP)
    with time_machine.travel(session.expires_at, tick=False):
        assert sessions.find(cookie) is None
    bounded = sessions.start(jane, actor=SETUP, not_after=timezone.now() + timedelta(minutes=5))[1]
    with later(minutes=6):
        assert sessions.find(bounded) is None
    organizations.suspend(acme, actor=SETUP)
    assert sessions.find(cookie) is None
    organizations.resume(acme, actor=SETUP)
    assert sessions.find(cookie).member == jane
    members.set_password(jane, "a longer password", actor=SETUP)
    assert sessions.find(cookie) is None


@pytest.mark.parametrize("change", [{"session_epoch": 1}, {"state": "suspended"}])
def test_a_raised_epoch_and_a_state_shut_out_by_themselves(acme, jane, change):
    """Whoever is put out loses sessions and tokens too; these hold where something was overtaken."""
    secret, cookie = tokens.issue(jane, actor=SETUP)[1], sessions.start(jane, actor=SETUP)[1]
    with tenancy.change(acme):
        Member.objects.filter(pk=jane.pk).update(**change)
        record(
            Event.MEMBER_CHANGE, organization_id=acme.pk, actor=SETUP, subject=Subject("member", str(jane.pk))
        )
    assert (tokens.find(secret).refusal, sessions.find_begun(cookie)) == ("owner_out", None)


def test_a_logout_names_the_sessions_of_its_own_connection_alone(jane):
    started = [sessions.start(jane, actor=SETUP, saml=SamlOrigin(uuid4(), "jane"))[0] for _ in range(2)]
    for session in started:
        found = sessions.of_name_id(jane.organization_id, session.connection_id, "jane", [])
        assert found == [session]


def test_nobody_who_is_out_starts_a_session(jane):
    members.suspend(jane, actor=SETUP)
    with pytest.raises(Forbidden):
        sessions.start(jane, actor=SETUP)


def test_a_token_has_the_scopes_of_its_kind_of_owner_alone(jane, okta):
    for owner, wrong in ((jane, "scim"), (okta.directory, "members.read"), (jane, "nothing")):
        with pytest.raises(Invalid, match=wrong) as refused:
            tokens.issue(owner, scopes=[wrong], actor=SETUP)
        assert refused.value.field == "scopes"


def test_sealed_secrets_open_only_in_their_place(acme, globex):
    sealed = secrets.seal(acme.pk, "connection:1:key", b"private")
    assert b"private" not in sealed
    assert secrets.open_(acme.pk, "connection:1:key", sealed) == b"private"
    for organization, context in ((acme, "connection:2:key"), (globex, "connection:1:key")):
        with pytest.raises(secrets.UnsealError):
            secrets.open_(organization.pk, context, sealed)
    with pytest.raises(secrets.UnsealError):
        secrets.open_(acme.pk, "connection:1:key", sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_the_master_key_can_be_rotated(acme, settings):
    sealed = secrets.seal(acme.pk, "x", b"private")
    old, new = settings.ROLLCALL_MASTER_KEY, base64.b64encode(os.urandom(32)).decode()
    if isinstance(old, bytes):
        new = base64.b64decode(new)
    settings.ROLLCALL_MASTER_KEY, settings.ROLLCALL_MASTER_KEYS_OLD = new, [old]
    assert secrets.rewrap(acme.pk, actor=SETUP) is True
    assert secrets.rewrap(acme.pk, actor=SETUP) is False
    settings.ROLLCALL_MASTER_KEYS_OLD = []
    secrets.forget()
    assert secrets.open_(acme.pk, "x", sealed) == b"private"
    settings.ROLLCALL_MASTER_KEY = old
    secrets.forget()
    with pytest.raises(secrets.UnsealError, match="ROLLCALL_MASTER_KEY"):
        secrets.open_(acme.pk, "x", sealed)
    with tenancy.of(acme):
        assert DataKey.objects.count() == 1
