"""A connection is switched on after a passed test sign-in, or by somebody who says that none is needed."""

from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from audit.models import Detail
from demo.idp_keys import key_pair
from demo.idp_messages import TestIdp, respond
from identity import tenancy
from saml import refresh, tested
from saml.metadata import IdpCertificate, IdpMetadata
from saml.models import Connection
from tests.api.client import token_of
from tests.conftest import SETUP
from tests.saml.documents import IDP
from tests.saml.door import Browser, connect, entries, prove, request_of

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def browser(acme, ada):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, active=False))
    browser.api = token_of(ada)
    browser.url = f"/organizations/acme/connections/{browser.connection.pk}"
    return browser


def trial(browser, between=None, **knobs):
    link = urlsplit(browser.api.post(f"{browser.url}/test").json()["url"])
    request = request_of(browser.client.get(f"{link.path}?{link.query}")["Location"])
    if between:
        between()
    return browser.post(respond(browser.idp, browser.answer(request, **knobs)))


def switch_on(browser, **more):
    return browser.api.patch(browser.url, {"active": True} | more)


def is_tested(browser):
    return browser.api.get(browser.url).json()["tested"]


def data_of(acme, event):
    entry = entries(acme, event)[-1]
    with tenancy.of(acme):
        return Detail.objects.get(pk=entry.pk).body


def test_an_untested_connection_stays_off(acme, browser):
    refused = switch_on(browser)
    assert (refused.status_code, refused.json()["field"]) == (400, "active")
    assert "activate_untested" in refused.json()["detail"]
    assert entries(acme, "connection.activate") == []


def test_a_passed_test_opens_the_switch_and_stands_in_the_entry(acme, browser):
    page = trial(browser)
    assert b"The connection can be switched on." in page.content
    assert is_tested(browser)
    assert switch_on(browser).status_code == 200
    data = data_of(acme, "connection.activate")["data"]
    assert (data["tested"], data["activate_untested"], bool(data["tested_at"])) == (True, False, True)


def test_the_override_is_recorded(acme, browser):
    assert switch_on(browser, activate_untested=True).status_code == 200
    data = data_of(acme, "connection.activate")["data"]
    assert data == {"tested_at": None, "tested": False, "activate_untested": True}


def test_a_connection_made_and_switched_on_at_once_needs_the_override(acme, browser):
    body = {
        "name": "Second",
        "idp_entity_id": IDP.entity_id,
        "sso_url": IDP.sso_url,
        "certificates": [IDP.keys.certificate_pem],
        "defaults": {"grants": [], "roles": []},
        "active": True,
    }
    path = "/organizations/acme/connections"
    assert browser.api.post(path, body).json()["field"] == "active"
    assert browser.api.post(path, body | {"activate_untested": True}).json()["active"] is True


def test_the_override_without_the_switch_is_refused(browser):
    refused = browser.api.patch(browser.url, {"activate_untested": True})
    assert (refused.status_code, refused.json()["field"]) == (400, "activate_untested")


def test_a_test_of_somebody_who_would_be_refused_does_not_count(browser):
    page = trial(browser, attributes={"email": "x@other.example"}, name_id="x@other.example")
    assert b"It does not count as passed" in page.content
    assert not is_tested(browser)
    assert switch_on(browser).json()["field"] == "active"


def test_a_refused_test_does_not_count(browser):
    trial(browser, audience="https://typo.example")
    assert not is_tested(browser)


@pytest.mark.parametrize(
    "change",
    [
        {"idp_entity_id": "https://other.example"},
        {"sso_url": "https://other.example/sso"},
        {"signed": "both"},
        {"encryption": "required"},
        {"attribute_mapping": {"email": "mail"}},
        {"idp_preset": "shibboleth"},
    ],
)
def test_what_the_test_proved_is_proved_no_more_after_a_change(acme, browser, change):
    trial(browser)
    assert browser.api.patch(browser.url, change).status_code == 200
    assert not is_tested(browser)
    assert data_of(acme, "connection.change")["changes"]["tested_at"][1] is None
    assert switch_on(browser).json()["field"] == "active"


@pytest.mark.parametrize(
    "setting",
    ["idp_entity_id", "sso_url", "sso_binding", "idp_preset", "signed", "encryption", "allow_cbc", "sha1_until", "destination_waived",
     "sign_requests", "force_authn", "name_id_format", "authn_contexts", "attribute_mapping"],
)  # fmt: skip
def test_each_setting_on_which_a_sign_in_hangs_is_proved(setting):
    connection = Connection(tested_at=timezone.now(), tested_key="key")
    tested.forget(connection, {setting: ["before", "after"]})
    assert (connection.tested_at, connection.tested_key) == (None, "")


@pytest.mark.parametrize(
    "change", [{"name": "Renamed"}, {"defaults": {"roles": ["auditor"], "grants": []}}, {"join": "invited"}]
)
def test_a_change_of_something_else_leaves_the_pass(browser, change):
    trial(browser)
    assert browser.api.patch(browser.url, change).status_code == 200
    assert switch_on(browser).status_code == 200


def test_another_certificate_voids_the_pass_and_one_beside_it_does_not(browser):
    trial(browser)
    both = [IDP.keys.certificate_pem, key_pair("next").certificate_pem]
    browser.api.patch(browser.url, {"certificates": both})
    assert is_tested(browser)
    browser.api.patch(browser.url, {"certificates": both[1:]})
    assert not is_tested(browser)
    browser.idp = TestIdp(keys=key_pair("next"))
    trial(browser)
    assert is_tested(browser)


def test_a_key_that_the_metadata_brings_beside_it_leaves_the_pass(browser):
    trial(browser)
    found = tuple(IdpCertificate(keys.certificate_pem, "signing") for keys in (IDP.keys, key_pair("next")))
    refresh.apply(browser.connection, IdpMetadata(IDP.entity_id, IDP.sso_url, "redirect", found), actor=SETUP)
    assert is_tested(browser)


def test_a_change_while_the_test_is_under_way_is_not_overtaken_by_it(browser):
    """The response is verified by what holds when it comes, and that is what it then proves."""
    trial(browser, between=lambda: browser.api.patch(browser.url, {"signed": "both"}))
    assert not is_tested(browser)


def test_what_was_verified_by_former_settings_is_not_noted(acme, browser):
    trial(browser)
    with tenancy.of(acme):
        former = Connection.objects.get(organization=acme)
    assert browser.api.patch(browser.url, {"sso_url": "https://other.example/sso"}).status_code == 200
    with tenancy.change(acme.pk):
        tested.note(former, former.tested_key, timezone.now())
    assert not is_tested(browser)


def test_switching_off_and_on_again_needs_no_new_test(acme, browser):
    trial(browser)
    switch_on(browser)
    assert browser.api.patch(browser.url, {"active": False}).status_code == 200
    assert data_of(acme, "connection.deactivate")["changes"] == {"active": [True, False]}
    assert switch_on(browser).status_code == 200
