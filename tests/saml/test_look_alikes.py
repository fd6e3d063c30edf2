"""Names that look alike are not alike: whoever chooses their name at the identity provider becomes nobody else here by it."""

import pytest

from demo.idp_messages import respond
from identity import tenancy
from identity.models import Member, Session
from saml.models import SubjectLink
from saml.names import NAMEID_TRANSIENT
from tests.conftest import join
from tests.saml.door import Browser, connect, last_attempt, prove, refused, session_cookie

pytestmark = pytest.mark.usefixtures("db")

# The Kelvin sign and the long s are "k" and "s" to casefold(); strip() takes the spaces of all scripts, XML knows four.
LOOK_ALIKES = [
    "\u212aim.s@acme.example",
    "kim.\u017f@acme.example",
    "kim.s@acme.example\u00a0",
    "\u2003kim.s@acme.example",
    "kim.s@acme.example\u3000",
    "ｋim.s@acme.example",
]


@pytest.fixture
def kim(acme):
    return join(acme, "kim.s@acme.example")


@pytest.fixture
def browser(acme, kim):
    prove(acme, "acme.example")
    return Browser(connect(acme, allow_idp_initiated=True))


def come(browser, **knobs):
    return browser.post(respond(browser.idp, browser.answer(None, **knobs)))


def sessions_of(member):
    with tenancy.of(member.organization_id):
        return Session.objects.filter(organization=member.organization_id, member=member).count()


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_by_name_id_and_address_nobody_is_linked_to_somebody_who_looks_alike(browser, kim, name):
    come(browser, name_id=name, attributes={"email": name})
    assert sessions_of(kim) == 0
    with tenancy.of(kim.organization_id):
        assert not SubjectLink.objects.filter(organization=kim.organization_id, member=kim).exists()


def test_administrators_are_told_whom_it_looks_like(acme, browser):
    refused(come(browser, name_id=LOOK_ALIKES[0], attributes={"email": LOOK_ALIKES[0]}), acme, "look_alike")
    assert last_attempt(acme).detail == "kim.s@acme.example"


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_an_address_alone_links_nobody_either(browser, kim, name):
    come(
        browser,
        name_id="opaque-1",
        name_id_format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        # With a user name of its own, so that nothing but the address speaks of anybody.
        attributes={"email": name, "userName": "opaque-1"},
    )
    assert sessions_of(kim) == 0


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_with_a_transient_name_id_nobody_becomes_somebody_who_was_here(browser, kim, name):
    transient = {"name_id_format": NAMEID_TRANSIENT, "name_id": "_t1"}
    assert session_cookie(
        come(browser, **transient, attributes={"email": kim.user_name, "userName": kim.user_name})
    )
    come(browser, **transient, attributes={"email": name, "userName": name})
    assert sessions_of(kim) == 1


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_name_id_that_is_known_is_that_name_id(browser, kim, name):
    assert session_cookie(come(browser, name_id=kim.user_name, attributes={"email": kim.user_name}))
    come(browser, name_id=name, attributes={"email": name})
    assert sessions_of(kim) == 1


@pytest.mark.parametrize("name", ["KIM.S@Acme.Example", " kim.s@acme.example\n", "Kim.S@acme.example"])
def test_the_case_of_letters_and_the_spaces_of_a_document_mean_nothing(browser, kim, name):
    assert session_cookie(come(browser, name_id=name, attributes={"email": name}))
    assert sessions_of(kim) == 1


def test_a_newcomer_keeps_the_name_that_was_asserted(acme, browser):
    assert session_cookie(
        come(browser, name_id="Zo\u00eb@acme.example", attributes={"email": "Zo\u00eb@acme.example"})
    )
    assert session_cookie(
        come(browser, name_id="Zo\u00eb@acme.example", attributes={"email": "Zo\u00eb@acme.example"})
    )
    with tenancy.of(acme):
        assert Member.objects.filter(organization=acme, user_name="Zo\u00eb@acme.example").count() == 1


@pytest.mark.parametrize("unseen", ["\u200b", "\u202e", "\ufeff", "\u00ad", "\u2066", "\x7f", "\u0085", "\n"])
def test_nobody_becomes_a_member_whose_name_reads_as_that_of_another(acme, browser, unseen):
    unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
    response = come(
        browser, name_id=f"ki{unseen}m", name_id_format=unspecified, attributes={"email": "m@acme.example"}
    )
    refused(response, acme, "attribute_invalid")


@pytest.mark.parametrize("unseen", ["\u200b", "\u202e"])
def test_nor_one_whose_address_does(acme, browser, unseen):
    address = f"kim{unseen}.s@acme.example"
    response = come(browser, name_id=address, attributes={"email": address})
    refused(response, acme, "attribute_invalid")


def test_a_name_is_spelled_with_what_its_language_joins_by(browser):
    name = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
    assert session_cookie(
        come(browser, name_id=name, name_id_format=unspecified, attributes={"email": "m@acme.example"})
    )


@pytest.mark.parametrize(
    "email",
    [
        "a@evil.example, b@acme.example", "<a@evil.example>@acme.example", "a\nb@acme.example", "a b@acme.example", "a@", "@acme.example",
        "a\u2028b@acme.example", "a@acme.example@acme.example",
    ],
)  # fmt: skip
def test_what_is_not_one_address_lies_in_no_domain(acme, browser, email):
    opaque = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    response = come(
        browser, name_id="G-1", name_id_format=opaque, attributes={"email": email, "userName": "g1"}
    )
    refused(response, acme, "attribute_invalid")
