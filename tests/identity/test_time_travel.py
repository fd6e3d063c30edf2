"""What a member had at any time, told by the rows, equals what a replay of the record tells."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import Detail, Entry
from identity import access, grants, groups, members, resources, roles, tenancy
from identity.access import Question
from identity.errors import Refusal
from identity.grants import GrantSpec
from tests.conftest import SETUP, join

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(hours=1)
SPECS = [GrantSpec("portfolio", "p1", "view"), GrantSpec("portfolio", "p1", "edit"), GrantSpec("asset", "a1", "view")]  # fmt: skip

MOVES = st.one_of(
    st.tuples(st.just("grants"), st.sets(st.sampled_from(range(len(SPECS))))),
    st.tuples(st.just("roles"), st.sets(st.sampled_from(["auditor", "member_manager"]))),
    st.tuples(st.just("groups"), st.booleans()),
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
        elif name == "reinstate":
            members.reinstate(member, with_access=value, actor=SETUP)
        else:
            getattr(members, name)(member, actor=SETUP)
    except Refusal:
        pass


def replayed(member, until):
    """Tell from the record alone what the member had: (active, grants, roles, groups)."""
    active, given_, held, joined = False, set(), set(), set()
    with tenancy.of(member.organization_id):
        entries = list(Entry.objects.filter(subject_id=str(member.pk), happened_at__lte=until).order_by("id"))
        bodies = {detail.pk: detail.body for detail in Detail.objects.all()}
    for entry in entries:
        body = bodies[entry.pk]
        changes, data = body["changes"], body["data"]
        match entry.event:
            case "member.create" | "member.suspend" | "member.reactivate" | "member.offboard" | "member.reinstate":  # fmt: skip
                active = changes["state"][1] == "active"
            case "grant.give":
                given_.add((data["kind"], data["resource"], changes["permission"][1]))
            case "grant.end":
                given_.discard((data["kind"], data["resource"], changes["permission"][0]))
            case "role.assign":
                held.add(changes["role"][1])
            case "role.revoke":
                held.discard(changes["role"][0])
            case "group.member_add":
                joined.add(data["group"])
            case "group.member_remove":
                joined.discard(data["group"])
    return (True, given_, held, joined) if active else (False, set(), set(), set())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(MOVES, max_size=12))
def test_time_travel_equals_a_replay_of_the_record(staged, history):
    organization, group = staged
    with time_machine.travel(BEGINNING, tick=False) as clock:
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
            assert told == replayed(member, moment or datetime.now(UTC)), moment
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
        group = groups.create(acme, display_name="Traders", actor=SETUP)
    return acme, group


def test_access_ends_at_its_very_moment(staged):
    organization, _ = staged
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
