"""What each identity provider calls our values, and where an administrator clicks."""

import pytest
from cryptography import x509

from saml import ours
from saml.names import NAMEID_PERSISTENT
from saml.presets import PRESETS
from saml.refusals import CATALOGUE
from tests.api.client import token_of
from tests.saml.door import Browser, connect

pytestmark = pytest.mark.usefixtures("db")
# What goes wrong at first with every product.
COMMON = {
    "audience", "recipient", "destination", "assertion_not_signed", "response_not_signed", "assertion_signature",
    "response_signature", "attribute_missing", "name_id_missing", "status",
}  # fmt: skip


def test_a_request_that_was_not_accepted_is_not_looked_for_among_the_people():
    okta, shibboleth = PRESETS["okta"], PRESETS["shibboleth"]
    assert okta.place("status_denied") == "Applications › this application › Assignments"
    for code in ("status_request", "status_authn_context", "status_name_id_policy", "status_passive"):
        assert okta.place(code) == "Applications › this application › General › SAML Settings › Edit"
        assert shibboleth.place(code) == "logs/idp-process.log"


@pytest.mark.parametrize("name", PRESETS)
def test_each_product_tells_where_to_click_for_what_goes_wrong_at_first(name):
    where = PRESETS[name].where
    assert set(where) >= COMMON
    assert set(where) <= set(CATALOGUE)


@pytest.mark.parametrize("name", PRESETS)
def test_our_values_stand_under_the_products_names(acme, name):
    connection = connect(acme, idp_preset=name, active=False)
    shown = ours.values(connection)
    labels = [each.label for each in shown]
    assert len(set(labels)) == len(labels)
    assert set(PRESETS[name].words.values()) <= {
        *labels,
        *(() if PRESETS[name].signs_out else (PRESETS[name].words.get("sls_url"),)),
    }
    assert ("sls_url" in {each.name for each in shown}) is PRESETS[name].signs_out


def test_a_new_connection_asks_for_the_name_id_that_its_product_needs_told_to(acme):
    assert connect(acme, idp_preset="authentik").name_id_format == NAMEID_PERSISTENT
    assert connect(acme, name="plain", idp_preset="authentik", name_id_format="").name_id_format == ""
    assert connect(acme, name="other", idp_preset="okta").name_id_format == ""


def test_google_is_told_where_people_come_out_where_it_asks_for_that(acme):
    held = {each.label: each.value for each in ours.values(connect(acme, idp_preset="google"))}
    assert held["Start URL"] == "/"
    assert held["Sign-in address"].endswith("/login")


def test_the_api_shows_them_and_the_certificate_is_a_file(acme, ada):
    connection = connect(acme, idp_preset="okta")
    made = token_of(ada).get(f"/organizations/acme/connections/{connection.pk}").json()
    named = {each["label"]: each["value"] for each in made["our_values"]}
    assert named["Audience URI (SP Entity ID)"] == made["entity_id"]
    assert named["Single sign-on URL"] == made["acs_url"]
    assert named["Default RelayState"] == "/"
    answer = Browser(connection).client.get(f"/saml2/{connection.pk}/certificate")
    assert answer["Content-Disposition"].endswith('.pem"')
    assert answer.content.decode() == made["sp_certificate"]
    assert x509.load_pem_x509_certificate(answer.content)
    assert Browser(connection).client.post(f"/saml2/{connection.pk}/certificate").status_code == 405
