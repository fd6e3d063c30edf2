"""A connection's key rollover in the console: three buttons, each saying what will happen and what happened."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from identity import tenancy
from saml.models import KeyPair
from tests.conftest import join
from tests.console.addresses import address
from tests.console.conftest import entries, visit


def states(things) -> list[str]:
    with tenancy.of(things.organization):
        return sorted(KeyPair.objects.values_list("state", flat=True))


def published(things) -> int:
    return (
        Client()
        .get(f"/saml2/{things.ids['connection']}/metadata")
        .content.count(b'KeyDescriptor use="signing"')
    )


def step(things, name: str) -> str:
    return address("connection_keys", things) + name


def test_the_three_steps_in_their_order_lead_from_one_key_to_the_next(things, ada):
    client, path = visit(ada), address("connection_keys", things)
    html = client.get(path).content.decode()
    assert "Nothing is signed with it yet" in html
    assert html.count('<form method="post" action="/o/acme/connections/') == 1
    for name, said, expected in (
        ("next", "The next key is published.", ["current", "next"]),
        ("switch", "signed with the new key from now on", ["current", "previous"]),
        ("retire", "The rollover is complete.", ["current", "retired"]),
    ):
        answer = client.post(step(things, name), follow=True)
        assert answer.redirect_chain == [(path, 303)]
        assert said in answer.content.decode()
        assert "See it in the record" in answer.content.decode()
        assert states(things) == expected
    assert [entry.actor_id for entry in entries(things.organization, "connection.key")][-4:] == [
        str(ada.pk)
    ] * 4


def test_metadata_shows_both_keys_between_publishing_and_switching(things, ada):
    client = visit(ada)
    before = published(things)
    client.post(step(things, "next"))
    assert published(things) == before + 1
    client.post(step(things, "switch"))
    assert published(things) == before


@pytest.mark.parametrize(
    ("done", "asked"), [((), "switch"), ((), "retire"), (("next",), "next"), (("next",), "retire")]
)
def test_a_step_out_of_order_is_refused_and_changes_nothing(things, ada, done, asked):
    client = visit(ada)
    for each in done:
        client.post(step(things, each))
    before = states(things)
    answer = client.post(step(things, asked))
    assert answer.status_code == 400
    assert b'role="alert"' in answer.content
    assert states(things) == before


def test_there_is_no_fourth_step(things, ada):
    assert visit(ada).post(step(things, "melt")).status_code == 404


def test_an_auditor_sees_the_keys_and_no_button(things, acme):
    client = visit(join(acme, "otto@acme.example", role="auditor"))
    html = client.get(address("connection_keys", things)).content.decode()
    assert "Signs our messages" in html
    assert "/keys/next" not in html
    assert client.post(step(things, "next")).status_code == 403


def test_expiry_is_shown_on_both_sides_before_it_comes(things, ada):
    with tenancy.of(things.organization):
        end = KeyPair.objects.get().not_after
    path = address("connection", things)
    html = visit(ada).get(path).content.decode()
    assert "Our certificate expires" not in html
    assert "A certificate of Okta" not in html
    with time_machine.travel(end - timedelta(days=20)):
        html = visit(ada).get(path).content.decode()
        assert "Our certificate expires" in html
        assert "A certificate of Okta" in html
        assert "Expires soon" in visit(ada).get(address("connection_keys", things)).content.decode()
    with time_machine.travel(end + timedelta(days=1)):
        assert "Our certificate expired" in visit(ada).get(path).content.decode()
