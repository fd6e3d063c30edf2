"""Whose sign-in it is: by NameID, user name and e-mail, and never somebody else's."""

import pytest

from identity import members, tenancy
from saml import subjects
from saml.models import SubjectLink
from saml.names import NAMEID_PERSISTENT, NAMEID_TRANSIENT
from tests.conftest import SETUP, join
from tests.console.conftest import visit
from tests.saml.door import Browser, connect, last_attempt, open_sessions, people, prove, refused

pytestmark = pytest.mark.usefixtures("db")


def test_the_second_sign_in_finds_the_member_by_name_id_alone(acme, browser):
    browser.sign_in(name_id="00u1", name_id_format=NAMEID_PERSISTENT)
    response = browser.sign_in(
        name_id="00u1", name_id_format=NAMEID_PERSISTENT, attributes={"email": "other@acme.example"}
    )
    assert response.status_code == 303
    [jane] = people(acme)
    assert jane.email == "jane@acme.example"


def test_a_member_of_the_directory_is_linked_by_user_name(acme, browser, jane):
    assert browser.sign_in().status_code == 303
    assert people(acme) == [jane]
    with tenancy.of(acme):
        assert SubjectLink.objects.get(organization=acme).member_id == jane.pk


def test_a_member_is_linked_by_the_e_mail_of_a_proved_domain(acme, browser):
    jane = join(acme, "jjones", emails=[{"value": "jane@acme.example", "primary": True}])
    assert browser.sign_in(name_id="G-1", name_id_format=NAMEID_PERSISTENT).status_code == 303
    assert people(acme) == [jane]


def test_an_e_mail_outside_the_proved_domains_links_nobody(acme, browser):
    join(acme, "jjones", emails=[{"value": "jane@other.example", "primary": True}])
    response = browser.sign_in(
        name_id="G-1", name_id_format=NAMEID_PERSISTENT, attributes={"email": "jane@other.example"}
    )
    refused(response, acme, "domain_not_verified")


def test_an_e_mail_of_two_members_matches_neither(acme, browser):
    for name in ("jane.one", "jane.two"):
        join(acme, name, emails=[{"value": "jane@acme.example", "primary": True}])
    response = browser.sign_in(name_id="G-1", name_id_format=NAMEID_PERSISTENT)
    refused(response, acme, "ambiguous_member")


def test_another_name_id_never_takes_over_a_linked_member(acme, browser):
    browser.sign_in(name_id="00u1", name_id_format=NAMEID_PERSISTENT)
    response = browser.sign_in(name_id="00u2", name_id_format=NAMEID_PERSISTENT)
    refused(response, acme, "member_linked")


def test_whoever_was_renamed_comes_in_again_once_an_administrator_unlinks_them_on_their_page(
    acme, ada, browser
):
    jane = join(acme, "jane@acme.example")
    browser.sign_in(name_id="jane@acme.example")
    members.change(jane, user_name="jane.smith@acme.example", profile={}, actor=SETUP)
    refused(browser.sign_in(name_id="jane.smith@acme.example", attributes={}), acme, "member_linked")
    page, action = f"/o/acme/members/{jane.pk}/", f"identities/{browser.connection.pk}/end"
    console = visit(ada)
    assert action in console.get(page).content.decode()
    assert b"may call this person by another name now" in console.post(page + action, follow=True).content
    assert action not in console.get(page).content.decode()
    assert b"There was nothing to unlink" in console.post(page + action, follow=True).content
    assert browser.sign_in(name_id="jane.smith@acme.example", attributes={}).status_code == 303
    assert last_attempt(acme).member_id == jane.pk


def test_a_name_that_went_to_somebody_else_opens_neither_account(acme, connection, browser):
    jane = join(acme, "jane@acme.example")
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303
    members.change(jane, user_name="jane.smith@acme.example", profile={}, actor=SETUP)
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303, "nobody else is called so"
    hired = join(acme, "jane@acme.example")
    refused(browser.sign_in(name_id="jane@acme.example"), acme, "name_recycled")
    assert subjects.unlink(connection, jane.pk, actor=SETUP)
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303
    assert last_attempt(acme).member_id == hired.pk
    assert browser.sign_in(name_id="jane.smith@acme.example", attributes={}).status_code == 303
    assert last_attempt(acme).member_id == jane.pk


def test_a_user_name_that_went_to_somebody_else_is_theirs_though_the_former_holder_keeps_it_as_an_address(
    acme, connection, browser
):
    jane = join(acme, "jane@acme.example")
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303
    members.change(jane, user_name="jane.smith@acme.example", actor=SETUP)
    second = join(acme, "jane.admin@acme.example", emails=[{"value": "jane@acme.example", "type": "work"}])
    assert browser.sign_in(name_id="jane@acme.example", attributes={}).status_code == 303, "a mailbox of two"
    assert last_attempt(acme).member_id == jane.pk
    hired = join(acme, "jane@acme.example", emails=[])
    refused(browser.sign_in(name_id="jane@acme.example", attributes={}), acme, "name_recycled")
    assert subjects.unlink(connection, jane.pk, actor=SETUP)
    assert browser.sign_in(name_id="jane@acme.example", attributes={}).status_code == 303
    assert last_attempt(acme).member_id == hired.pk != second.pk


def test_two_who_exchanged_their_names_do_not_come_in_as_each_other(acme, connection, browser):
    jane, joe = join(acme, "jane@acme.example"), join(acme, "joe@acme.example")
    names = [member.user_name for member in (jane, joe)]
    assert [browser.sign_in(name_id=name).status_code for name in names] == [303, 303]
    for member, name in ((jane, "away@acme.example"), (joe, "jane@acme.example"), (jane, "joe@acme.example")):
        members.change(member, user_name=name, profile={}, actor=SETUP)
    for name in names:
        refused(browser.sign_in(name_id=name, attributes={}), acme, "name_recycled")
    assert all(subjects.unlink(connection, member.pk, actor=SETUP) for member in (jane, joe))
    for name, member in (("jane@acme.example", joe), ("joe@acme.example", jane)):
        assert browser.sign_in(name_id=name, attributes={}).status_code == 303
        assert last_attempt(acme).member_id == member.pk


def test_whoever_keeps_a_name_id_that_is_anothers_name_is_linked_anew_by_hand(acme, connection, browser):
    jane = join(acme, "jane@acme.example")
    browser.sign_in(name_id="jane@acme.example")
    members.change(jane, user_name="jane.smith@acme.example", profile={}, actor=SETUP)
    join(acme, "jane@acme.example")
    subjects.unlink(connection, jane.pk, actor=SETUP)
    subjects.link(connection, jane, "jane@acme.example", actor=SETUP)
    assert browser.sign_in(name_id="jane@acme.example").status_code == 303
    assert last_attempt(acme).member_id == jane.pk


def test_a_transient_name_id_identifies_nobody_and_the_stable_attribute_does(acme, browser):
    for number in ("_a" * 300, "_b" * 300):
        response = browser.sign_in(
            name_id=number, name_id_format=NAMEID_TRANSIENT, attributes={"email": "jane@acme.example"}
        )
        assert response.status_code == 303
    assert len(people(acme)) == 1
    response = browser.sign_in(name_id="_c", name_id_format=NAMEID_TRANSIENT, attributes={})
    refused(response, acme, "attribute_missing")


@pytest.mark.parametrize("others", [True, False])
def test_an_e_mail_that_is_no_address_is_said_to_be_none(acme, others):
    """An account name mapped to the e-mail, or SimpleSAMLphp's base64attributes: no domain needs proving for that."""
    prove(acme, "acme.example")
    browser = Browser(connect(acme, allow_other_domains=others))
    response = browser.sign_in(
        name_id="G-1", name_id_format=NAMEID_PERSISTENT, attributes={"email": "amFuZUBhY21lLmV4YW1wbGU="}
    )
    refused(response, acme, "attribute_invalid")
    assert last_attempt(acme).detail == "the e-mail is no address: amFuZUBhY21lLmV4YW1wbGU="
    assert people(acme) == []


def test_row_35_a_stranger_with_an_address_of_another_domain_is_not_made(acme, globex, connection):
    prove(globex, "globex.example")
    victim = join(globex, "gina@globex.example")
    evil = Browser(connection)
    response = evil.sign_in(name_id="gina@globex.example", attributes={"email": "gina@globex.example"})
    refused(response, acme, "domain_not_verified")
    assert people(acme) == []
    assert people(globex) == [victim]
    assert open_sessions(globex) == []


@pytest.mark.parametrize("verb", [members.suspend, members.offboard])
def test_row_65_whoever_is_out_stays_out_and_is_not_made_anew(acme, browser, verb):
    browser.sign_in()
    verb(people(acme)[0], actor=SETUP)
    refused(browser.sign_in(), acme, "user_inactive")
    assert len(people(acme)) == 1
    assert open_sessions(acme) == []


@pytest.mark.parametrize("verb", [members.suspend, members.offboard])
def test_row_65_also_where_they_never_signed_in_before(acme, browser, jane, verb):
    verb(jane, actor=SETUP)
    refused(browser.sign_in(), acme, "user_inactive")
    refused(browser.sign_in(name_id="G-1", name_id_format=NAMEID_PERSISTENT), acme, "user_inactive")
    assert len(people(acme)) == 1


def test_a_new_hire_gets_the_name_and_the_door_of_somebody_who_left(acme, browser):
    browser.sign_in()
    members.offboard(people(acme)[0], actor=SETUP)
    hire = join(acme, "jane@acme.example")
    assert browser.sign_in().status_code == 303
    assert [session.member_id for session in open_sessions(acme)] == [hire.pk]
