"""People of a list and of a group are put together as text: it is what taking their rows to pieces would give, whoever they are."""

import re
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import tenancy
from scim import resources, unmapped
from tests.scim.talk import Scim

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
BASE = "https://rollcall.example/scim/v2"
ID = UUID("01a20349-1c8b-7daa-b48c-e9c176bd3b0f")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | TEXT
    | st.sampled_from([ENTERPRISE, f'"{ENTERPRISE}":']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["name", "emails", "title", "displayName", "phoneNumbers", ENTERPRISE, unmapped.URN])
TIMES = st.integers(0, 253_000_000_000_000_000).map(
    lambda each: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=each)
)
GROUPS = st.none() | st.lists(
    st.fixed_dictionaries({"value": TEXT, "display": TEXT, "type": st.just("direct")}), min_size=1, max_size=2
)


def as_postgresql_writes(when: datetime) -> str:
    return (
        re.sub(r"(\.\d*?)0*\+", r"\1+", when.isoformat(sep=" ")).replace(".+", "+").replace("+00:00", "+00")
    )


@given(
    name=TEXT, profile=st.dictionaries(NAMES, JSON, max_size=4), active=st.booleans(), version=st.integers(1, 2**31),
    created=TIMES, changed=TIMES, external_id=st.none() | TEXT, groups=GROUPS,
)  # fmt: skip
def test_what_is_written_is_the_user(name, profile, active, version, created, changed, external_id, groups):
    row = (
        str(ID), name, orjson.dumps(profile).decode(), active, version, as_postgresql_writes(created),
        as_postgresql_writes(changed), external_id, orjson.dumps(groups).decode() if groups else None,
    )  # fmt: skip
    whole = resources.user(resources.read_user(row), BASE)
    assert orjson.loads(orjson.dumps(resources.user_written(row, BASE))) == orjson.loads(orjson.dumps(whole))


def test_somebody_in_very_many_groups_is_written_like_anybody():
    groups = [
        {"value": str(UUID(int=each)), "display": f"Group {each}", "type": "direct"} for each in range(100)
    ]
    row = (
        str(ID),
        "mei",
        "{}",
        True,
        3,
        "2026-11-22 12:43:01+00",
        "2026-11-22 12:43:01+00",
        None,
        orjson.dumps(groups).decode(),
    )
    assert len(row[-1]) > resources.GROUPS_CHARACTERS_MAX
    whole = resources.user(resources.read_user(row), BASE)
    assert orjson.loads(orjson.dumps(resources.user_written(row, BASE))) == orjson.loads(orjson.dumps(whole))
    assert len(whole["groups"]) == len(groups)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2026-11-22 12:43:01.5+00", "2026-11-22T12:43:01.500Z"),
        ("2026-11-22 12:43:01+00", "2026-11-22T12:43:01.000Z"),
        ("2026-11-22 12:43:01.123999+00", "2026-11-22T12:43:01.123Z"),
        ("2026-11-22 14:43:01.25+02", "2026-11-22T12:43:01.250Z"),
        ("2026-11-22 18:13:01+05:30", "2026-11-22T12:43:01.000Z"),
    ],
)
def test_times_of_postgresql_are_said_as_scim_says_them(written, said):
    assert resources._moment_of(written) == said
    assert resources._moment(datetime.fromisoformat(written)) == said
    elsewhere = datetime.fromisoformat(written).astimezone(timezone(timedelta(hours=-3)))
    assert resources._moment(elsewhere) == said


def test_a_list_shows_each_person_as_a_read_of_them_does(okta):
    idp = Scim(okta)
    urn = ENTERPRISE
    people = [
        idp.create("plain@example.org"),
        idp.create('quote"back\\slash\u2028@example.org', externalId='é"\\', displayName="\U0001f600"),
        idp.create("extended@example.org", schemas=[urn], **{urn: {"department": "R&D"}}),
        idp.create("odd@example.org", title='"urn:x":', unheard_of="kept aside", active=False),
        idp.create("like@example.org", title=f'"{urn}": ', nickName=urn),
        idp.create("deep@example.org", unheard_of={urn: {"department": "R&D"}}),
    ]
    idp.post("/Groups", {"schemas": [GROUP], "displayName": "All", "members": [{"value": people[0]["id"]}]})
    listed = {each["id"]: each for each in idp.get("/Users").body["Resources"]}
    assert len(listed) == len(people)
    for each in people:
        assert listed[each["id"]] == idp.get(f"/Users/{each['id']}").body
    assert listed[people[0]["id"]]["groups"][0]["display"] == "All"
    with tenancy.of(okta.directory.organization_id):
        assert tenancy.asked("SHOW timezone", ())[0][0] == "UTC"


@given(
    members=st.lists(st.uuids().map(str), max_size=3),
    names=st.booleans(),
    nested=GROUPS,
    external_id=st.none() | TEXT,
    name=TEXT,
)
def test_a_group_as_text_is_the_group(members, names, nested, external_id, name):
    row = resources.GroupRow(
        ID, name, external_id, {}, 7, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), members,
        [f"name of {each}" for each in members] if names else None, nested,
    )  # fmt: skip
    written = orjson.loads(orjson.dumps(resources.group(row, BASE, as_text=True)))
    assert written == resources.group(row, BASE)
    assert list(written) == list(resources.group(row, BASE))
