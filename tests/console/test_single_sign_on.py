"""The way to an organization's identity provider: by its short name, a proved domain, an identifier or a link, and never by person."""

import re

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from identity import domains, invitations, members, sessions, sign_on, tenancy
from identity.models import Organization, OutgoingMail
from saml import connections, keys
from saml import sign_on as saml_sign_on
from tests.conftest import SETUP, join
from tests.console.conftest import entries, visit
from tests.console.test_sign_in import PASSWORD


def test_row_61_nobody_is_signed_out_by_an_image_or_by_another_sites_form(acme, ada, connection):
    client = visit(ada)
    assert client.get("/sign-out").status_code == 405
    assert client.head("/sign-out").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post("/sign-out").status_code == 403
    # The logout address of SAML takes no cookie for it: only a message that the identity provider signed.
    for answer in (client.get(f"/saml2/{connection.pk}/sls"), client.post(f"/saml2/{connection.pk}/sls")):
        assert answer.status_code == 403
    assert client.get("/me").status_code == 200
    assert entries(acme, "session.end") == []


@pytest.fixture
def connection(acme: Organization):
    return connections.create(
        acme, actor=SETUP, name="Okta", idp_preset="okta", idp_entity_id="http://idp.example", sso_url="https://idp.example/sso",
        certificates=[keys.generate("idp")[1]], defaults={"grants": [], "roles": []}, active=True, activate_untested=True,
    )  # fmt: skip


def test_the_short_name_leads_to_the_organizations_identity_provider(connection):
    answer = Client().post("/sign-in/single-sign-on", {"where": " ACME ", "next": "/o/acme/"})
    assert answer.status_code == 200
    assert f"url=/saml2/{connection.pk}/login?next=%2Fo%2Facme%2F" in answer.content.decode()


def test_an_address_in_a_proved_domain_leads_there_whoever_it_is(acme, connection, jane):
    domain = domains.claim(acme, "acme.example", actor=SETUP)
    ask = {"where": "jane@acme.example"}
    assert Client().post("/sign-in/single-sign-on", ask).status_code == 404
    domains.confirm(domain, actor=SETUP)
    known = Client().post("/sign-in/single-sign-on", ask)
    unknown = Client().post("/sign-in/single-sign-on", {"where": "nobody@acme.example"})
    assert known.status_code == unknown.status_code == 200
    assert known.content == unknown.content


def test_a_connection_that_is_off_leads_nowhere(connection):
    connections.change(connection, actor=SETUP, active=False)
    answer = Client().post("/sign-in/single-sign-on", {"where": "acme"})
    assert answer.status_code == 404
    assert b"No single sign-on is set up" in answer.content


def test_signing_out_of_a_saml_session_leads_on_to_the_identity_provider(acme, ada, connection):
    connections.change(connection, actor=SETUP, slo_url="https://idp.example/slo", slo_binding="redirect")
    client = Client()
    origin = sessions.SamlOrigin(connection.pk, "ada", "index-1")
    _, client.cookies["rollcall_session"] = sessions.start(ada, actor=SETUP, saml=origin)
    answer = client.post("/sign-out")
    assert "url=https://idp.example/slo?SAMLRequest=" in answer.content.decode()
    assert answer.cookies["rollcall_session"].value == ""
    assert client.get("/me")["Location"].startswith("/sign-in")


def test_row_66_a_routed_domain_answers_the_same_whoever_is_asked_about(acme, connection, jane):
    """Same page, same status, same work: nobody is looked up."""
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    members.offboard(join(acme, "gone@acme.example"), actor=SETUP)
    answers, work = [], []
    for who in ("jane@acme.example", "nobody@acme.example", "gone@acme.example"):
        with CaptureQueriesContext(database) as queries:
            answers.append(Client().post("/sign-in/single-sign-on", {"where": who}))
        work.append([query["sql"] for query in queries])
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert not any("identity_member" in sql for sql in work[0])
    assert [len(each) for each in work] == [len(work[0])] * 3
    elsewhere = {
        Client().post("/sign-in/single-sign-on", {"where": who}).status_code
        for who in ("jane@other.example", "nobody@other.example")
    }
    assert elsewhere == {404}


def test_an_identifier_leads_to_the_organization_and_a_proved_domain_comes_before_it(
    acme, globex, connection
):
    sign_on.change(acme, actor=SETUP, sso_identifier="sso.acme.test")
    found = Client().post("/sign-in/single-sign-on", {"where": "SSO.Acme.test"})
    assert f"/saml2/{connection.pk}/login" in found.content.decode()
    assert Client().post("/sign-in/single-sign-on", {"where": "x@sso.acme.test"}).status_code == 404
    domains.confirm(domains.claim(globex, "sso.acme.test", actor=SETUP), actor=SETUP)
    assert Client().post("/sign-in/single-sign-on", {"where": "sso.acme.test"}).status_code == 404


def test_the_way_is_remembered_without_saying_who_went_it(acme, connection):
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    client = Client()
    client.post("/sign-in/single-sign-on", {"where": "jane@acme.example"})
    cookie = client.cookies["rollcall_door"]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == ("acme.example", True, "Lax")
    page = client.get("/sign-in").content.decode()
    assert 'value="acme.example"' in page
    assert "jane@" not in page
    client.post("/sign-in/single-sign-on", {"where": "nowhere.example"})
    assert client.cookies["rollcall_door"].value == "acme.example"


def test_the_letter_of_an_invitation_leads_to_the_organizations_door(acme, connection):
    invitations.create(acme, "new@acme.example", actor=SETUP)
    with tenancy.of(acme):
        body = OutgoingMail.objects.get(organization=acme).body
    path = re.search(r"(/sign-in\?organization=\S+)", body)[1]
    where = re.search(r'name="where" value="([^"]*)"', Client().get(path).content.decode())[1]
    led = Client().post("/sign-in/single-sign-on", {"where": where})
    assert f"/saml2/{connection.pk}/login" in led.content.decode()


def test_an_organization_in_which_sign_in_does_not_start_here_is_not_found(acme, connection):
    connections.change(connection, actor=SETUP, allow_idp_initiated=True)
    saml_sign_on.change(acme, actor=SETUP, start_here=False)
    assert Client().post("/sign-in/single-sign-on", {"where": "acme"}).status_code == 404


def test_how_people_sign_in_is_changed_on_its_page(acme, ada, connection):
    members.set_password(ada, PASSWORD, actor=SETUP)
    client = visit(ada)
    assert "ada@acme.example" in client.get("/o/acme/sign-on").content.decode()
    values = {
        "sign_on": "single_sign_on",
        "break_glass": "",
        "sso_identifier": "acme.test",
        "start_here": "on",
    }
    refused = client.post("/o/acme/sign-on", values)
    assert refused.status_code == 400
    assert b"Name a break-glass administrator first" in refused.content
    saved = client.post("/o/acme/sign-on", values | {"break_glass": str(ada.pk)}, follow=True)
    assert b"How people sign in is saved." in saved.content
    assert b"/sign-in?sso=acme.test" in saved.content
    assert len(entries(acme, "organization.sign_on")) == 1
    client.post("/o/acme/sign-on", values | {"break_glass": str(ada.pk)})
    assert len(entries(acme, "organization.sign_on")) == 1
