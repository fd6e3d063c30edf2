"""Verify settings: everything that was found is shown, with what is missing and why something cannot be read, and nothing is saved."""

import html
import re
import textwrap

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.models import Entry
from demo.idp_keys import key_pair
from demo.idp_logout import idp_metadata
from demo.idp_messages import TestIdp
from identity import tenancy
from saml import keys
from saml.models import Connection
from tests.api.client import token_of
from tests.console.conftest import visit
from tests.saml.documents import IDP
from tests.saml.test_fetch import site

pytestmark = pytest.mark.usefixtures("db")
PATH = "/organizations/acme/connections/verify"
NEW = "/o/acme/connections/new"
__all__ = ["site"]


@pytest.fixture
def api(ada):
    return token_of(ada)


def verify(api, **values):
    answer = api.post(PATH, values)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_metadata_is_shown_in_full(acme, api):
    document = idp_metadata(IDP, more_signing=(key_pair("next"),), encryption=(key_pair("enc"),)).decode()
    found = verify(api, idp_metadata_xml=document)
    assert found["complete"] is True
    assert found["found"] == {
        "idp_entity_id": IDP.entity_id,
        "sso_url": IDP.sso_url,
        "sso_binding": "redirect",
        "slo_url": IDP.slo_url,
        "slo_binding": "redirect",
    }
    assert [(row["subject"], row["use"]) for row in found["certificates"]] == [
        (f"CN={IDP.keys.certificate.subject.rfc4514_string().removeprefix('CN=')}", "signing"),
        ("CN=next", "signing"),
        ("CN=enc", "encryption"),
    ]
    assert all(row["days_left"] > 0 and row["key"] == "RSA 2048" for row in found["certificates"])
    assert (found["problems"], found["missing"]) == ([], [])
    with tenancy.of(acme):
        assert not Connection.objects.exists()
        assert not Entry.objects.filter(event__startswith="connection").exists()


def test_what_is_missing_is_named(api):
    assert verify(api)["missing"] == [
        "The identity provider's entity ID is missing.",
        "The address where people are sent to sign in is missing.",
        "A signing certificate is missing.",
    ]
    assert verify(api, idp_entity_id="https://idp.example")["complete"] is False


def bare(text):
    return "".join(line for line in text.splitlines() if "CERTIFICATE" not in line)


@pytest.mark.parametrize(
    "written",
    [
        lambda pem: pem,
        lambda pem: pem.replace("\n", ""),
        lambda pem: pem.replace("\n", "\r\n"),
        bare,
        lambda pem: "\n".join(textwrap.wrap(bare(pem), 64)),
        lambda pem: "\r\n  ".join(textwrap.wrap(bare(pem), 76)),
        lambda pem: f"  {bare(pem)}\n",
        lambda pem: bare(pem).rstrip("="),
    ],
    ids=["PEM", "PEM on one line", "CRLF", "bare", "bare in lines", "bare indented", "spaces", "no padding"],
)
def test_certificates_are_read_as_people_paste_them(api, ada, written):
    pem = key_pair("next").certificate_pem
    [row] = verify(api, certificates=[written(pem)])["certificates"]
    assert row["subject"] == "CN=next"
    page = visit(ada).post(NEW, {"certificates": written(pem), "act": "verify"}).content.decode()
    assert "CN=next" in page


def test_several_certificates_are_read_from_one_field(ada):
    pems = [key_pair(name).certificate_pem for name in ("next", "enc")]
    for pasted in ("\n".join(pems), "\n\n".join(bare(pem) for pem in pems)):
        page = visit(ada).post(NEW, {"certificates": pasted, "act": "verify"}).content.decode()
        assert "CN=next" in page
        assert "CN=enc" in page


def test_what_cannot_be_read_says_which_and_why(api):
    found = verify(
        api,
        idp_metadata_xml="<x/>",
        sso_url="http://idp.example.com/",
        certificates=[IDP.keys.certificate_pem, "nonsense"],
    )
    assert [(problem["field"], problem["code"]) for problem in found["problems"]] == [
        ("idp_metadata_xml", "metadata_kind"),
        ("sso_url", "metadata_endpoint"),
        ("certificates", "metadata_certificate"),
    ]
    assert found["problems"][2]["sentence"].startswith("Certificate 2: ")
    assert len(found["certificates"]) == 1
    assert found["complete"] is False


@pytest.mark.parametrize(
    ("path", "why"),
    [("/missing", "404"), ("/away", "points on to http://169.254.169.254"), ("/large", "larger")],
)
def test_an_address_that_cannot_be_loaded_says_why(api, site, settings, path, why):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    [problem] = verify(api, idp_metadata_url=site.root + path)["problems"]
    assert (problem["field"], problem["code"]) == ("idp_metadata_url", "metadata_fetch")
    assert why in problem["sentence"]


def test_an_address_inside_our_own_network_is_not_asked(api, site, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ()
    [problem] = verify(api, idp_metadata_url=f"{site.root}/metadata")["problems"]
    assert "private network" in problem["sentence"]
    assert site.hosts == []


def test_a_key_that_is_too_short_is_told_before_anybody_signs_in(acme, api):
    short = key_pair("short", bits=1024)
    given = {"idp_entity_id": IDP.entity_id, "sso_url": IDP.sso_url, "certificates": [short.certificate_pem]}
    said = verify(api, **given)
    assert [(each["field"], each["code"]) for each in said["problems"]] == [("certificates", "weak_key")]
    said = verify(api, idp_metadata_xml=idp_metadata(TestIdp(keys=short)).decode())
    assert [(each["field"], each["code"]) for each in said["problems"]] == [("idp_metadata_xml", "weak_key")]
    both = given | {"certificates": [short.certificate_pem, IDP.keys.certificate_pem]}
    assert verify(api, **both)["problems"] == []
    refused = api.post("/organizations/acme/connections", {"name": "IdP", **given})
    assert (refused.status_code, refused.json()["field"]) == (400, "certificates")


def test_one_of_a_federation_is_found_by_its_name(api):
    other = TestIdp(entity_id="https://other.example/idp")
    document = (
        '<e:EntitiesDescriptor xmlns:e="urn:oasis:names:tc:SAML:2.0:metadata">'
        f"{idp_metadata(IDP).decode()}{idp_metadata(other).decode()}</e:EntitiesDescriptor>"
    )
    assert [each["code"] for each in verify(api, idp_metadata_xml=document)["problems"]] == ["metadata_many"]
    given = {"idp_metadata_xml": document, "idp_entity_id": other.entity_id}
    assert verify(api, **given)["found"]["idp_entity_id"] == other.entity_id
    made = api.post("/organizations/acme/connections", {"name": "IdP", "active": False, **given})
    assert (made.status_code, made.json()["idp_entity_id"]) == (201, other.entity_id)


def test_an_address_that_works_is_loaded(api, site, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("localhost",)
    assert verify(api, idp_metadata_url=f"{site.root}/metadata")["found"]["idp_entity_id"] == IDP.entity_id


def test_warnings_speak_of_the_product(api):
    okta = idp_metadata(TestIdp(entity_id="http://www.okta.com/exk1")).decode()
    assert (
        "This looks like Okta, and Microsoft Entra ID is chosen."
        in verify(api, idp_metadata_xml=okta, idp_preset="entra")["warnings"]
    )
    assert not any(
        "looks like" in text for text in verify(api, idp_metadata_xml=okta, idp_preset="okta")["warnings"]
    )
    google = verify(api, idp_metadata_xml=okta, idp_preset="google")["warnings"]
    assert any("Signed response" in text for text in google)
    assert not any("sign-out" in text for text in google)


def test_a_certificate_that_has_ended_is_told_and_is_no_obstacle(api):
    import time_machine

    with time_machine.travel("2006-01-01"):
        old = keys.generate("old")[1]
    found = verify(
        api, certificates=[old], idp_entity_id="https://idp.example", sso_url="https://idp.example/sso"
    )
    assert found["complete"] is True
    assert any("CN=old has expired" in text for text in found["warnings"])


def test_the_form_verifies_without_saving_and_keeps_what_was_typed(acme, ada):
    client = visit(ada)
    fresh = client.get(NEW)
    assert fresh.status_code == 200
    assert b"This field is required" not in fresh.content
    document = idp_metadata(IDP)
    file = SimpleUploadedFile("metadata.xml", document, "text/xml")
    typed = {"name": "", "idp_preset": "okta", "act": "verify", "idp_metadata_file": file}
    answer = client.post(NEW, typed)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Nothing is saved yet." in page
    assert IDP.entity_id in page
    kept = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert html.unescape(kept[1]).strip() == document.decode().strip()
    with tenancy.of(acme):
        assert not Connection.objects.exists()


def test_a_file_is_read_and_saved_and_a_wrong_one_refused_beside_its_field(acme, ada):
    client = visit(ada)
    values = {"name": "Okta", "idp_preset": "okta", "signed": "either", "join": "anyone", "defaults": "later"}
    for wrong in (b"\xff\xfe\x00", b"x" * (2 * 1024 * 1024 + 1)):
        file = SimpleUploadedFile("metadata.xml", wrong)
        refused = client.post(NEW, values | {"idp_metadata_file": file})
        assert refused.status_code == 400
        assert b"id_idp_metadata_file_error" in refused.content
    good = SimpleUploadedFile("metadata.xml", b"\xef\xbb\xbf" + idp_metadata(IDP))
    assert client.post(NEW, values | {"idp_metadata_file": good}).status_code == 303
    with tenancy.of(acme):
        assert Connection.objects.get().idp_entity_id == IDP.entity_id


def test_verifying_needs_the_right_to_write_connections(acme, ada, gus):
    assert token_of(ada, "connections.read").post(PATH, {}).status_code == 403
    assert token_of(gus).post(PATH, {}).status_code == 404
