"""Filters and sorting obey an organization's own schema."""

# ruff: noqa: F811 - the fixture of another file is asked for by its name

from urllib.parse import quote

from tests.scim.test_own_schemas import FULL, HIDDEN, URN, idp, schema  # noqa: F401 - a fixture

FOUND = [
    'badge eq "B-1"', 'tier eq "GOLD"', 'tier sw "g"', "level gt 2", "level ge 3.0", "rate eq 0.1", "rate lt 0.2", "remote eq true",
    'joined eq "2026-01-31T11:00:00Z"', 'joined ge "2026-01-31T10:59:59"', 'tags eq "BLUE"', 'tags[value eq "red"]', "tags pr",
    'tags.value co "lu"', "desk.floor eq 2", "desk pr", 'phones[type eq "desk" and value eq "12"]', 'phones eq "12"',
    'note eq "left-handed"', 'phones.$ref eq "tel:12"', 'phones[$ref sw "tel"]',
]  # fmt: skip


NOT_FOUND = [
    'badge eq "b-1"', "level gt 3", "level ne 3", 'joined gt "2026-01-31T11:00:00Z"', 'tags eq "green"', "desk.floor le 1",
    "phones[primary eq false]", "phones.primary eq false",
]  # fmt: skip


def test_a_filter_obeys_the_schema(idp):
    made = idp.create("mei@example.org", **{URN: {**FULL, **HIDDEN}})
    other = idp.create("other@example.org", **{URN: {"key": "o"}})

    def found(text):
        answer = idp.get(f"/Users?filter={quote(text)}")
        return {each["id"] for each in answer.body["Resources"]}

    for each in FOUND:
        assert found(f"{URN}:{each}") == {made["id"]}, each
        assert found(f"not ({URN.upper()}:{each}) and {URN}:key pr") == {other["id"]}, each
    for each in NOT_FOUND:
        assert made["id"] not in found(f"{URN}:{each}"), each


SENSELESS = {
    'nothing eq "x"': "filter_unknown", 'pin eq "0000"': "filter_hidden", "pin pr": "filter_hidden", 'level eq "x"': "filter_value",
    'level eq ""': "filter_value", "remote gt true": "filter_unsupported", 'desk eq "x"': "filter_unsupported",
    'joined gt "soon"': "filter_value",
    'badge[value eq "x"]': "filter_unsupported", 'tags[other eq "x"]': "filter_unknown",
}  # fmt: skip


def test_a_senseless_filter_is_refused(idp):
    for asked, code in SENSELESS.items():
        answer = idp.get(f"/Users?filter={quote(f'{URN}:{asked}')}")
        assert (answer.status, answer.body["scimType"], answer.code) == (400, "invalidFilter", code), asked
    assert idp.get(f"/Users?filter={URN} pr").code == "filter_unknown"


def test_people_are_sorted_by_it(idp):
    for name, level, joined in [("a", 10, "2026-01-01T00:00:00Z"), ("b", 9, "2026-01-01T00:00:00+09:00"), ("c", 100, None)]:  # fmt: skip
        idp.create(name, **{URN: {"level": level, "joined": joined}})

    def names(by):
        return "".join(each["userName"] for each in idp.get(f"/Users?sortBy={by}").body["Resources"])

    assert names(f"{URN}:level") == "bac"
    assert names(f"{URN}:level&sortOrder=descending") == "cab"
    assert names(f"{URN}:joined") == "bac"
    first = idp.get(f"/Users?sortBy={URN}:level&count=1&cursor").body
    second = idp.get(f"/Users?sortBy={URN}:level&count=1&cursor={first['nextCursor']}").body
    assert [each["userName"] for each in second["Resources"]] == ["a"]
    assert idp.get(f"/Users?sortBy={URN}:pin").code == "sort_unknown"
    assert idp.get(f"/Users?sortBy={URN}:desk").code == "sort_unknown"
