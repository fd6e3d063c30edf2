"""Directories with their tokens, domains, and connections: what an administrator sets up."""

import re

import pytest

from identity import domains, tenancy, tokens
from identity.models import Directory, Domain, Organization
from saml import connections, keys
from saml.models import Connection
from tests.conftest import SETUP
from tests.console.addresses import address
from tests.console.conftest import entries, filled_from, visit


def metadata(certificate: str) -> str:
    """Give an identity provider's metadata as a person pastes it."""
    bare = "".join(line for line in certificate.splitlines() if "CERTIFICATE" not in line)
    return f"""<?xml version="1.0"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="http://www.okta.com/exk1">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
      <ds:X509Certificate>{bare}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://acme.okta.example/sso"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>"""


def only(model, organization: Organization):
    with tenancy.of(organization):
        return model.objects.get(organization=organization)


def filled(**more: object) -> dict[str, object]:
    values = {"name": "Okta", "idp_preset": "okta", "signed": "either", "join": "anyone", "defaults": "later"}
    return values | more


def test_a_directory_is_added_and_shows_its_base_url(acme, ada, settings):
    answer = visit(ada).post(
        "/o/acme/directories/new", {"name": "Okta production", "idp": "okta"}, follow=True
    )
    html = answer.content.decode()
    assert f'value="{settings.ROLLCALL_PUBLIC_URL}/scim/v2"' in html
    assert "Waiting for its first call" in html
    assert only(Directory, acme).idp == "okta"


def test_a_directory_of_a_taken_name_is_refused_beside_the_name(things, ada):
    answer = visit(ada).post("/o/acme/directories/new", {"name": "Okta", "idp": "okta"})
    assert answer.status_code == 400
    assert b"Another directory already has this name." in answer.content


def test_a_token_is_shown_once_and_works(things, ada):
    client = visit(ada)
    answer = client.post(address("token_issue", things), {"name": "Second", "days": "90"})
    assert answer["Cache-Control"].find("no-store") >= 0
    secret = answer.content.decode().split('id="secret" value="')[1].partition('"')[0]
    found = tokens.find(secret)
    assert found is not None
    assert found.refusal == ""
    assert (found.token.expires_at - found.token.created_at).days in {89, 90}
    page = client.get(address("directory", things)).content.decode()
    assert secret not in page
    assert found.token.prefix in page


def test_a_revoked_token_is_refused_from_then_on(things, ada):
    client = visit(ada)
    secret = (
        client.post(address("token_issue", things), {"days": "90"})
        .content.decode()
        .split('id="secret" value="')[1]
        .partition('"')[0]
    )
    path = address("token_revoke", things).replace(
        str(things.ids["directory_token"]), str(tokens.find(secret).token.pk)
    )
    answer = client.post(path, follow=True)
    assert b"is revoked: the next request with it is refused." in answer.content
    assert tokens.find(secret).refusal == "revoked"


def test_a_members_token_is_not_revoked_through_a_directory(things, ada):
    path = address("token_revoke", things).replace(
        str(things.ids["directory_token"]), str(things.ids["token"])
    )
    assert visit(ada).post(path).status_code == 404


def test_a_directory_is_renamed_and_switched_off(things, ada):
    path = address("directory_change", things)
    values = filled_from(visit(ada), path) | {"name": "Okta old", "idp": "okta_wizard"}
    values.pop("active")
    visit(ada).post(path, values)
    with tenancy.of(things.organization):
        directory = Directory.objects.get(pk=things.ids["directory"])
    assert (directory.name, directory.idp, directory.active) == ("Okta old", "okta_wizard", False)


def test_a_domain_is_claimed_with_its_challenge_and_confirmed_by_an_operator(acme, ada, opal):
    answer = visit(ada).post("/o/acme/domains/", {"name": "Acme.Example"}, follow=True)
    domain = only(Domain, acme)
    assert domain.challenge in answer.content.decode()
    assert "Confirm by hand" not in answer.content.decode()
    path = f"/o/acme/domains/{domain.pk}/confirm"
    assert visit(ada).post(path).status_code == 404
    assert b"acme.example is confirmed." in visit(opal).post(path, follow=True).content
    assert domains.has_proved(acme.pk, "jane@acme.example")


def test_a_domain_is_checked_at_once(acme, ada, zone):
    domain = domains.claim(acme, "acme.example", actor=SETUP)
    path = f"/o/acme/domains/{domain.pk}/check"
    assert b"acme.example: DNS has nothing under this host yet." in visit(ada).post(path, follow=True).content
    again = visit(ada).post(path)
    assert (again.status_code, b"DNS was asked a moment ago" in again.content) == (400, True)
    with tenancy.of(acme):
        Domain.objects.update(checked_at=None)
    zone.text("_rollcall-challenge.acme.example", f'"{domain.challenge}"')
    html = visit(ada).post(path, follow=True).content
    assert b"The record of acme.example is found." in html
    assert b"by DNS" in html


def test_a_domain_proved_by_another_organization_is_refused_in_a_sentence(acme, globex, opal):
    domains.confirm(domains.claim(globex, "shared.example", actor=SETUP), actor=SETUP)
    mine = domains.claim(acme, "shared.example", actor=SETUP)
    answer = visit(opal).post(f"/o/acme/domains/{mine.pk}/confirm")
    assert answer.status_code == 400
    assert b"Another organization has already proved this domain." in answer.content


def test_a_connection_is_made_from_pasted_metadata_chosen_defaults_and_switched_on(things, ada):
    client = visit(ada)
    _, certificate = keys.generate("idp")
    values = filled(name="Second", idp_metadata_xml=metadata(certificate), defaults="none")
    answer = client.post("/o/acme/connections/new", values)
    path = answer["Location"]
    with tenancy.of(things.organization):
        made = Connection.objects.get(name="Second")
    assert (made.idp_entity_id, made.sso_url, made.active) == (
        "http://www.okta.com/exk1",
        "https://acme.okta.example/sso",
        False,
    )
    html = client.get(path).content.decode()
    assert "Audience URI (SP Entity ID)" in html
    assert f"/saml2/{made.pk}/acs" in html
    assert "Do a test sign-in next." in html
    answer = client.post(f"{path}switch", {"active": "yes"})
    assert answer.status_code == 400
    assert b"No test sign-in has passed" in answer.content
    answer = client.post(f"{path}switch", {"active": "yes", "untested": "yes"}, follow=True)
    assert b"is switched on" in answer.content
    assert len(entries(things.organization, "connection.activate")) == 1


def test_a_connection_cannot_be_switched_on_before_its_defaults_are_chosen(acme, ada):
    client = visit(ada)
    _, certificate = keys.generate("idp")
    path = client.post("/o/acme/connections/new", filled(idp_metadata_xml=metadata(certificate)))["Location"]
    assert b"Choose the first permissions of new people" in client.get(path).content
    answer = client.post(f"{path}switch", {"active": "yes"})
    assert answer.status_code == 400
    assert b"stays as it was" in answer.content
    assert not only(Connection, acme).active


def test_metadata_of_the_size_of_a_file_can_be_saved_after_it_was_verified(acme, ada):
    _, certificate = keys.generate("idp")
    document = metadata(certificate).replace("<md:IDP", " " * 1_500_000 + "<md:IDP")
    answer = visit(ada).post("/o/acme/connections/new", filled(idp_metadata_xml=document))
    assert answer.status_code == 303
    assert only(Connection, acme).idp_entity_id == "http://www.okta.com/exk1"


@pytest.mark.parametrize("pasted", ["<not-xml", "<a/>", "just words"])
def test_metadata_that_cannot_be_read_is_refused_beside_its_field(acme, ada, pasted):
    answer = visit(ada).post("/o/acme/connections/new", filled(idp_metadata_xml=pasted))
    assert answer.status_code == 400
    html = answer.content.decode()
    assert 'class="rc-error" id="id_idp_metadata_xml_error"' in html
    with tenancy.of(acme):
        assert not Connection.objects.exists()


def test_a_connection_by_hand_takes_entity_id_address_and_certificate(acme, ada):
    _, certificate = keys.generate("idp")
    values = filled(
        idp_entity_id="http://idp.example",
        sso_url="https://idp.example/sso",
        certificates=certificate,
        defaults="none",
    )
    assert visit(ada).post("/o/acme/connections/new", values).status_code == 303
    assert only(Connection, acme).sso_url == "https://idp.example/sso"


def test_saving_a_connections_form_unchanged_changes_nothing(things, ada):
    client = visit(ada)
    before = len(entries(things.organization, "connection.change"))
    with tenancy.of(things.organization):
        connection = Connection.objects.get()
        certificate = connection.certificates.get().pem
    values = filled(
        idp_entity_id=connection.idp_entity_id,
        sso_url=connection.sso_url,
        certificates=certificate,
        defaults="none",
    )
    assert client.post(address("connection_change", things), values).status_code == 303
    assert len(entries(things.organization, "connection.change")) == before


def test_defaults_are_chosen_from_what_the_organization_has(things, ada):
    client = visit(ada)
    values = filled(defaults="chosen", roles=["auditor"], grants=["portfolio\x1facme-1\x1fview"])
    client.post(address("connection_change", things), values)
    connection = only(Connection, things.organization)
    assert connection.defaults == {
        "roles": ["auditor"],
        "grants": [{"kind": "portfolio", "id": "acme-1", "permission": "view"}],
    }
    form = client.get(address("connection_change", things)).context["form"]
    assert form.initial["defaults"] == "chosen"
    assert form.initial["grants"] == ["portfolio\x1facme-1\x1fview"]


def test_defaults_that_are_nothing_are_told_as_such(acme, ada):
    client = visit(ada)
    path = client.post("/o/acme/connections/new", filled())["Location"]
    client.post(f"{path}settings", filled(defaults="none"))
    assert "defaults: none → nothing" in client.get(path).content.decode()


def test_a_connection_is_switched_off_and_says_what_follows(things, ada):
    connections.change(
        only(Connection, things.organization), actor=SETUP, active=True, activate_untested=True
    )
    answer = visit(ada).post(address("connection_switch", things), {"active": "no"}, follow=True)
    assert b"nobody signs in through it; open sessions go on" in answer.content
    assert not only(Connection, things.organization).active


def test_a_failed_sign_in_shows_its_code_and_where_to_click(things, ada):
    client = visit(ada)
    listed = client.get("/o/acme/sign-ins/?outcome=failed").content.decode()
    assert "The assertion was made for another service." in listed
    opened = client.get(address("sign_in_attempt", things)).content.decode()
    for said in (
        "audience",
        "Set the audience to this connection",
        "In Okta: Applications",
        "response received",
    ):
        assert said in opened
    assert "No sign-in here" in client.get("/o/acme/sign-ins/?outcome=succeeded").content.decode()


def test_the_test_sign_in_carries_a_ticket_of_whoever_may_change_the_connection(things, ada, acme):
    from tests.conftest import join

    page = visit(ada).get(address("connection", things)).content.decode()
    # In another tab, so that the connection's page stays there to go on with.
    assert re.search(r'<a class="btn" href="[^"]*login\?test=[^"]*" target="_blank">', page)
    auditor = visit(join(acme, "aud@acme.example", role="auditor"))
    assert b"login?test=" not in auditor.get(address("connection", things)).content
