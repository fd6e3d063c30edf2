"""Authenticator apps and recovery codes: each code opens once, in its time, for its owner alone."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from identity import erasure, members, organizations, second_factors, sessions, tenancy
from identity.errors import Forbidden, Invalid
from identity.models import RecoveryCode, SecondFactor
from tests.authenticator import code_of
from tests.conftest import SETUP, again, join, later

# In the middle of a time step, so that no test stands on its edge.
NOON = 1_800_000_015


def test_the_codes_are_those_of_the_rfc():
    # RFC 6238, appendix B, SHA-1: the last six of eight digits.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for at, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert code_of(secret, at) == code
        with time_machine.travel(at, tick=False):
            assert second_factors._step(b"12345678901234567890", code, after=0) == at // 30


@pytest.fixture
def noon():
    with time_machine.travel(NOON, tick=False) as travel:
        yield travel


@pytest.fixture
def enrolled(jane, noon):
    offer = second_factors.offer(jane, "Rollcall")
    codes = second_factors.enrol(jane, offer.sealed, code_of(offer.secret), actor=SETUP)
    return offer.secret, codes


def spend(member, code):
    return second_factors.spend(member, code, actor=SETUP)


def test_a_code_opens_once_and_the_next_one_again(jane, enrolled, noon):
    secret, _ = enrolled
    assert spend(jane, code_of(secret)) == "", "the code of the enrolment is spent"
    noon.shift(30)
    assert spend(jane, code_of(secret)) == "app"
    assert spend(jane, code_of(secret)) == ""
    noon.shift(30)
    assert spend(jane, f" {code_of(secret)[:3]} {code_of(secret)[3:]} ") == "app"


@pytest.mark.parametrize(("off", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_off_and_no_more(jane, enrolled, noon, off, good):
    noon.shift(600)
    assert bool(spend(jane, code_of(enrolled[0], time.time() + 30 * off))) is good


def test_after_an_early_code_an_older_one_is_worth_nothing(jane, enrolled, noon):
    noon.shift(600)
    assert spend(jane, code_of(enrolled[0], time.time() + 30)) == "app"
    assert spend(jane, code_of(enrolled[0])) == ""


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "１２３４５６", "0" * 400, "\0", "-12345", "1e5000"]
)
def test_what_is_no_code_opens_nothing(jane, enrolled, code):
    assert spend(jane, code) == ""


def test_the_same_code_twice_at_once_opens_once(jane, enrolled, noon):
    noon.shift(600)
    code = code_of(enrolled[0])

    def run(_):
        try:
            return spend(jane, code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(run, range(6))) == [""] * 5 + ["app"]


def test_a_recovery_code_opens_once_however_it_is_typed(jane, enrolled):
    _, codes = enrolled
    assert len(set(codes)) == 10
    assert spend(jane, codes[0].upper().replace("-", " ")) == "recovery_code"
    assert spend(jane, codes[0]) == ""
    assert second_factors.codes_left(jane) == 9
    renewed = second_factors.renew_codes(jane, actor=SETUP)
    assert spend(jane, codes[1]) == ""
    assert spend(jane, renewed[1].replace("-", "")) == "recovery_code"


def test_somebody_elses_code_opens_nothing(acme, enrolled, noon):
    other = join(acme, "other@acme.example")
    offer = second_factors.offer(other, "Rollcall")
    second_factors.enrol(other, offer.sealed, code_of(offer.secret), actor=SETUP)
    noon.shift(60)
    secret, codes = enrolled
    assert spend(other, code_of(secret)) == ""
    assert spend(other, codes[0]) == ""


def test_an_offer_is_for_one_member_for_a_quarter_of_an_hour(jane, ada, noon):
    offer = second_factors.offer(jane, "Rollcall")
    assert f"secret={offer.secret}" in offer.uri
    assert offer.uri.startswith("otpauth://totp/Rollcall%3Ajane%40acme.example?")
    for member, sealed in (
        (ada, offer.sealed),
        (jane, ""),
        (jane, "x"),
        (jane, offer.sealed[:-4]),
        (jane, "a" * 300),
    ):
        with pytest.raises(Invalid):
            second_factors.enrol(member, sealed, code_of(offer.secret), actor=SETUP)
    with pytest.raises(Invalid):
        second_factors.enrol(jane, offer.sealed, "000000", actor=SETUP)
    assert second_factors.of(jane) is None
    noon.shift(15 * 60 + 1)
    with pytest.raises(Invalid):
        second_factors.enrol(jane, offer.sealed, code_of(offer.secret), actor=SETUP)


def test_neither_secret_nor_code_is_kept_readable(jane, enrolled, eraser):
    secret, codes = enrolled
    import base64

    for table in ("identity_secondfactor", "identity_recoverycode", "audit_detail"):
        text = " ".join(row[0] for row in eraser.execute(f"SELECT t::text FROM {table} t"))  # noqa: S608
        for hidden in (secret, base64.b32decode(secret).hex(), codes[0], codes[0].replace("-", "")):
            assert hidden not in text


def test_erasing_a_person_forgets_their_app(acme, jane, enrolled):
    members.offboard(jane, actor=SETUP)
    erasure.erase(jane, actor=SETUP)
    with tenancy.of(acme):
        assert SecondFactor.objects.count() == RecoveryCode.objects.count() == 0


@pytest.mark.parametrize(
    ("policy", "has_app", "by_saml", "asked"),
    [
        ("optional", False, False, False), ("optional", True, False, True), ("optional", True, True, False),
        ("passwords", False, False, True), ("passwords", False, True, False), ("passwords", True, True, False),
        ("everybody", False, False, True), ("everybody", False, True, True),
    ],
)  # fmt: skip
def test_whom_the_organization_asks(acme, jane, noon, policy, has_app, by_saml, asked):
    organizations.change(acme, second_factor=policy, actor=SETUP)
    if has_app:
        offer = second_factors.offer(jane, "Rollcall")
        second_factors.enrol(jane, offer.sealed, code_of(offer.secret), actor=SETUP)
    from audit.ids import uuid7

    origin = sessions.SamlOrigin(uuid7(), "jane") if by_saml else None
    session, cookie = sessions.start(jane, actor=SETUP, saml=origin)
    assert session.awaits_factor is asked
    assert (sessions.find(cookie) is None) is asked
    with tenancy.of(acme):
        assert list(sessions.open_sessions(jane)) == ([] if asked else [session])
    assert (again(jane).last_sign_in_at is None) is asked


@pytest.mark.parametrize(("bound", "hours"), [(None, 24), (timedelta(hours=8), 8)])
def test_a_session_that_waits_becomes_another_key_and_the_whole_length(
    acme, jane, enrolled, noon, bound, hours
):
    not_after = None if bound is None else timezone.now() + bound
    late, _ = sessions.start(jane, actor=SETUP)
    session, cookie = sessions.start(jane, actor=SETUP, not_after=not_after)
    assert (session.expires_at.timestamp() - NOON) / 60 == 10
    with pytest.raises(Forbidden):
        sessions.extend(session, actor=SETUP)
    opened, value = sessions.complete(session, actor=SETUP)
    assert (opened.expires_at.timestamp() - NOON) / 3600 == hours
    assert sessions.find_begun(cookie) is None
    assert sessions.find(value).pk == session.pk
    with pytest.raises(Forbidden):
        sessions.complete(session, actor=SETUP)
    with later(minutes=10), pytest.raises(Forbidden, match="has ended"):
        sessions.complete(late, actor=SETUP)


def test_the_policy_is_one_of_three(acme):
    with pytest.raises(Invalid, match="optional, passwords, everybody"):
        organizations.change(acme, second_factor="never", actor=SETUP)
