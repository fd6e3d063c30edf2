"""New keys on either side, without a moment in which nobody can sign in."""

from datetime import timedelta
from http.server import BaseHTTPRequestHandler

import pytest
import time_machine
from django.utils import timezone
from lxml import etree

from demo.idp_keys import key_pair
from demo.idp_logout import idp_metadata
from demo.idp_messages import TestIdp, respond
from identity import tenancy
from saml import connections, metadata, refresh, trust
from saml.models import KeyPair
from saml.names import DS, MD
from tests.api.client import token_of
from tests.conftest import SETUP
from tests.saml.documents import IDP
from tests.saml.door import Browser, connect, entries, prove
from tests.site import opened

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def connection(acme):
    prove(acme, "acme.example")
    return connect(acme, encryption="optional", allow_idp_initiated=True)


def current(connection):
    return connections.find(connection.pk)


def published(connection):
    response = Browser(connection).client.get(f"/saml2/{connection.pk}/metadata")
    found = etree.fromstring(response.content).findall(f".//{{{MD}}}KeyDescriptor[@use='signing']")
    return [element.findtext(f".//{{{DS}}}X509Certificate") for element in found]


def states(connection):
    with tenancy.of(connection.organization_id):
        return sorted(KeyPair.objects.filter(connection=connection).values_list("state", flat=True))


def test_our_key_rolls_over_and_the_one_before_still_opens(acme, ada, connection):
    api, path = token_of(ada), f"/organizations/acme/connections/{connection.pk}"
    [old] = published(connection)
    old_pem = api.get(path).json()["sp_certificate"]
    assert api.post(f"{path}/keys/switch").status_code == 400
    assert api.post(f"{path}/keys/next").status_code == 200
    assert api.post(f"{path}/keys/next").status_code == 400
    both = published(connection)
    assert (both[0], len(both)) == (old, 2)
    assert api.get(path).json()["sp_certificate"] == old_pem
    assert api.post(f"{path}/keys/switch").status_code == 200
    assert published(connection) == [both[1]]
    new_pem = api.get(path).json()["sp_certificate"]
    assert new_pem != old_pem
    browser = Browser(connection)
    for pem in (old_pem, new_pem):
        document = respond(browser.idp, browser.answer(None, encrypt_for=pem))
        assert browser.post(document).status_code == 303
    assert api.post(f"{path}/keys/retire").status_code == 200
    assert browser.post(respond(browser.idp, browser.answer(None, encrypt_for=old_pem))).status_code == 403
    assert browser.post(respond(browser.idp, browser.answer(None, encrypt_for=new_pem))).status_code == 303
    assert states(connection) == ["current", "retired"]
    with tenancy.of(acme):
        assert bytes(KeyPair.objects.get(state="retired").private_sealed) == b""
    assert len(entries(acme, "connection.key")) == 4
    assert api.post(f"{path}/keys/melt").status_code == 404


def learn(connection, idp, **knobs):
    return refresh.apply(current(connection), metadata.read(idp_metadata(idp, **knobs)), actor=SETUP)


def uses(connection):
    with tenancy.of(connection.organization_id):
        return [row.subject for row in trust.current(connection)]


def test_a_new_certificate_is_taken_and_the_old_one_kept_for_the_overlap(acme, connection):
    new = TestIdp(keys=key_pair("next"))
    assert learn(connection, IDP, more_signing=(new.keys,)).added == 1
    assert uses(connection) == ["CN=idp", "CN=next"]
    for idp in (IDP, new):
        browser = Browser(current(connection), idp)
        assert browser.post(respond(idp, browser.answer(None))).status_code == 303
    assert learn(connection, new) == refresh.Refreshed()
    assert uses(connection) == ["CN=idp", "CN=next"]
    with time_machine.travel(timezone.now() + timedelta(days=13, hours=23)):
        assert learn(connection, new) == refresh.Refreshed()
    with time_machine.travel(timezone.now() + timedelta(days=14, seconds=1)):
        assert learn(connection, new).removed == 1
    assert uses(connection) == ["CN=next"]
    assert [entry.outcome for entry in entries(acme, "connection.metadata")] == ["success", "success"]


def test_a_certificate_that_came_back_has_its_whole_overlap_again(connection):
    new = TestIdp(keys=key_pair("next"))
    learn(connection, IDP, more_signing=(new.keys,))
    for days, idp, more in ((0, new, ()), (1, IDP, (new.keys,)), (15, new, ())):
        with time_machine.travel(timezone.now() + timedelta(days=days)):
            assert learn(connection, idp, more_signing=more) == refresh.Refreshed()
    assert uses(connection) == ["CN=idp", "CN=next"]


def test_the_same_metadata_writes_nothing(acme, connection):
    version = current(connection).version
    assert learn(connection, IDP) == refresh.Refreshed()
    assert current(connection).version == version
    assert entries(acme, "connection.metadata") == []


def test_a_federation_is_read_for_the_one_that_the_connection_has(connection):
    """One document for many, and ours is looked up in it by its name at each reading."""
    other = TestIdp(entity_id="https://other.example/idp", keys=key_pair("other"))
    head = b'<e:EntitiesDescriptor xmlns:e="urn:oasis:names:tc:SAML:2.0:metadata">'
    ours = idp_metadata(IDP, more_signing=(key_pair("next"),))
    document = head + idp_metadata(other) + ours + b"</e:EntitiesDescriptor>"
    found = refresh.ask(current(connection), lambda _url: document)
    assert refresh.conclude(current(connection), found, actor=SETUP).added == 1
    assert uses(connection) == ["CN=idp", "CN=next"]
    without = head + idp_metadata(other) * 2 + b"</e:EntitiesDescriptor>"
    found = refresh.ask(current(connection), lambda _url: without)
    assert refresh.conclude(current(connection), found, actor=SETUP).held == "metadata_many"


def test_row_63_a_key_set_with_nothing_of_the_old_waits_for_a_person(acme, connection):
    assert learn(connection, TestIdp(keys=key_pair("stranger"))).held == "keys_replaced"
    assert uses(connection) == ["CN=idp"]
    [entry] = entries(acme, "connection.metadata")
    assert (entry.outcome, entry.reason) == ("refused", "keys_replaced")


def test_row_63_another_entity_id_waits_for_a_person(acme, connection):
    assert learn(connection, TestIdp("https://other.example")).held == "entity_id_changed"
    assert current(connection).idp_entity_id == IDP.entity_id


@pytest.fixture
def site(settings):
    class Idp(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.document)

    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    with opened(Idp, document=idp_metadata(IDP)) as server:
        yield server


def test_a_connection_is_made_and_refreshed_by_address(acme, ada, site):
    api = token_of(ada)
    made = api.post(
        "/organizations/acme/connections", {"name": "By address", "idp_metadata_url": f"{site.root}/metadata"}
    ).json()
    assert made["idp_entity_id"] == IDP.entity_id
    path = f"/organizations/acme/connections/{made['id']}"
    site.document = idp_metadata(IDP, more_signing=(key_pair("next"),))
    assert api.post(f"{path}/refresh").json() == {"added": 1, "removed": 0, "held": ""}
    site.document = b"<html>"
    assert api.post(f"{path}/refresh").json() == {"added": 0, "removed": 0, "held": "metadata_page"}
    assert len(api.get(path).json()["certificates"]) == 2


def test_an_address_inside_our_network_is_told_and_nothing_is_made(acme, ada, site, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ()
    api = token_of(ada)
    refused = api.post(
        "/organizations/acme/connections", {"name": "x", "idp_metadata_url": f"{site.root}/metadata"}
    )
    assert (refused.status_code, refused.json()["field"]) == (400, "idp_metadata_url")
    assert "private network" in refused.json()["detail"]


def test_a_connection_without_an_address_has_nothing_to_refresh(acme, ada, connection):
    path = f"/organizations/acme/connections/{connection.pk}/refresh"
    assert token_of(ada).post(path).status_code == 400
