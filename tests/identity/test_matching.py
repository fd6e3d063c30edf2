"""Whether somebody who arrives by a directory is a member already: by id, by name, by the address in a proved domain."""

import pytest

from audit.record import Actor
from identity import domains, members, sign_on, tenancy
from identity.errors import EmailTaken, UserNameTaken
from identity.models import Member
from tests.conftest import SETUP, join


@pytest.fixture
def proved(acme):
    domain = domains.claim(acme, "acme.example", actor=SETUP)
    domains.confirm(domain, actor=SETUP)


def arrive(acme, client, user_name, email, external_id=None):
    return members.provision(
        acme,
        actor=Actor("directory", str(client.directory.pk), client.directory.name),
        user_name=user_name,
        profile={"emails": [{"value": email, "type": "work", "primary": True}]},
        directory=client.directory,
        external_id=external_id,
    )


def count(acme):
    with tenancy.of(acme):
        return Member.objects.filter(user_name__contains="jane").count()


def local(acme, user_name="g-8f3a-jane", email="jane@acme.example"):
    return join(acme, user_name, emails=[{"value": email, "type": "work", "primary": True}])


@pytest.mark.usefixtures("proved")
def test_whoever_came_by_sign_in_under_an_opaque_name_is_known_by_the_address(acme, okta):
    jane = local(acme)
    found = arrive(acme, okta, "jane@acme.example", "Jane@Acme.example", "00u1")
    assert (found.member.pk, found.created, found.linked) == (jane.pk, False, True)
    assert found.member.user_name == "jane@acme.example"
    assert count(acme) == 1


def test_an_address_outside_of_proved_domains_says_nothing(acme, okta):
    jane = local(acme)
    assert arrive(acme, okta, "jane@acme.example", "jane@acme.example").member.pk != jane.pk


@pytest.mark.usefixtures("proved")
def test_a_second_account_with_the_same_mailbox_is_a_member_of_its_own(acme, okta, entra):
    jane = arrive(acme, okta, "jane@acme.example", "jane@acme.example", "1").member
    second = arrive(acme, okta, "jane.admin@acme.example", "jane@acme.example", "2")
    assert second.created
    foreign = arrive(acme, entra, "jane.two@acme.example", "jane@acme.example", "1")
    assert foreign.created
    assert len({jane.pk, second.member.pk, foreign.member.pk}) == 3


@pytest.mark.usefixtures("proved")
def test_several_who_could_be_meant_are_refused_and_nobody_is_guessed(acme, okta):
    local(acme)
    local(acme, "jane-two")
    with pytest.raises(EmailTaken, match="Several members"):
        arrive(acme, okta, "jane@acme.example", "jane@acme.example")
    assert count(acme) == 2


@pytest.mark.usefixtures("proved")
def test_an_offboarded_member_is_not_met_by_their_address(acme, okta):
    jane = local(acme)
    members.offboard(jane, actor=SETUP, reason="left")
    found = arrive(acme, okta, "jane@acme.example", "jane@acme.example")
    assert (found.created, found.member.pk != jane.pk) == (True, True)


@pytest.mark.usefixtures("proved")
def test_whoever_is_brought_by_hand_is_nobodys_second_self(acme):
    local(acme)
    assert local(acme, "another-jane").user_name == "another-jane"
    assert count(acme) == 2


@pytest.mark.usefixtures("proved")
@pytest.mark.parametrize(
    "name", ["ja\u017fmin.k@acme.example", "jasmin.\u212a@acme.example", "\u00a0jasmin.k@acme.example"]
)
def test_whoever_only_looks_like_somebody_does_not_get_their_account(acme, okta, name):
    jasmin = local(acme, "jasmin.k@acme.example", "jasmin.k@acme.example")
    with pytest.raises(UserNameTaken):
        arrive(acme, okta, name, name)
    with pytest.raises(EmailTaken):
        arrive(acme, okta, "g-1", name)
    assert arrive(acme, okta, "Jasmin.K@acme.example", "jasmin.k@ACME.example").member == jasmin


@pytest.mark.usefixtures("proved")
def test_whoever_has_a_password_keeps_the_name_that_goes_with_it(acme, okta):
    admin = local(acme, "break-glass-jane")
    members.set_password(admin, "correct horse battery staple", actor=SETUP)
    assert arrive(acme, okta, "jane@acme.example", "jane@acme.example").created
    with tenancy.of(acme):
        assert Member.objects.get(pk=admin.pk).user_name == "break-glass-jane"


@pytest.mark.usefixtures("proved")
def test_no_directory_takes_over_who_comes_in_when_single_sign_on_fails(acme, okta, ada):
    """By their own user name it took them, and could shut out whom `sign_on` had taken for no directory's."""
    members.set_password(ada, "correct horse battery staple", actor=SETUP)
    sign_on.change(acme, sign_on="single_sign_on", break_glass_id=ada.pk, actor=SETUP)
    with pytest.raises(UserNameTaken, match="break-glass administrator"):
        arrive(acme, okta, ada.user_name, ada.email)
    sign_on.change(acme, sign_on="also_password", actor=SETUP)
    assert arrive(acme, okta, ada.user_name, ada.email).member == ada
