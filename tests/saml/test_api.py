"""Connections and the sign-in log over the REST API."""

import pytest
from lxml import etree

from audit.models import Detail
from demo.idp_keys import key_pair
from demo.idp_logout import idp_metadata
from demo.idp_messages import TestIdp
from identity import roles, tenancy
from saml.models import Attempt, KeyPair
from saml.names import DS, MD
from tests.api.client import token_of
from tests.conftest import SETUP, join
from tests.saml.documents import IDP
from tests.saml.door import Browser, connect, entries, prove

pytestmark = pytest.mark.usefixtures("db")
PATH = "/organizations/acme/connections"
BY_HAND = {
    "name": "Okta",
    "idp_preset": "okta",
    "idp_entity_id": IDP.entity_id,
    "sso_url": IDP.sso_url,
    "slo_url": IDP.slo_url,
    "certificates": [IDP.keys.certificate_base64],
    "signed": "both",
    "encryption": "optional",
    "allow_idp_initiated": True,
    "join": "invited",
    "attribute_mapping": {"email": "mail", "shopCountries": ["countries"], "permissions:asset": "assets"},
    "defaults": {"grants": [], "roles": ["member"]},
    "active": True,
    "activate_untested": True,
}


@pytest.fixture
def api(ada):
    return token_of(ada)


def test_a_connection_made_by_hand_shows_what_the_identity_provider_asks_for(acme, api, settings):
    response = api.post(PATH, BY_HAND)
    assert response.status_code == 201, response.content
    made = response.json()
    root = f"{settings.ROLLCALL_PUBLIC_URL}/saml2/{made['id']}"
    assert {
        name: made[name] for name in ("entity_id", "metadata_url", "acs_url", "sls_url", "login_url")
    } == {
        "entity_id": f"{root}/metadata",
        "metadata_url": f"{root}/metadata",
        "acs_url": f"{root}/acs",
        "sls_url": f"{root}/sls",
        "login_url": f"{root}/login",
    }
    assert made["sp_certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert made["certificates"] == [IDP.keys.certificate_pem]
    for name in (
        "name",
        "idp_preset",
        "idp_entity_id",
        "sso_url",
        "slo_url",
        "signed",
        "encryption",
        "join",
        "active",
    ):
        assert made[name] == BY_HAND[name]
    assert made["defaults"] == BY_HAND["defaults"]
    assert made["attribute_mapping"] == {
        "email": ["mail"],
        "shop_countries": ["countries"],
        "permissions:asset": ["assets"],
    }
    assert api.get(f"{PATH}/{made['id']}").json() == made
    assert api.get(PATH).json()["items"] == [made]
    assert [len(entries(acme, name)) for name in ("connection.create", "connection.activate")] == [1, 1]


def test_the_private_key_is_nowhere_but_sealed(acme, api):
    api.post(PATH, BY_HAND)
    with tenancy.of(acme):
        pair = KeyPair.objects.get(organization=acme)
        bodies = [str(detail.body) for detail in Detail.objects.filter(organization_id=acme.pk)]
    assert b"PRIVATE" not in bytes(pair.private_sealed)
    assert not any("PRIVATE" in body or "BEGIN" in body for body in bodies)


def test_a_connection_is_made_from_metadata(api):
    document = idp_metadata(IDP, more_signing=(key_pair("next"),), encryption=(key_pair("enc"),)).decode()
    made = api.post(PATH, {"name": "Entra", "idp_preset": "entra", "idp_metadata_xml": document}).json()
    assert (made["idp_entity_id"], made["sso_url"], made["slo_url"]) == (
        IDP.entity_id,
        IDP.sso_url,
        IDP.slo_url,
    )
    assert [row["use"] for row in made["idp_certificates"]] == ["signing", "signing", "encryption"]
    assert (made["signed"], made["allow_cbc"], made["active"], made["defaults"]) == (
        "assertion",
        True,
        False,
        None,
    )


def test_what_is_said_beside_metadata_says_it_better(api):
    document = idp_metadata(IDP).decode()
    asked = {"idp_metadata_xml": document, "sso_binding": "post"}
    refused = api.post(PATH, {"name": "IdP", **asked})
    assert (refused.status_code, refused.json()["field"]) == (400, "idp_metadata_xml")
    assert "no address with the binding post" in refused.json()["detail"]
    [problem] = api.post(f"{PATH}/verify", asked).json()["problems"]
    assert problem["code"] == "metadata_endpoint"
    by_hand = {**asked, "sso_url": f"{IDP.sso_url}/post"}
    made = api.post(PATH, {"name": "IdP", **by_hand}).json()
    assert (made["sso_binding"], made["sso_url"]) == ("post", f"{IDP.sso_url}/post")


def test_a_connection_is_not_switched_on_without_defaults_chosen(acme, api):
    document = idp_metadata(IDP).decode()
    made = api.post(PATH, {"name": "Entra", "idp_metadata_xml": document}).json()
    refused = api.patch(f"{PATH}/{made['id']}", {"active": True})
    assert (refused.status_code, refused.json()["field"]) == (400, "defaults")
    assert entries(acme, "connection.activate") == []
    chosen = api.patch(
        f"{PATH}/{made['id']}",
        {"active": True, "activate_untested": True, "defaults": {"grants": [], "roles": []}},
    )
    assert (chosen.status_code, chosen.json()["active"]) == (200, True)


@pytest.mark.parametrize("missing", ["idp_entity_id", "sso_url", "certificates"])
def test_nor_without_an_identity_provider(api, missing):
    refused = api.post(PATH, {name: value for name, value in BY_HAND.items() if name != missing})
    assert (refused.status_code, refused.json()["field"]) == (400, missing)
    assert api.get(PATH).json()["items"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signed", "none"),
        ("encryption", "rot13"),
        ("join", "everybody"),
        ("idp_preset", "myspace"),
        ("sso_url", "http://idp.example.com/sso"),
        ("sso_url", "javascript:alert(1)"),
        ("sso_url", "https://user:pass@idp.example.com/"),
        ("slo_url", "ftp://idp.example.com/"),
        ("certificates", ["not a certificate"]),
        ("certificates", ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]),
        ("attribute_mapping", {"shoe_size": "x"}),
        ("attribute_mapping", {"email": [""]}),
        ("skew_seconds", 301),
        ("sha1_until", "tomorrow"),
        ("idp_metadata_xml", "<x/>"),
        ("idp_metadata_url", "file:///etc/passwd"),
        ("name", ""),
        ("surprise", 1),
        ("active", "yes"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(acme, api, field, value):
    refused = api.post(PATH, BY_HAND | {field: value})
    assert (refused.status_code, refused.json()["field"]) == (400, field), refused.content
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert api.get(PATH).json()["items"] == []
    assert entries(acme, "connection.create") == []


def test_a_name_is_taken_once(api):
    api.post(PATH, BY_HAND)
    assert api.post(PATH, BY_HAND).status_code == 409


def test_an_unchanged_connection_writes_nothing(acme, api):
    made = api.post(PATH, BY_HAND).json()
    same = api.patch(f"{PATH}/{made['id']}", BY_HAND)
    assert same.json()["changed_at"] == made["changed_at"]
    assert entries(acme, "connection.change") == []


def test_a_changed_certificate_counts_at_once_and_is_recorded_by_fingerprint(acme, api):
    prove(acme, "acme.example")
    connection = connect(acme)
    browser = Browser(connection)
    assert browser.sign_in().status_code == 303
    new = key_pair("next")
    changed = api.patch(f"{PATH}/{connection.pk}", {"certificates": [new.certificate_pem]})
    assert [row["subject"] for row in changed.json()["idp_certificates"]] == ["CN=next"]
    assert browser.sign_in().status_code == 403
    browser.idp = TestIdp(keys=new)
    assert browser.sign_in().status_code == 303
    [entry] = entries(acme, "connection.change")
    with tenancy.of(acme):
        body = Detail.objects.get(entry_id=entry.pk).body
    assert [len(side) for side in body["changes"]["certificates"]] == [1, 1]


def test_nobody_gives_roles_by_defaults_that_they_lack(acme):
    roles.define(acme, "connector", actor=SETUP, capabilities=["connections.read", "connections.write"])
    api = token_of(join(acme, "con@acme.example", role="connector"))
    refused = api.post(PATH, BY_HAND | {"defaults": {"roles": ["organization_admin"]}})
    assert (refused.status_code, refused.json()["field"]) == (403, "defaults.roles")


def test_a_stranger_finds_nothing(acme, gus, api):
    made = api.post(PATH, BY_HAND).json()
    stranger = token_of(gus)
    for path in (PATH, f"{PATH}/{made['id']}", "/organizations/acme/sign-ins"):
        assert stranger.get(path).status_code == 404
    theirs = f"/organizations/globex/connections/{made['id']}"
    assert stranger.get(theirs).status_code == 404
    assert stranger.patch(theirs, {"active": False}).status_code == 404
    assert api.get(f"{PATH}/{made['id']}").json()["active"] is True


def test_reading_and_writing_need_their_capabilities(acme, ada):
    reader = token_of(ada, "connections.read")
    assert reader.get(PATH).status_code == 200
    assert reader.post(PATH, BY_HAND).status_code == 403
    assert token_of(ada, "members.read").get(PATH).status_code == 403


def test_the_sign_in_log_tells_what_went_wrong_and_where_to_click(acme, api):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, idp_preset="okta"))
    browser.sign_in()
    browser.sign_in(audience="https://typo.example")
    browser.begin()
    found = api.get("/organizations/acme/sign-ins").json()["items"]
    assert [item["outcome"] for item in found] == ["succeeded", "failed", "open"]
    failed = found[1]
    assert (failed["code"], failed["detail"]) == ("audience", "https://typo.example")
    assert "entity ID" in failed["advice"]
    assert "Audience URI" in failed["where"]
    assert [
        item["id"] for item in api.get("/organizations/acme/sign-ins", code="audience").json()["items"]
    ] == [failed["id"]]


def test_attributes_are_kept_for_a_failed_sign_in_and_not_for_a_good_one(acme, api):
    prove(acme, "acme.example")
    browser = Browser(connect(acme, join="invited"))
    browser.sign_in()
    with tenancy.of(acme):
        failed = Attempt.objects.get(organization=acme)
    assert b"jane" not in bytes(failed.attributes_sealed)
    shown = api.get(f"/organizations/acme/sign-ins/{failed.pk}").json()
    assert (shown["code"], shown["attributes"]["email"]) == ("not_invited", ["jane@acme.example"])
    join(acme, "jane@acme.example")
    browser.sign_in()
    with tenancy.of(acme):
        good = Attempt.objects.get(organization=acme, outcome="succeeded")
    assert good.attributes_sealed is None


def test_our_metadata_is_signed_and_offers_encryption_only_where_wanted(acme):
    from saml import certificates, signatures
    from saml.xml import parse

    both = ["signing", "encryption"]
    for encryption, uses, cbc in (
        ("off", ["signing"], False),
        ("optional", both, False),
        ("required", both, True),
    ):
        browser = Browser(connect(acme, name=encryption, encryption=encryption, allow_cbc=cbc))
        response = browser.client.get(browser.path("metadata"))
        assert response["Content-Type"] == "application/samlmetadata+xml"
        root = etree.fromstring(response.content)
        assert root.get("entityID") == browser.where["entity_id"]
        assert [key.get("use") for key in root.iter(f"{{{MD}}}KeyDescriptor")] == uses
        methods = [each.get("Algorithm") for each in root.iter(f"{{{MD}}}EncryptionMethod")]
        assert [any(name in each for each in methods) for name in ("-gcm", "-oaep", "-cbc", "rsa-1_5")] == [
            encryption != "off",
            encryption != "off",
            cbc,
            False,
        ]
        [acs] = root.iter(f"{{{MD}}}AssertionConsumerService")
        assert acs.get("Location") == browser.where["acs_url"]
        pem = root.findtext(f".//{{{MD}}}KeyDescriptor//{{{DS}}}X509Certificate")
        key = certificates.trusted_key(certificates.read(pem), "signing")
        tree = parse(response.content.partition(b"?>\n")[2])
        assert signatures.verify(tree, tree.root, (key,), sha1=False, code="assertion_signature") == key
