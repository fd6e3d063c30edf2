"""Domains are proved by DNS, asked about again as long as they are proved, and never by two organizations."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import dns.rcode
import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from identity import dns_lookup, domain_proofs, domains, tenancy
from identity.dns_lookup import Answer
from identity.errors import TooSoon
from identity.models import Domain, OutgoingMail
from tasks.jobs.domains import prove
from tests.api.client import operator, recorded, token_of
from tests.conftest import SETUP, later

HOST = "_rollcall-challenge.acme.example"


def fresh(domain):
    with tenancy.of(domain.organization_id):
        return Domain.objects.get(pk=domain.pk)


@pytest.fixture
def claimed(acme):
    return domains.claim(acme, "acme.example", actor=SETUP)


CASES = {
    "one record": (lambda zone, text: zone.text(HOST, f'"{text}"'), ""),
    "among others": (lambda zone, text: zone.text(HOST, '"v=spf1 -all"', f'"{text}"', '"other=1"'), ""),
    "in two strings": (lambda zone, text: zone.text(HOST, f'"{text[:20]}" "{text[20:]}"'), ""),
    "behind an alias": (lambda zone, text: zone.alias(HOST, "proofs.dns.example", f'"{text}"'), ""),
    "cut off over UDP": (lambda zone, text: zone.cut_off(HOST, *(f'"{n:0200}"' for n in range(9)), f'"{text}"'), ""),
    "no such name": (lambda zone, text: zone.withdraw(HOST), "no_name"),
    "no TXT there": (lambda zone, text: zone.empty(HOST), "no_text"),
    "another value": (lambda zone, text: zone.text(HOST, '"rollcall-domain=wrong"'), "other_text"),
    "only a part of it": (lambda zone, text: zone.text(HOST, f'"{text[:-1]}"'), "other_text"),
    "two halves in two records": (lambda zone, text: zone.text(HOST, f'"{text[:20]}"', f'"{text[20:]}"'), "other_text"),
    "the server fails": (lambda zone, text: zone.fail(HOST), "unreachable"),
    "the server refuses": (lambda zone, text: zone.fail(HOST, dns.rcode.REFUSED), "unreachable"),
    "an alias to nowhere": (lambda zone, text: zone.alias(HOST, "gone.example", '"x"'), "other_text"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_dns_says_decides(zone, claimed, case):
    publish, problem = CASES[case]
    publish(zone, claimed.challenge)
    assert prove() == 1
    domain = fresh(claimed)
    assert (domain.problem, domain.proof, bool(domain.proved_at)) == (
        problem,
        "" if problem else "dns",
        not problem,
    )
    assert domain.due_at > timezone.now()
    if case == "cut off over UDP":
        assert zone.asked == [(HOST, "udp"), (HOST, "tcp")]


def test_a_server_that_never_answers_costs_its_time_and_proves_nothing(zone, claimed, monkeypatch):
    monkeypatch.setattr(dns_lookup, "SECONDS_MAX", 0.3)
    zone.silence(HOST)
    assert domain_proofs.check(claimed, actor=SETUP).problem == "unreachable"


def test_a_claim_is_asked_about_ever_more_seldom(zone, claimed):
    waits = []
    for _ in range(14):
        with time_machine.travel(fresh(claimed).due_at, tick=False):
            assert prove() == 1
            assert prove() == 0
            waits.append(fresh(claimed).due_at - timezone.now())
    assert waits[:4] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert waits[-1] == waits[-2] == timedelta(hours=24)
    with tenancy.of(claimed.organization_id):
        Domain.objects.update(failures=1000)
    with time_machine.travel(fresh(claimed).due_at, tick=False):
        assert prove() == 1
        assert fresh(claimed).due_at - timezone.now() == timedelta(hours=24)


def test_whoever_takes_a_domain_has_it_for_a_quarter_of_an_hour(claimed):
    with later():
        assert domain_proofs.claim_due(2) == [claimed]
        assert domain_proofs.claim_due(2) == []
    waits_longer = domains.claim(claimed.organization, "other.example", actor=SETUP)
    with later(minutes=15, seconds=1):
        assert domain_proofs.claim_due(1) == [waits_longer]
        assert domain_proofs.claim_due(1) == [claimed]


def test_two_workers_ask_about_different_domains(zone, acme):
    for number in range(20):
        domains.claim(acme, f"d{number}.example", actor=SETUP)

    def run(_):
        try:
            return prove()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 20
    assert len(zone.asked) == 20


def test_a_domain_is_proved_for_one_organization_also_in_a_race(zone, acme, globex):
    rivals = [domains.claim(organization, "acme.example", actor=SETUP) for organization in (acme, globex)]
    zone.text(HOST, *(f'"{rival.challenge}"' for rival in rivals))

    def run(rival):
        try:
            return domain_proofs.check(rival, actor=SETUP).problem
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, rivals)) == ["", "proved_elsewhere"]
    loser = next(rival for rival in rivals if fresh(rival).problem)
    winner = next(rival for rival in rivals if fresh(rival).proved_at)
    # The first one's record goes, and after the grace the second one's claim is next.
    zone.text(HOST, f'"{loser.challenge}"')
    for hours in (25, 24 * 9, 24 * 11):
        with later(hours=hours):
            prove()
    assert (fresh(winner).proof, fresh(loser).proof) == ("", "dns")


def test_a_proof_that_vanishes_is_warned_of_and_unproved_after_the_grace(zone, acme, ada, claimed):
    domain_proofs.check(claimed, actor=SETUP)
    zone.text(HOST, f'"{claimed.challenge}"')
    domain_proofs.check(claimed, actor=SETUP)
    zone.withdraw(HOST)
    with later(hours=25):
        assert prove() == 1
        assert fresh(claimed).missing_since == timezone.now()
        assert domains.has_proved(acme.pk, "jane@acme.example")
    with tenancy.of(acme):
        (letter,) = OutgoingMail.objects.filter(kind="domain_proof_missing")
    assert letter.to == "ada@acme.example"
    assert claimed.challenge in letter.body
    with later(days=7):
        prove()
        assert domains.has_proved(acme.pk, "jane@acme.example")
    with time_machine.travel(fresh(claimed).missing_since + domain_proofs.GRACE, tick=False):
        prove()
        assert not domains.has_proved(acme.pk, "jane@acme.example")
    assert fresh(claimed).failures == 0, "it is asked about as often as a new claim"
    events = ["domain.claim", "domain.confirm", "domain.proof_missing", "domain.unprove"]
    assert [line["event"] for line in recorded(acme, *events)] == events


def test_operators_hear_of_a_vanished_proof_where_no_administrator_can(zone, acme, opal, claimed):
    zone.text(HOST, f'"{claimed.challenge}"')
    prove()
    zone.withdraw(HOST)
    with later(hours=25):
        prove()
    with tenancy.of(opal.organization):
        assert OutgoingMail.objects.get(kind="domain_proof_missing").to == "opal@rollcall.example"


def test_a_proof_that_comes_back_in_time_stays(zone, acme, claimed):
    zone.text(HOST, f'"{claimed.challenge}"')
    prove()
    zone.withdraw(HOST)
    with later(hours=25):
        prove()
    zone.text(HOST, f'"{claimed.challenge}"')
    with later(hours=27):
        prove()
    assert (fresh(claimed).missing_since, fresh(claimed).proof) == (None, "dns")
    assert recorded(acme, "domain.proof_back")[0]["subject"]["label"] == "acme.example"


def test_silence_never_takes_a_proof_away(zone, acme, claimed):
    zone.text(HOST, f'"{claimed.challenge}"')
    prove()
    zone.fail(HOST)
    for days in (2, 4, 30, 90):
        with later(days=days):
            assert prove() == 1
    assert fresh(claimed).proved_at
    assert fresh(claimed).problem == "unreachable"


def test_an_operators_word_is_not_asked_about(zone, claimed):
    domains.confirm(claimed, actor=SETUP)
    with later(days=30):
        assert prove() == 0
    assert (
        domain_proofs.conclude(claimed.organization_id, claimed.pk, Answer(), actor=SETUP).proof == "operator"
    )
    assert zone.asked == []


def test_check_now_answers_at_once_and_not_twice_in_a_row(zone, acme, ada, claimed):
    zone.text(HOST, f'"{claimed.challenge}"')
    api = token_of(ada)
    answer = api.post(f"/organizations/acme/domains/{claimed.pk}/check", {})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["proof"], answer.json()["problem"], answer.json()["host"]) == ("dns", "", HOST)
    again = api.post(f"/organizations/acme/domains/{claimed.pk}/check", {})
    assert (again.status_code, again.json()["code"]) == (429, "too_soon")
    assert 1 <= int(again["Retry-After"]) <= 10
    with pytest.raises(TooSoon):
        domain_proofs.begin(claimed)
    with time_machine.travel(fresh(claimed).checked_at + timedelta(seconds=10), tick=False):
        domain_proofs.begin(claimed)


def test_check_now_needs_the_right(zone, acme, ada, claimed):
    answer = token_of(ada, "directories.read").post(f"/organizations/acme/domains/{claimed.pk}/check", {})
    assert answer.status_code == 403
    assert zone.asked == []


def test_a_new_proof_restores_what_was_canonical(zone, acme, claimed, settings):
    zone.text(HOST, f'"{claimed.challenge}"')
    prove()
    answer = operator(settings).patch(f"/organizations/acme/domains/{claimed.pk}", {"canonical": True})
    assert answer.json()["canonical"] is True
    zone.withdraw(HOST)
    for days in (2, 10):
        with later(days=days):
            prove()
    assert not domains.is_canonical(acme.pk, "jane@acme.example")
    zone.text(HOST, f'"{claimed.challenge}"')
    with later(days=12):
        prove()
    assert domains.is_canonical(acme.pk, "jane@acme.example")
