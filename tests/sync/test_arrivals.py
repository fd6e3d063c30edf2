"""Who the newcomers of a pull are: members of other doors, by name or by address, and nobody who is somebody else."""

import pytest

from identity import domains, members, tenancy
from identity.models import Member
from tasks.connectors.interface import Person
from tests.conftest import SETUP, join, scim_client
from tests.sync.conftest import ADA
from tests.sync.scripted import approved, crowd, listing, person, pull_of, run, settle, states, steps

MAIL = {"emails": [{"value": "jane@acme.example", "type": "work", "primary": True}]}


@pytest.fixture
def proved(acme):
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)


def jane_by_sign_in(acme, user_name="g-8f3a"):
    """Bring Jane in under the opaque name that her first sign-in gave her."""
    return join(acme, user_name, **MAIL)


def count(acme):
    with tenancy.of(acme):
        return Member.objects.filter(email_key="jane@acme.example").count()


def linked(pull, key):
    with tenancy.of(pull.organization_id):
        return Member.objects.get(links__directory=pull.directory_id, links__external_id=key)


@pytest.mark.usefixtures("proved")
def test_whoever_signed_in_under_an_opaque_name_is_met_by_the_address(acme, hr):
    jane = jane_by_sign_in(acme)
    listing(*crowd(10), person("j", "jane@acme.example", title="CTO"))
    assert run(hr).counts == {"link": 1}
    found = linked(hr, "j")
    assert (found.pk, found.user_name, found.profile["title"]) == (jane.pk, "jane@acme.example", "CTO")
    assert count(acme) == 1
    assert run(hr).counts == {}


def test_an_address_outside_of_proved_domains_says_nothing(acme, hr):
    jane = jane_by_sign_in(acme)
    listing(*crowd(10), person("j", "jane@acme.example"))
    assert run(hr).counts == {"create": 1}
    assert linked(hr, "j").pk != jane.pk


@pytest.mark.usefixtures("proved")
def test_several_who_could_be_meant_are_left_to_people(acme, hr):
    jane_by_sign_in(acme)
    jane_by_sign_in(acme, "g-9999")
    listing(*crowd(10), person("j", "jane@acme.example"))
    made = run(hr)
    assert steps(made, "action", "external_id", "reason", "member_id") == [("skip", "j", "email_taken", None)]
    assert count(acme) == 2


@pytest.mark.usefixtures("proved")
def test_whoever_has_a_password_or_another_directory_or_is_out_is_not_met(acme, hr):
    admin = jane_by_sign_in(acme, "break-glass")
    members.set_password(admin, "correct horse battery staple", actor=SETUP)
    okta = scim_client(acme, "okta").directory
    members.provision(
        acme, user_name="pushed", profile=MAIL, directory=okta, external_id="1", actor=SETUP
    )  # fmt: skip
    members.offboard(jane_by_sign_in(acme, "g-left"), actor=SETUP)
    listing(*crowd(10), person("j", "jane@acme.example"))
    assert run(hr).counts == {"create": 1}
    assert count(acme) == 4


@pytest.mark.usefixtures("proved")
@pytest.mark.parametrize(
    ("arrive", "who"),
    [
        ([("a", "jane@acme.example"), ("b", "jane.admin@acme.example")], "a"),
        ([("a", "jane.admin@acme.example"), ("b", "jane@acme.example")], "a"),
        ([("a", "jane.admin@acme.example"), ("b", "g-8f3a")], "b"),
    ],
)
def test_of_several_with_one_mailbox_one_is_the_member_and_the_others_are_their_own(acme, hr, arrive, who):
    jane = jane_by_sign_in(acme)
    listing(*crowd(10), *[Person(key, name, MAIL, active=True) for key, name in arrive])
    assert run(hr).counts == {"link": 1, "create": 1}
    assert linked(hr, who).pk == jane.pk
    assert count(acme) == 2


@pytest.mark.usefixtures("proved")
def test_somebody_inactive_there_takes_nobodys_place(acme, hr):
    jane = jane_by_sign_in(acme)
    listing(
        *crowd(10),
        Person("a", "old@acme.example", MAIL, active=False),
        Person("b", "jane@acme.example", MAIL, active=True),
    )
    assert run(hr).counts == {"link": 1}
    assert linked(hr, "b").pk == jane.pk


@pytest.mark.usefixtures("proved")
def test_somebody_who_comes_between_plan_and_approval_is_not_made_twice(acme, script):
    pull = pull_of(acme)
    listing(person("j", "jane@acme.example"), person("k"))
    made = run(pull)
    assert made.counts == {"create": 2}
    jane = jane_by_sign_in(acme)
    done = approved(made, ADA)
    assert (done.state, done.applied, done.skipped) == ("done", 1, 1)
    assert ("create", "j", "skipped", "changed_since") in steps(
        done, "action", "external_id", "state", "reason"
    )
    assert count(acme) == 1
    assert run(pull).counts == {"link": 1}
    assert linked(pull, "j").pk == jane.pk


def test_another_directorys_tombstone_under_the_same_number_is_somebody_else(acme, hr):
    okta = scim_client(acme, "okta").directory
    gone = members.provision(acme, user_name="zoe", directory=okta, external_id="7", actor=SETUP).member
    members.offboard(gone, actor=SETUP, tombstone=okta)
    listing(*crowd(10), person("7", "yan@acme.example"))
    assert run(hr).counts == {"create": 1}


def test_whoever_moves_to_another_directory_is_out_until_somebody_decides(acme, hr):
    """The first directory shuts them out; the second one says why it does not adopt what belongs to the first."""
    second = pull_of(acme, "Second")
    listing(*crowd(3, start=20))
    settle(second, ADA)
    listing(*crowd(9), person("p09", active=False))
    run(hr)
    listing(*crowd(3, start=20), person("x", "p09@acme.example"))
    made = run(second)
    assert steps(made, "action", "external_id", "reason") == [("skip", "x", "user_name_taken")]
    assert (states(hr)["p09"], "x" in states(second)) == ("suspended", False)
