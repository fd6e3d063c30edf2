"""Shutting out: every door in one transaction, whoever closes it; and coming back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Entry
from identity import (
    batches,
    deadlines,
    exits,
    grants,
    groups,
    members,
    resources,
    roles,
    sessions,
    tenancy,
    tokens,
)
from identity.errors import Offboarded, UserNameTaken
from identity.grants import GrantSpec
from identity.models import ActivePeriod, Group, Member, RoleAssignment, Session, Token
from tests.conftest import SETUP, again, join, later
from tests.scim.talk import Scim

P1 = GrantSpec("portfolio", "p1", "edit")


@pytest.fixture
def equipped(acme, jane):
    """Give jane a session, a token, a grant, a role and a group."""
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    grants.replace(jane, [P1], actor=SETUP)
    roles.replace(jane, ["auditor"], actor=SETUP)
    groups.create(acme, display_name="Staff", members=[str(jane.pk)], actor=SETUP)
    _, cookie = sessions.start(jane, actor=SETUP)
    _, secret = tokens.issue(jane, scopes=["record.read"], actor=SETUP)
    assert sessions.find(cookie)
    assert not tokens.find(secret).refusal
    return jane, cookie, secret


def closed(cookie, secret):
    return sessions.find(cookie) is None and tokens.find(secret).refusal == "revoked"


def test_suspension_ends_sessions_and_tokens_and_keeps_access_dormant(equipped):
    former, cookie, secret = equipped
    jane = members.suspend(former, actor=SETUP, reason="left?")
    assert closed(cookie, secret)
    assert grants.effective(jane) == []
    jane = members.reactivate(jane, actor=SETUP)
    assert closed(cookie, secret), "what was ended stays ended"
    assert not tokens.find(tokens.issue(former, actor=SETUP)[1]).refusal, "also if they were read before that"
    assert [(a.key, a.permission) for a in grants.effective(jane)] == [("p1", "edit")]
    assert roles.names_of(jane) == ["auditor"]
    with tenancy.of(jane.organization_id):
        assert jane.memberships.filter(ended_at__isnull=True).count() == 1


def test_offboarding_ends_everything_and_says_so(equipped):
    jane, cookie, secret = equipped
    with tenancy.of(jane.organization_id):
        before, staff = exits.preview(jane), Group.objects.get()
    assert before == {"sessions": 1, "tokens": 1, "grants": 1, "roles": 1, "invitations": 0, "groups": 1}
    receipt = members.offboard(jane, actor=SETUP, reason="left the company")
    assert closed(cookie, secret)
    assert (len(receipt.sessions), len(receipt.tokens), len(receipt.grants), receipt.roles, receipt.groups) == (
        1, 1, 1, ["auditor"], ["Staff"],
    )  # fmt: skip
    with tenancy.of(jane.organization_id):
        assert set(exits.preview(jane).values()) == {0}
        assert Group.objects.get().version == staff.version + 1
        events = list(
            Entry.objects.filter(organization_id=jane.organization_id)
            .order_by("id")
            .values_list("event", flat=True)
        )
    assert events[-6:] == [
        "session.end", "token.revoke", "grant.end", "role.revoke", "group.member_remove", "member.offboard",
    ]  # fmt: skip


def test_a_thousand_sessions_and_tokens_die_in_one_transaction(acme, jane):
    now = timezone.now()
    with tenancy.change(acme):
        Session.objects.bulk_create(
            Session(
                organization=acme, member=jane, digest=number.to_bytes(32), epoch=0, started_at=now, seen_at=now,
                expires_at=now + timedelta(days=1),
            )
            for number in range(1000)
        )  # fmt: skip
        Token.objects.bulk_create(
            Token(
                organization=acme,
                member=jane,
                prefix=f"rcm_{number}",
                digest=b"",
                created_at=now,
                expires_at=now + timedelta(days=1),
            )
            for number in range(1000)
        )
        deadlines.schedule_end(jane, now + timedelta(days=9), actor=SETUP)
    members.offboard(jane, actor=SETUP)
    with tenancy.of(acme):
        assert not Session.objects.filter(ended_at__isnull=True).exists()
        assert not Token.objects.filter(revoked_at__isnull=True).exists()
        assert Entry.objects.filter(event__in=["session.end", "token.revoke"]).count() == 2000


@pytest.mark.parametrize("with_access", [True, False])
def test_reinstating_brings_access_back_only_when_asked(equipped, with_access):
    jane, cookie, secret = equipped
    members.offboard(jane, actor=SETUP)
    jane = members.reinstate(jane, actor=SETUP, with_access=with_access)
    assert jane.state == "active"
    assert closed(cookie, secret)
    assert [a.key for a in grants.effective(jane)] == (["p1"] if with_access else [])
    assert roles.names_of(jane) == (["auditor"] if with_access else [])


def test_a_clock_that_was_set_back_gives_nothing_more_back(equipped, acme):
    jane, _, _ = equipped
    resources.register(acme, [{"kind": "portfolio", "id": "p2"}], actor=SETUP)
    taken_away = GrantSpec("portfolio", "p2", "edit")
    with later(hours=2):
        grants.replace(jane, [P1, taken_away], actor=SETUP)
        roles.replace(jane, ["auditor", "member_manager"], actor=SETUP)
    with later(hours=3):
        grants.replace(jane, [P1], actor=SETUP)
        roles.replace(jane, ["auditor"], actor=SETUP)
    with later(hours=1):
        members.offboard(jane, actor=SETUP)
    with later(hours=4):
        members.reinstate(jane, actor=SETUP, with_access=True)
        members.offboard(again(jane), actor=SETUP)
    with later(hours=2):
        back = members.reinstate(again(jane), actor=SETUP, with_access=True)
    with tenancy.of(acme):
        assert [(held.resource.key, held.permission) for held in grants.open_grants(back)] == [("p1", "edit")]
        held = RoleAssignment.objects.filter(member=back, ended_at__isnull=True)
        assert list(held.values_list("role__name", flat=True)) == ["auditor"]


def test_a_machine_does_not_bring_back_whom_an_administrator_offboarded(acme, okta):
    jane = members.provision(
        acme, user_name="jane", external_id="00u1", directory=okta.directory, actor=SETUP
    ).member
    members.offboard(jane, actor=SETUP)
    for attempt in (
        lambda: members.reactivate(jane, actor=SETUP),
        lambda: members.change(jane, active=True, actor=SETUP),
        lambda: members.provision(
            acme, user_name="jane", external_id="00u1", directory=okta.directory, actor=SETUP
        ),
        lambda: members.provision(acme, user_name="JANE", directory=okta.directory, actor=SETUP),
    ):
        with pytest.raises(Offboarded):
            attempt()
    with tenancy.of(acme):
        assert Member.objects.get().state == "offboarded"


def test_who_is_reinstated_joins_the_groups_they_were_named_for_meanwhile(acme, okta):
    idp = Scim(okta)
    made, group = idp.create("jane@acme.example", externalId="1"), idp.create_group("Staff")
    with tenancy.of(acme):
        jane = Member.objects.get(pk=made["id"])
    members.offboard(jane, actor=SETUP)
    idp.patch(f"/Groups/{group['id']}", {"op": "add", "path": "members", "value": [{"value": made["id"]}]})
    assert idp.get(f"/Groups/{group['id']}").body["members"] == []
    members.reinstate(jane, actor=SETUP, with_access=False)
    assert [each["value"] for each in idp.get(f"/Groups/{group['id']}").body["members"]] == [made["id"]]


def test_a_deleted_person_comes_as_somebody_new(acme, okta):
    first = members.provision(
        acme, user_name="jane", external_id="00u1", directory=okta.directory, actor=SETUP
    ).member
    members.offboard(first, tombstone=okta.directory, actor=SETUP)
    second = members.provision(
        acme, user_name="jane", external_id="00u1", directory=okta.directory, actor=SETUP
    )
    assert second.created
    assert second.member.pk != first.pk
    with pytest.raises(UserNameTaken):
        members.reinstate(first, with_access=True, actor=SETUP)


def test_a_suspended_person_who_is_created_again_is_revived_with_the_same_id(acme, okta):
    first = members.provision(
        acme, user_name="jane", external_id="00u1", directory=okta.directory, actor=SETUP
    ).member
    members.suspend(first, actor=SETUP)
    again = members.provision(
        acme,
        user_name="jane.new",
        external_id="00u1",
        directory=okta.directory,
        profile={"title": "CTO"},
        actor=SETUP,
    )
    assert (again.revived, again.member.pk, again.member.user_name, again.member.state) == (
        True,
        first.pk,
        "jane.new",
        "active",
    )


WAYS_OUT = {
    "suspended": lambda jane: members.suspend(jane, actor=SETUP),
    "offboarded": lambda jane: members.offboard(jane, actor=SETUP),
    "suspended with others": lambda jane: batches.suspend(
        jane.organization, {jane.pk: jane.version}, actor=SETUP, reason=""
    ),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_session_or_token_from_before_an_exit_opens_nothing_even_where_it_was_not_ended(acme, jane, way):
    """What a race leaves open is of an epoch that is over, also for somebody who came back."""
    before = jane.session_epoch
    WAYS_OUT[way](jane)
    jane = members.reinstate(jane, actor=SETUP, with_access=True)
    with tenancy.change(acme):
        session, cookie = sessions.start(jane, actor=SETUP)
        token, secret = tokens.issue(jane, actor=SETUP)
        assert sessions.find(cookie)
        assert tokens.find(secret).refusal == ""
        Session.objects.filter(pk=session.pk).update(epoch=before)
        Token.objects.filter(pk=token.pk).update(epoch=before)
    assert sessions.find(cookie) is None
    assert tokens.find(secret).refusal == "owner_out"


def test_the_times_of_activity_are_kept(jane):
    members.suspend(jane, actor=SETUP)
    members.reactivate(jane, actor=SETUP)
    members.offboard(jane, actor=SETUP)
    with tenancy.of(jane.organization_id):
        periods = list(ActivePeriod.objects.filter(member=jane).order_by("started_at"))
    assert len(periods) == 2
    assert all(period.ended_at for period in periods)


def test_doing_it_twice_changes_and_records_nothing(jane):
    members.suspend(jane, actor=SETUP)
    with tenancy.of(jane.organization_id):
        before = Entry.objects.count()
    members.suspend(jane, actor=SETUP)
    members.offboard(jane, actor=SETUP)
    assert members.offboard(jane, actor=SETUP).already
    with tenancy.of(jane.organization_id):
        assert Entry.objects.count() == before + 1


def test_a_directory_adopts_a_local_member_only_in_a_proved_domain(acme, okta):
    from identity import domains

    local = join(acme, "rita@acme.example")
    arguments = {
        "user_name": "rita@acme.example", "external_id": "00u9", "directory": okta.directory, "actor": SETUP,
        "profile": {"emails": [{"value": "rita@acme.example"}]},
    }  # fmt: skip
    with pytest.raises(UserNameTaken):
        members.provision(acme, **arguments)
    domain = domains.claim(acme, "acme.example", actor=SETUP)
    with pytest.raises(UserNameTaken):
        members.provision(acme, **arguments)
    domains.confirm(domain, actor=SETUP)
    linked = members.provision(acme, **arguments)
    assert (linked.linked, linked.member.pk) == (True, local.pk)
