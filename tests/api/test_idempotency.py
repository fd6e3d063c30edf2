"""A POST with an Idempotency-Key happens once, whoever sends it again, at once or after a crash."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connections

from identity import members, tenancy, tokens
from identity.models import KeptAnswer, Member, Token
from tasks.jobs import credentials
from tests.api.client import browser_of, operator, recorded, token_of
from tests.conftest import later

PATH = "/organizations/acme/members"


def keyed(api, key="key-1"):
    api.headers = api.headers | {"Idempotency-Key": key}
    return api


def test_the_same_call_is_answered_as_before_and_happens_once(acme, ada):
    api = keyed(token_of(ada))
    first, second = (api.post(PATH, {"user_name": "new@acme.example"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert ("Idempotency-Replayed" in first, second["Idempotency-Replayed"]) == (False, "true")
    assert len(recorded(acme, "member.create")) == 2  # ada and the new one


def test_without_a_key_it_is_a_second_call(acme, ada):
    api = token_of(ada)
    assert [api.post(PATH, {"user_name": "new"}).status_code for _ in range(2)] == [201, 409]


def test_the_same_key_with_another_body_or_address_is_refused(acme, ada, jane):
    api = keyed(token_of(ada))
    api.post(PATH, {"user_name": "new"})
    for path, body in (
        (PATH, {"user_name": "other"}),
        (f"{PATH}?x=1", {"user_name": "new"}),
        (f"{PATH}/{jane.pk}/suspend", {}),
    ):
        answer = api.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    with tenancy.of(acme):
        assert not Member.objects.filter(user_name="other").exists()
        assert Member.objects.get(pk=jane.pk).is_active


def test_a_refused_call_is_tried_again(acme, ada):
    api = keyed(token_of(ada))
    assert api.post(PATH, {"user_name": "ada@acme.example"}).status_code == 409
    members.change(ada, user_name="ada2", actor=members.Actor("job", "x", "x"))
    assert api.post(PATH, {"user_name": "ada@acme.example"}).status_code == 201
    assert [line["reason"] for line in recorded(acme, "api.refuse")] == ["user_name_taken"]


def test_a_token_is_in_the_second_answer_and_nowhere_in_the_clear(acme, ada, eraser):
    api = keyed(token_of(ada))
    path = f"{PATH}/{ada.pk}/tokens"
    first, second = (api.post(path, {"name": "Script", "scopes": ["members.read"]}) for _ in range(2))
    assert first.json()["token"] == second.json()["token"]
    with tenancy.of(acme):
        assert Token.objects.filter(name="Script").count() == 1
    stored = eraser.execute("SELECT body_sealed FROM identity_keptanswer").fetchone()[0]
    assert first.json()["token"].encode() not in bytes(stored)


def test_keys_belong_to_their_token(acme, ada):
    answers = [keyed(token_of(ada)).post(PATH, {"user_name": "new"}).status_code for _ in range(2)]
    assert answers == [201, 409]
    assert keyed(browser_of(ada)).post(PATH, {"user_name": "new3"}).status_code == 403  # no CSRF token


def test_an_operator_has_keys_in_the_operators_own_organization(acme, operators, settings):
    api = keyed(operator(settings))
    body = {"name": "New", "slug": "new", "access_model": "portfolio_asset"}
    first, second = (api.post("/organizations", body) for _ in range(2))
    assert (first.json(), second["Idempotency-Replayed"]) == (second.json(), "true")
    with tenancy.of(operators):
        assert KeptAnswer.objects.get().caller == "operator:environment"


def test_without_an_operating_organization_the_operator_token_has_no_keys(acme, settings):
    answer = keyed(operator(settings)).post(PATH, {"user_name": "new"})
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "umläut"])
def test_a_strange_key_is_refused(acme, ada, key):
    api = token_of(ada)
    api.headers["Idempotency-Key"] = key
    answer = api.post(PATH, {"user_name": "new"})
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


def test_at_once_one_does_it_and_the_others_wait_or_hear_the_same(acme, ada):
    secret = tokens.issue(ada, actor=members.Actor("job", "x", "x"), scopes=["members.write"])[1]
    barrier = threading.Barrier(6)

    def call(_):
        from tests.api.client import bearer

        try:
            barrier.wait()
            return keyed(bearer(secret)).post(PATH, {"user_name": "new"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(call, range(6)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert (answer.json()["code"], answer["Retry-After"]) == ("idempotency_in_progress", "1")
    with tenancy.of(acme):
        assert Member.objects.filter(user_name="new").count() == 1


def test_a_call_that_dies_leaves_neither_change_nor_answer(acme, ada, monkeypatch):
    from identity import secrets

    def die(*_):
        raise RuntimeError("the process dies")

    api = keyed(token_of(ada))
    monkeypatch.setattr(secrets, "seal", die)
    api.client.raise_request_exception = False
    assert api.post(PATH, {"user_name": "new"}).status_code == 500
    monkeypatch.undo()
    answer = api.post(PATH, {"user_name": "new"})
    assert (answer.status_code, "Idempotency-Replayed" in answer) == (201, False)


def test_an_answer_is_kept_for_a_day(acme, ada, jane):
    api = keyed(token_of(ada))
    path = f"{PATH}/{jane.pk}/suspend"
    api.post(path, {})
    with later(hours=23):
        assert credentials.kept_answers() == 0
        assert "Idempotency-Replayed" in api.post(path, {})
    with later(hours=24):
        assert "Idempotency-Replayed" not in api.post(path, {})
    with later(hours=49):
        assert credentials.kept_answers() == 1
        assert credentials.kept_answers() == 0


def test_an_access_question_is_answered_anew(acme, ada, jane):
    api = keyed(token_of(ada))
    body = {
        "questions": [
            {"member": str(jane.pk), "permission": "view", "resource": {"kind": "portfolio", "id": "p"}}
        ]
    }
    for _ in range(2):
        assert "Idempotency-Replayed" not in api.post("/organizations/acme/access/check", body)


def test_every_post_of_the_api_takes_the_key_but_questions(db):
    from identity.api.view import ApiView

    def every(view):
        for below in view.__subclasses__():
            yield below
            yield from every(below)

    def wrappers(post):
        while post is not None:
            yield Path(post.__code__.co_filename).name
            post = getattr(post, "__wrapped__", None)

    posting = [view for view in every(ApiView) if "post" in view.__dict__]
    assert len(posting) > 20
    unkept = {view.__name__ for view in posting if "idempotency.py" not in wrappers(view.post)}
    assert unkept == {
        "Check", "ImportPreview", "OffboardingPreview", "GroupAccessPreview", "Verification", "Test",
    }  # fmt: skip
