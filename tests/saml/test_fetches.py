"""An address that somebody typed is loaded by a worker, never by the request; whoever asks waits a little, and asks again."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.db import connections as databases
from django.utils import timezone

from audit.record import Actor
from demo.idp_logout import idp_metadata
from identity import tenancy
from saml import fetch, fetches
from saml.models import Connection, MetadataFetch
from saml.refusals import Refused
from tasks.jobs.connections import fetch_metadata, forget_metadata
from tests.api.client import token_of
from tests.conftest import SETUP
from tests.console.conftest import visit
from tests.saml.documents import IDP
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("db")

URL = "https://idp.example.com/metadata"
DOCUMENT = idp_metadata(IDP)


@pytest.fixture
def loaded(monkeypatch):
    """Note which thread loads which address, and load nothing."""
    asked: list[tuple[str, str]] = []

    def load(url):
        asked.append((url, threading.current_thread().name))
        return DOCUMENT

    monkeypatch.setattr(fetch, "metadata_document", load)
    return asked


@pytest.fixture
def nobody_works(metadata_worker, monkeypatch):
    """Wake nobody, and wait shorter for nobody."""
    fetches.woken_by(lambda: None)
    monkeypatch.setattr(fetches, "TAKEN_SECONDS_MAX", 0.2)
    monkeypatch.setattr(fetches, "ANSWERED_SECONDS_MAX", 0.4)


def waiting(organization) -> list[MetadataFetch]:
    with tenancy.of(organization):
        return list(MetadataFetch.objects.filter(organization=organization).order_by("asked_at"))


def ask(organization, url=URL, actor=SETUP) -> bytes:
    return fetches.document(organization.pk, url, actor=actor)


def code_of(organization, url=URL) -> str:
    with pytest.raises(Refused) as refused:
        ask(organization, url)
    return refused.value.code


def test_somebody_else_loads_it_and_nothing_stays(acme, loaded):
    assert ask(acme) == DOCUMENT
    [(url, thread)] = loaded
    assert (url, thread != threading.current_thread().name) == (URL, True)
    assert waiting(acme) == []


def test_each_question_is_asked_anew(acme, loaded):
    ask(acme)
    ask(acme)
    assert len(loaded) == 2


def test_a_worker_that_does_not_run_is_named_and_the_next_question_finds_what_it_loaded_later(
    acme, loaded, nobody_works
):
    assert code_of(acme) == "metadata_unread"
    [row] = waiting(acme)
    assert (row.url, row.asked_by, row.taken_at) == (URL, "job the tests", None)
    assert fetch_metadata() == 1
    assert ask(acme) == DOCUMENT
    assert (len(loaded), waiting(acme)) == (1, [])


def test_what_takes_too_long_goes_on_behind(acme, loaded, nobody_works, monkeypatch):
    with tenancy.of(acme):
        MetadataFetch.objects.create(
            organization=acme,
            url=URL,
            asked_at=timezone.now(),
            asked_by="ada",
            taken_at=timezone.now(),
            left_at=timezone.now(),
        )
    assert code_of(acme) == "metadata_waiting"
    with time_machine.travel(timezone.now() + fetches.LEASE + timedelta(seconds=1)):
        # Whoever took it has died: another worker takes it.
        assert fetch_metadata() == 1
        assert ask(acme) == DOCUMENT


def test_two_who_ask_for_the_same_at_once_are_answered_each(acme, nobody_works, loaded, monkeypatch):
    # On a busy machine nobody who gave up is waited for in vain.
    monkeypatch.setattr(fetches, "TAKEN_SECONDS_MAX", 60)
    monkeypatch.setattr(fetches, "ANSWERED_SECONDS_MAX", 60)
    answers: list[bytes] = []

    def run():
        answers.append(ask(acme))
        databases.close_all()

    both = [threading.Thread(target=run) for _ in range(2)]
    for each in both:
        each.start()
    while len(answers) < 2:
        fetch_metadata()
    for each in both:
        each.join()
    assert (answers, len(loaded), waiting(acme)) == ([DOCUMENT] * 2, 2, [])


def test_a_reason_is_handed_over_once(acme, monkeypatch, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ()
    with pytest.raises(Refused) as refused:
        ask(acme, "https://10.0.0.1/metadata")
    assert (refused.value.code, "private network" in refused.value.detail) == ("metadata_fetch", True)
    assert waiting(acme) == []


def test_another_organization_has_questions_of_its_own(acme, globex, loaded, nobody_works):
    assert code_of(acme) == "metadata_unread"
    assert fetch_metadata() == 1
    assert code_of(globex) == "metadata_unread"
    assert [row.document for row in waiting(globex)] == [None]
    assert fetch_metadata() == 1
    assert (ask(acme), ask(globex)) == (DOCUMENT, DOCUMENT)


def test_no_more_than_some_wait_at_once(acme, globex, loaded, nobody_works):
    for number in range(fetches.WAITING_MAX):
        assert code_of(acme, f"{URL}/{number}") == "metadata_unread"
    assert code_of(acme, f"{URL}/more") == "metadata_busy"
    assert code_of(globex) == "metadata_unread"
    assert fetch_metadata() == fetches.WAITING_MAX + 1
    assert code_of(acme, f"{URL}/more") == "metadata_unread"


def test_two_workers_share_what_waits(acme, nobody_works, monkeypatch):
    both = threading.Barrier(2, timeout=PATIENCE)
    seen: list[str] = []

    def load(url):
        seen.append(url)
        both.wait()
        return DOCUMENT

    monkeypatch.setattr(fetch, "metadata_document", load)
    for number in range(2):
        code_of(acme, f"{URL}/{number}")

    def run():
        fetches.work(1)
        databases.close_all()

    workers = [threading.Thread(target=run) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(seen) == [f"{URL}/0", f"{URL}/1"]


def test_what_nobody_comes_back_for_is_forgotten(acme, loaded, nobody_works):
    code_of(acme)
    fetch_metadata()
    assert forget_metadata() == 0
    with time_machine.travel(timezone.now() + fetches.KEPT + timedelta(seconds=1)):
        assert fetch_metadata() == 0
        assert forget_metadata() == 1
    assert waiting(acme) == []


def test_a_request_that_is_one_transaction_asks_outside_of_it(acme, ada, loaded):
    api = token_of(ada)
    api.headers["Idempotency-Key"] = "once"
    made = api.post("/organizations/acme/connections", {"name": "By address", "idp_metadata_url": URL})
    assert (made.status_code, made.json()["idp_entity_id"]) == (201, IDP.entity_id)
    again = api.post("/organizations/acme/connections", {"name": "By address", "idp_metadata_url": URL})
    assert (again.json()["id"], len(loaded)) == (made.json()["id"], 1)


def test_the_api_says_what_to_do_and_then_does_it(acme, ada, loaded, nobody_works):
    api, body = token_of(ada), {"name": "By address", "idp_metadata_url": URL}
    refused = api.post("/organizations/acme/connections", body)
    assert (refused.status_code, refused.json()["field"]) == (400, "idp_metadata_url")
    assert "No worker has begun" in refused.json()["detail"]
    found = api.post("/organizations/acme/connections/verify", {"idp_metadata_url": URL}).json()
    [problem] = found["problems"]
    assert problem["code"] == "metadata_unread"
    fetch_metadata()
    assert api.post("/organizations/acme/connections", body).status_code == 201


def test_the_page_keeps_what_was_typed_and_finds_it_loaded(acme, ada, loaded, nobody_works):
    form = {
        "name": "Typed",
        "idp_preset": "generic",
        "idp_metadata_url": URL,
        "first": "nothing",
        "act": "verify",
    }
    page = visit(ada).post("/o/acme/connections/new", form).content.decode()
    assert "No worker has begun to load the metadata" in page
    assert f'value="{URL}"' in page
    fetch_metadata()
    page = visit(ada).post("/o/acme/connections/new", form).content.decode()
    assert IDP.entity_id in page
    with tenancy.of(acme):
        assert not Connection.objects.exists()


def test_who_asked_stands_in_the_row(acme, nobody_works):
    with pytest.raises(Refused):
        ask(acme, actor=Actor("member", str(UUID(int=1)), "ada@acme.example"))
    assert waiting(acme)[0].asked_by == "member ada@acme.example"
