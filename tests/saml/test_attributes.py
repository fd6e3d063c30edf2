"""Raw attribute names become our words, for every preset and for mappings of one's own."""

import pytest

from saml.attributes import Assertion, check_mapping, read_person
from saml.names import NAMEID_EMAIL, NAMEID_PERSISTENT, NAMEID_TRANSIENT, NAMEID_UNSPECIFIED
from saml.presets import ALIASES, NAMES, PRESETS, preset
from saml.refusals import CATALOGUE, Refused

CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"


def person(
    attributes, name_id="jane@acme.example", name_id_format=NAMEID_EMAIL, mapping=None, product="generic"
):
    lists = {name: (value,) if isinstance(value, str) else tuple(value) for name, value in attributes.items()}
    return read_person(lists, name_id, name_id_format, mapping or {}, preset(product).mapping)


@pytest.mark.parametrize(
    ("product", "attributes"),
    [
        ("okta", {"email": "j@acme.example", "firstName": "Jane", "lastName": "Jones"}),
        (
            "entra",
            {
                CLAIMS + "emailaddress": "j@acme.example",
                CLAIMS + "givenname": "Jane",
                CLAIMS + "surname": "Jones",
                CLAIMS + "name": "jane@acme.example",
            },
        ),
        (
            "shibboleth",
            {
                "urn:oid:0.9.2342.19200300.100.1.3": "j@acme.example",
                "urn:oid:2.5.4.42": "Jane",
                "urn:oid:2.5.4.4": "Jones",
            },
        ),
        ("generic", {"urn:oid:1.2.840.113549.1.9.1": "j@acme.example", "givenName": "Jane", "sn": "Jones"}),
        ("google", {"mail": "j@acme.example", "first_name": "Jane", "last_name": "Jones"}),
        ("simplesamlphp", {"mail": "j@acme.example", "givenName": "Jane", "sn": "Jones", "uid": "jane"}),
        (
            "generic",
            {
                "urn:mace:dir:attribute-def:mail": "j@acme.example",
                "urn:mace:dir:attribute-def:givenName": "Jane",
                "urn:mace:dir:attribute-def:sn": "Jones",
            },
        ),
        ("keycloak", {"EMAIL": "j@acme.example", "GivenName": "Jane", "Surname": "Jones"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_products_names_are_known(product, attributes):
    found = person(attributes, product=product)
    assert (found.user_name, found.email) == ("jane@acme.example", "j@acme.example")
    assert found.profile == {
        "name": {"givenName": "Jane", "familyName": "Jones"},
        "displayName": "Jane Jones",
        "emails": [{"value": "j@acme.example", "type": "work", "primary": True}],
    }


@pytest.mark.parametrize("product", ["simplesamlphp", "lemonldap"])
@pytest.mark.parametrize("name_id_format", [NAMEID_TRANSIENT, NAMEID_PERSISTENT])
def test_where_the_name_id_says_nothing_the_account_name_does(product, name_id_format):
    found = person({"uid": "jane", "mail": "j@acme.example"}, "_x", name_id_format, product=product)
    assert (found.user_name, found.email) == ("jane", "j@acme.example")


def test_authentik_tells_the_account_beside_a_hash_and_the_name_by_the_claim_of_others_accounts():
    attributes = {
        "http://schemas.goauthentik.io/2021/02/saml/username": "jane",
        CLAIMS + "upn": "jane@acme.example",
        CLAIMS + "name": "Jane Jones",
        CLAIMS + "emailaddress": "j@acme.example",
    }
    found = person(attributes, "0f" * 32, preset("authentik").name_id_format, product="authentik")
    assert (found.user_name, found.email) == ("jane", "j@acme.example")
    assert found.profile["displayName"] == "Jane Jones"


@pytest.mark.parametrize(
    ("name_id", "name_id_format", "attributes", "expected"),
    [
        ("jane@acme.example", NAMEID_EMAIL, {}, ("jane@acme.example", "jane@acme.example")),
        ("jane", NAMEID_UNSPECIFIED, {"mail": "j@acme.example"}, ("jane", "j@acme.example")),
        ("jane@acme.example", NAMEID_UNSPECIFIED, {}, ("jane@acme.example", "jane@acme.example")),
        ("G-1", NAMEID_PERSISTENT, {"mail": "j@acme.example"}, ("j@acme.example", "j@acme.example")),
        (
            "G-1",
            NAMEID_PERSISTENT,
            {"userName": "jane", "mail": "j@acme.example"},
            ("jane", "j@acme.example"),
        ),
        ("_t", NAMEID_TRANSIENT, {"mail": "j@acme.example"}, ("j@acme.example", "j@acme.example")),
        ("_t@x", NAMEID_TRANSIENT, {}, ("", "")),
        ("G-1", NAMEID_PERSISTENT, {}, ("", "")),
    ],
)
def test_user_name_and_e_mail_come_from_name_id_or_attribute(name_id, name_id_format, attributes, expected):
    found = person(attributes, name_id, name_id_format)
    assert (found.user_name, found.email) == expected


def test_a_mapping_of_ones_own_replaces_the_names_of_its_field_alone():
    mapping = check_mapping({"email": "primaryMail", "userName": "NameID", "roles": ["jobs", "titles"]})
    found = person(
        {
            "email": "wrong@acme.example",
            "primaryMail": "right@acme.example",
            "titles": ["auditor"],
            "cn": "Jane J",
        },
        "G-1",
        NAMEID_PERSISTENT,
        mapping,
    )
    assert (found.user_name, found.email, found.roles) == ("G-1", "right@acme.example", ("auditor",))
    assert found.profile["displayName"] == "Jane J"


def test_permissions_and_lists_become_grants():
    found = person(
        {
            "permissions:portfolio": ["p1:view", "p1:view", "urn:p:2:EDIT"],
            "permissions:asset": ["a1:edit", "odd"],
            "companies": ["c1", "c2"],
            "shops": [],
            "shopCountries": ["s1-de"],
        }
    )
    assert found.grants == (
        Assertion("portfolio", "p1", "view"),
        Assertion("portfolio", "urn:p:2", "edit"),
        Assertion("asset", "a1", "edit"),
        Assertion("asset", "odd", ""),
        Assertion("company", "c1", "access"),
        Assertion("company", "c2", "access"),
        Assertion("shop_country", "s1-de", "access"),
    )


def test_permissions_can_come_under_another_name_and_for_a_kind_of_ones_own():
    mapping = check_mapping({"permissions:asset": "assetRights"})
    found = person(
        {"assetRights": ["a1:view"], "permissions:asset": ["a9:edit"], "permissions:building": ["b1:enter"]},
        mapping=mapping,
    )
    assert found.grants == (Assertion("asset", "a1", "view"), Assertion("building", "b1", "enter"))


def test_nothing_said_is_not_the_same_as_none():
    assert (person({}).grants, person({}).roles, person({}).groups) == (None, None, None)
    none = person({"companies": [], "roles": [], "groups": []})
    assert (none.grants, none.roles, none.groups) == ((), (), ())


def test_names_that_differ_in_case_alone_are_merged():
    assert person({"Roles": ["a"], "roles": ["b", "a"]}).roles == ("a", "b")


@pytest.mark.parametrize(
    "mapping",
    [
        None,
        [],
        "email",
        {"email": 1},
        {"email": {}},
        {"email": [1]},
        {"email": ""},
        {"x": "y"},
        {"permissions:": "x"},
    ],
    ids=str,
)
def test_what_is_no_mapping_is_refused(mapping):
    with pytest.raises(Refused) as refused:
        check_mapping(mapping)
    assert refused.value.code == "attribute_invalid"


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_speaks_only_of_codes_and_fields_that_exist(name):
    product = PRESETS[name]
    assert product.name == name
    assert set(product.where) <= set(CATALOGUE)
    assert check_mapping({field: list(names) for field, names in product.mapping.items()}) is not None
    assert {"entity_id", "acs_url"} <= set(product.words)
    assert set(product.words) <= {"entity_id", "acs_url", "sls_url", "login_url", "relay_state"}


def test_aliases_lead_to_presets():
    assert {preset(alias).name for alias in ALIASES} == {"entra", "google"}


def test_every_refusal_says_what_it_means_and_what_to_do():
    for code, advice in CATALOGUE.items():
        assert code.replace("_", "").isalnum()
        assert code == code.lower()
        assert advice.means.endswith(".")
        assert advice.fix.endswith(".")
