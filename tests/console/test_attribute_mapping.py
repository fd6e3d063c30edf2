"""The attributes of a test sign-in fill the form in which each is given its meaning."""

import json
import re
from urllib.parse import urlsplit

import pytest

from demo.idp_messages import respond
from identity import tenancy
from saml.models import Connection
from tests.conftest import join
from tests.console.conftest import entries, visit
from tests.saml.door import Browser, connect, prove, request_of

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def browser(acme, ada):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, active=False), client=visit(ada))
    browser.page = f"/o/acme/connections/{browser.connection.pk}/"
    return browser


def trial(browser, **attributes):
    shown = browser.client.get(browser.page).content.decode()
    link = urlsplit(re.search(r'href="([^"]*login\?test=[^"]+)"', shown)[1])
    request = request_of(browser.client.get(f"{link.path}?{link.query}")["Location"])
    browser.post(respond(browser.idp, browser.answer(request, attributes=attributes, name_id="00u1")))


def mapping(browser):
    with tenancy.of(browser.connection.organization):
        return Connection.objects.get(pk=browser.connection.pk).attribute_mapping


def save(browser, **chosen):
    form = {name: json.dumps(names) if names else "" for name, names in chosen.items()}
    return browser.client.post(f"{browser.page}attributes", form)


def test_before_a_test_there_is_little_to_choose_from(browser):
    page = browser.client.get(f"{browser.page}attributes").content.decode()
    assert "Do a test sign-in first" in page
    assert page.count("By its usual names") == page.count("<select")


def test_what_came_is_chosen_from_with_samples_and_read_by_what_was_saved(acme, browser):
    trial(browser, postfach="jane@acme.example", Abteilung=["auditor", "member"])
    page = browser.client.get(f"{browser.page}attributes").content.decode()
    assert "postfach — jane@acme.example" in page
    assert "Abteilung — auditor, member" in page
    assert "NameID — 00u1" in page
    answer = save(browser, email=["postfach"], roles=["Abteilung"])
    assert answer.status_code == 303
    assert mapping(browser) == {"email": ["postfach"], "roles": ["Abteilung"]}
    assert len(entries(acme, "connection.change")) == 1
    read = browser.client.get(f"{browser.page}attributes").content.decode()
    assert '<dd class="rc-break">jane@acme.example</dd>' in read
    assert '<dd class="rc-break">auditor, member</dd>' in read
    trial(browser, postfach="jane@acme.example", Abteilung=["auditor"])
    with tenancy.of(acme):
        assert Connection.objects.get().tested_at is not None


def test_what_was_mapped_by_hand_stays_choosable_and_saving_unchanged_changes_nothing(acme, browser):
    from saml import connections
    from tests.conftest import SETUP

    kept = {"email": ["mail", "postfach"], "permissions:portfolio": ["p"], "companies": ["firma"]}
    connections.change(browser.connection, actor=SETUP, attribute_mapping=kept)
    page = browser.client.get(f"{browser.page}attributes").content.decode()
    assert "mail, postfach (as now; not in the last test)" in page
    save(browser, email=["mail", "postfach"], **{"permissions:portfolio": ["p"]})
    assert mapping(browser) == kept
    assert len(entries(acme, "connection.change")) == 1


@pytest.mark.parametrize("wrong", ['["never came"]', "x", '[""]'])
def test_only_what_is_offered_can_be_chosen(browser, wrong):
    refused = browser.client.post(f"{browser.page}attributes", {"email": wrong})
    assert refused.status_code == 400
    assert mapping(browser) == {}


def test_whoever_only_reads_connections_changes_nothing(acme, browser):
    auditor = visit(join(acme, "aud@acme.example", role="auditor"))
    assert auditor.get(f"{browser.page}attributes").status_code == 403
