"""What few connections need stands on their page all the same: what refusals advise can be done where people read them."""

from datetime import UTC, datetime

import pytest

from identity import tenancy
from saml import connections
from saml.models import Connection
from tests.conftest import SETUP
from tests.console.addresses import address
from tests.console.conftest import entries, filled_from, visit
from tests.console.test_sources import filled, only

WISHED = {
    "allow_other_domains": "yes",
    "encryption": "required",
    "sign_requests": "no",
    "force_authn": "yes",
    "allow_cbc": "yes",
    "destination_waived": "yes",
    "encrypt_name_id": "yes",
    "skew_seconds": "120",
    "sha1_until": "2030-01-31",
    "name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "authn_contexts": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password\r\n\r\nurn:x",
}
KEPT = {
    "allow_other_domains": True,
    "encryption": "required",
    "sign_requests": False,
    "force_authn": True,
    "allow_cbc": True,
    "destination_waived": True,
    "encrypt_name_id": True,
    "skew_seconds": 120,
    "sha1_until": datetime(2030, 1, 31, tzinfo=UTC),
    "name_id_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "authn_contexts": ["urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "urn:x"],
}


@pytest.fixture
def path(things) -> str:
    return address("connection_change", things)


def kept(things) -> dict[str, object]:
    connection = only(Connection, things.organization)
    return {name: getattr(connection, name) for name in KEPT}


def test_how_messages_are_exchanged_is_set_on_the_page_and_taken_back_there(things, ada, path):
    client = visit(ada)
    before = kept(things)
    untouched = filled_from(client, path)
    assert client.post(path, untouched | WISHED).status_code == 303
    assert kept(things) == KEPT
    assert {name: filled_from(client, path)[name] for name in ("allow_cbc", "skew_seconds")} == {
        "allow_cbc": "yes",
        "skew_seconds": 120,
    }
    shown = client.get(address("connection", things)).content.decode()
    assert "<dt>Signed</dt><dd>Assertion or response</dd>" in shown
    assert "<dt>Encryption</dt><dd>Required</dd>" in shown
    empty = {"sha1_until": "", "authn_contexts": ""}
    assert client.post(path, filled_from(client, path) | untouched | empty).status_code == 303
    assert kept(things) == before


def test_the_fields_look_like_all_others(things, ada, path):
    form = visit(ada).get(path).context["form"]
    assert [
        name
        for name, field in form.fields.items()
        if not field.widget.attrs.get("class", "").startswith("form-")
    ] == []


def test_saving_it_untouched_changes_nothing(things, ada, path):
    client = visit(ada)
    with tenancy.of(things.organization):
        connection = Connection.objects.get()
    connections.change(connection, actor=SETUP, **(KEPT | {"sha1_until": "2030-01-31T17:30:00Z"}))
    stands = kept(things)
    before = len(entries(things.organization, "connection.change"))
    assert client.post(path, filled_from(client, path) | {"defaults": "none"}).status_code == 303
    assert kept(things) == stands
    assert len(entries(things.organization, "connection.change")) == before


def test_a_page_that_had_less_on_it_leaves_the_rest(things, ada, path):
    with tenancy.of(things.organization):
        connections.change(Connection.objects.get(), actor=SETUP, **KEPT)
    assert visit(ada).post(path, filled(name="Renamed", defaults="none")).status_code == 303
    assert only(Connection, things.organization).name == "Renamed"
    assert kept(things) == KEPT


def test_what_cannot_be_is_refused_beside_its_field(things, ada, path):
    client = visit(ada)
    answer = client.post(path, filled_from(client, path) | {"skew_seconds": "301"})
    assert answer.status_code == 400
    assert 'id="id_skew_seconds_error"' in answer.content.decode()


def test_a_new_connection_is_left_to_its_preset(acme, ada):
    client = visit(ada)
    assert "skew_seconds" not in client.get("/o/acme/connections/new").context["form"].fields
    values = filled_from(client, "/o/acme/connections/new") | {
        "name": "AD FS", "idp_preset": "adfs", "skew_seconds": "0", "allow_cbc": "no",
    }  # fmt: skip
    assert client.post("/o/acme/connections/new", values).status_code == 303
    made = only(Connection, acme)
    assert (made.signed, made.allow_cbc, made.skew_seconds) == ("assertion", True, 60)
