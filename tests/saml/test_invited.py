"""An invitation is accepted by signing in, once, whether the person is new or was brought by a directory meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connections as databases
from django.utils import timezone

from audit.record import Actor
from demo.idp_messages import respond
from identity import domains, invitations, members, roles, tenancy
from identity.errors import Forbidden
from identity.models import Domain, Invitation, Member
from tests.api.client import token_of
from tests.conftest import SETUP, join
from tests.saml.door import Browser, connect, entries, last_attempt
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("db")
JANE = "jane@acme.example"
ACCESS = {"roles": ["auditor"]}


def invitation_of(acme):
    with tenancy.of(acme):
        return Invitation.objects.get(organization=acme)


def newcomer(acme):
    with tenancy.of(acme):
        return Member.objects.get(organization=acme, user_name=JANE)


def test_a_member_who_came_by_another_way_accepts_at_their_sign_in(acme, browser):
    invitations.create(acme, JANE, actor=SETUP, access=ACCESS)
    jane = join(acme, JANE)
    assert browser.sign_in().status_code == 303
    assert invitation_of(acme).member_id == jane.pk
    assert roles.names_of(jane) == ["auditor"]
    [entry] = entries(acme, "invitation.accept")
    assert entry.actor_kind == "connection"


def test_a_known_member_accepts_too_and_the_second_sign_in_accepts_nothing(acme, browser):
    browser.sign_in()
    invitations.create(acme, JANE, actor=SETUP, access=ACCESS)
    for _ in range(2):
        assert browser.sign_in().status_code == 303
    assert len(entries(acme, "invitation.accept")) == 1


def test_an_invited_first_administrator_stays_one_whatever_is_asserted(acme, browser, ada):
    invitations.create(acme, JANE, actor=SETUP, access={"roles": ["organization_admin"]})
    members.offboard(ada, actor=SETUP)
    assert browser.sign_in(attributes={"email": JANE, "roles": ["auditor", "employee"]}).status_code == 303
    assert roles.names_of(newcomer(acme)) == ["auditor", "organization_admin"]
    steps = [step["step"] for step in last_attempt(acme).steps if step["step"].startswith("access")]
    assert steps == [
        "access refused: role employee (unknown_role)",
        "access kept: role organization_admin (last_administrator)",
    ]


def test_one_of_two_administrators_is_what_the_identity_provider_says(acme, browser, ada):
    invitations.create(acme, JANE, actor=SETUP, access={"roles": ["organization_admin"]})
    assert browser.sign_in(attributes={"email": JANE, "roles": ["auditor"]}).status_code == 303
    assert roles.names_of(newcomer(acme)) == ["auditor"]


def test_two_sign_ins_at_once_accept_once(acme, browser):
    jane = join(acme, JANE)
    invitations.create(acme, JANE, actor=SETUP, access=ACCESS)
    other = Browser(browser.connection)
    answers = [(each, respond(each.idp, each.answer(each.begin()))) for each in (browser, other)]

    def post(pair):
        try:
            return pair[0].post(pair[1]).status_code
        finally:
            databases.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(post, answers)) == [303, 303]
    assert len(entries(acme, "invitation.accept")) == 1
    assert roles.names_of(jane) == ["auditor"]


def test_nobody_accepts_by_an_address_that_they_were_given_here(acme, browser):
    """A member manager edits addresses, their own too; whose an address is, the identity provider says."""
    mona = join(acme, "mona@acme.example", role="member_manager")
    mine = {"name_id": "mona@acme.example", "attributes": {"email": "mona@acme.example"}}
    assert browser.sign_in(**mine).status_code == 303
    invitations.create(acme, JANE, actor=SETUP, access={"roles": ["organization_admin"]})
    answer = token_of(mona).patch(f"/organizations/acme/members/{mona.pk}", {"email": JANE})
    assert answer.status_code == 200, answer.content
    assert browser.sign_in(**mine).status_code == 303
    assert roles.names_of(mona) == ["member_manager"]
    assert invitation_of(acme).accepted_at is None


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"


def newcomers(acme, eraser, meanwhile, *names, **policy):
    """Have newcomers with one address sign in, hold them all before they accept their invitation, and tell how each came out."""
    connection = connect(acme, name="Strict", **policy)

    def come(name):
        try:
            return (
                Browser(connection).sign_in(name_id=name, attributes={"email": JANE, "uid": name}).status_code
            )
        finally:
            databases.close_all()

    with ThreadPoolExecutor(len(names)) as pool:
        with tenancy.change(acme):
            invitation = Invitation.objects.select_for_update().get(organization=acme)
            coming = [pool.submit(come, name) for name in names]
            assert eventually(lambda: eraser.execute(WAITING).fetchone()[0] == len(names))
            meanwhile(invitation)
        return sorted(each.result() for each in coming)


def test_two_newcomers_at_once_with_one_invitation_let_one_of_them_in(acme, eraser):
    invitations.create(acme, JANE, actor=SETUP, access=ACCESS)
    names = {"attribute_mapping": {"email": ["email"], "user_name": ["uid"]}, "join": "invited"}
    assert newcomers(acme, eraser, lambda _: None, "jane-1", "jane-2", **names) == [303, 403]
    with tenancy.of(acme):
        (only,) = Member.objects.all()
    assert roles.names_of(only) == ["auditor"]
    assert invitation_of(acme).member_id == only.pk


def test_an_invitation_that_is_taken_back_meanwhile_lets_nobody_in(acme, eraser):
    invitations.create(acme, JANE, actor=SETUP, access=ACCESS)

    def withdraw(invitation):
        assert invitations.withdraw(invitation, actor=SETUP)

    assert newcomers(acme, eraser, withdraw, "jane-1", join="invited") == [403]
    with tenancy.of(acme):
        assert not Member.objects.exists()


def test_an_expired_invitation_gives_a_member_nothing_and_lets_no_newcomer_in(acme, browser):
    strict = Browser(connect(acme, name="strict", join="invited"))
    invitations.create(acme, JANE, actor=SETUP, access=ACCESS)
    invitations.create(acme, "new@acme.example", actor=SETUP)
    jane = join(acme, JANE)
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        assert browser.sign_in().status_code == 303
        refused = strict.sign_in(name_id="new@acme.example", attributes={"email": "new@acme.example"})
        assert refused.status_code == 403
    assert roles.names_of(jane) == []
    assert entries(acme, "invitation.accept") == []


def test_an_invitation_to_a_canonical_domain_is_accepted_by_saml_alone(acme, browser):
    with tenancy.of(acme):
        domain = Domain.objects.get(organization=acme)
    domains.set_canonical(domain, True, actor=SETUP)
    invitations.create(acme, JANE, actor=SETUP, access=ACCESS)
    jane = join(acme, JANE)
    with pytest.raises(Forbidden):
        invitations.accept_for(jane, JANE, actor=Actor("member", str(jane.pk), JANE))
    assert browser.sign_in().status_code == 303
    assert roles.names_of(jane) == ["auditor"]
