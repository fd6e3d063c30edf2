"""What a member had at any time, told by the rows, equals what a replay of the record tells."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import Detail, Entry
from identity import access, grants, groups, mappings, members, resources, roles, tenancy
from identity.access import Question
from identity.errors import Refusal
from identity.grants import GrantSpec
from identity.mappings import Mapping
from tests.conftest import SETUP, join

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(hours=1)
SPECS = [GrantSpec("portfolio", "p1", "view"), GrantSpec("portfolio", "p1", "edit"), GrantSpec("asset", "a1", "view")]  # fmt: skip

MOVES = st.one_of(
    st.tuples(st.just("grants"), st.sets(st.sampled_from(range(len(SPECS))))),
    st.tuples(st.just("roles"), st.sets(st.sampled_from(["auditor", "member_manager"]))),
    st.tuples(st.just("groups"), st.booleans()),
    st.tuples(st.just("mapping"), st.sets(st.sampled_from(range(len(SPECS))))),
    st.tuples(st.sampled_from(["suspend", "reactivate", "offboard"]), st.none()),
    st.tuples(st.just("reinstate"), st.booleans()),
)


def move(member, group, name, value):
    """Do one thing to the member, if the verb allows it in this state."""
    try:
        if name == "grants":
            grants.replace(member, [SPECS[index] for index in sorted(value)], actor=SETUP)
        elif name == "roles":
            roles.replace(member, sorted(value), actor=SETUP)
        elif name == "groups":
            change = {"add": [str(member.pk)]} if value else {"remove": [str(member.pk)]}
            groups.change(group, actor=SETUP, **change)
        elif name == "mapping":
            mappings.replace(group, Mapping(tuple(SPECS[index] for index in sorted(value))), actor=SETUP)
        elif name == "reinstate":
            members.reinstate(member, with_access=value, actor=SETUP)
        else:
            getattr(members, name)(member, actor=SETUP)
    except Refusal:
        pass


# What an entry says began, and what another says ended.
BEGINS = {
    "grant.give": "grants",
    "role.assign": "roles",
    "group.member_add": "groups",
    "mapping.give": "brought",
}
ENDS = {
    "grant.end": "grants",
    "role.revoke": "roles",
    "group.member_remove": "groups",
    "mapping.end": "brought",
}


def replayed(member, group, until):
    """Tell from the record alone what the member had: (active, grants, roles, groups)."""
    with tenancy.of(member.organization_id):
        subjects = [str(member.pk), str(group.pk)]
        entries = list(Entry.objects.filter(subject_id__in=subjects, happened_at__lte=until).order_by("id"))
        bodies = {detail.pk: detail.body for detail in Detail.objects.all()}
    active, had = False, {"grants": set(), "roles": set(), "groups": set(), "brought": set()}
    for entry in entries:
        body = bodies[entry.pk]
        if entry.subject_kind == "member" and "state" in body["changes"]:
            active = body["changes"]["state"][1] == "active"
        elif entry.event in BEGINS:
            had[BEGINS[entry.event]].add(_thing(body, 1))
        elif entry.event in ENDS:
            had[ENDS[entry.event]].discard(_thing(body, 0))
    if not active:
        return False, set(), set(), set()
    through = had["brought"] if str(group.pk) in had["groups"] else set()
    return True, had["grants"] | through, had["roles"], had["groups"]


def _thing(body, place):
    changes, data = body["changes"], body["data"]
    if "permission" in changes:
        return data["kind"], data["resource"], changes["permission"][place]
    return changes["role"][place] if "role" in changes else data["group"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(MOVES, max_size=12))
def test_time_travel_equals_a_replay_of_the_record(staged, history):
    organization = staged
    with time_machine.travel(BEGINNING, tick=False) as clock:
        group = groups.create(organization, display_name=f"Traders {uuid4()}", actor=SETUP)
        member = join(organization, f"person {uuid4()}")
        for name, value in history:
            clock.shift(STEP)
            move(member, group, name, value)
        clock.shift(STEP)
        moments = [BEGINNING - STEP, *(BEGINNING + STEP * hours for hours in range(len(history) + 2))]
        for moment in [*moments, None]:
            had = access.what_had(member, moment)
            own = {(line.kind, line.key, line.permission) for line in had.access if not line.inherited_from}
            told = (had.active, own, {role.name for role in had.roles}, {str(row[0]) for row in had.groups})
            assert told == replayed(member, group, moment or datetime.now(UTC)), moment
            _agree(organization, member, moment, own)


def _agree(organization, member, moment, own):
    """Check that the three questions tell the same story."""
    asked = [Question(member.pk, permission, "asset", "a1") for permission in ("view", "edit")]
    answers = [answer.allowed for answer in access.check(organization, asked, moment)]
    below = {permission for _, key, permission in own if key in {"p1", "a1"}}
    assert answers == [bool(below), "edit" in below]
    holders = {line.permission for line in access.who_has(organization, "asset", "a1", moment) if line.member_id == member.pk}  # fmt: skip
    assert holders == below


@pytest.fixture
def staged(acme):
    with time_machine.travel(BEGINNING - STEP, tick=False):
        rows = [{"kind": "portfolio", "id": "p1"}, {"kind": "asset", "id": "a1", "parent": "p1"}]
        resources.register(acme, rows, actor=SETUP)
    return acme


def test_access_ends_at_its_very_moment(staged):
    organization = staged
    with time_machine.travel(BEGINNING, tick=False) as clock:
        jane = join(organization, "jane")
        grants.replace(jane, SPECS[:1], actor=SETUP)
        clock.shift(STEP)
        members.suspend(jane, actor=SETUP)
        clock.shift(STEP)
        members.reactivate(jane, actor=SETUP)
        clock.shift(STEP)

        def allowed(at):
            return access.check(organization, [Question(jane.pk, "view", "portfolio", "p1")], at)[0]

        assert allowed(BEGINNING - timedelta(microseconds=1)).reason == "inactive"
        assert allowed(BEGINNING).allowed
        assert allowed(BEGINNING + STEP - timedelta(microseconds=1)).allowed
        assert allowed(BEGINNING + STEP).reason == "inactive"
        assert allowed(BEGINNING + 2 * STEP).allowed
