"""Lists through the door: filters over the real database, paging, /.search."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from scim.schemas import ENTERPRISE_USER
from tests.scim.talk import Scim

pytestmark = pytest.mark.usefixtures("db")
E_ = ENTERPRISE_USER.id


@pytest.fixture
def idp(okta) -> Scim:
    idp = Scim(okta)
    idp.ids = {}
    idp.ids["mei"] = idp.create(
        "Mei@Example.org", externalId="X1", displayName="Mei Ito", title="Lead%", name={"familyName": "Ito", "givenName": "Mei"},
        emails=[{"value": "mei@example.org", "type": "work", "primary": True}, {"value": "m@home.example", "type": "home"}],
        **{E_: {"department": "R&D", "manager": {"value": "9"}}},
    )["id"]  # fmt: skip
    idp.ids["jo"] = idp.create(
        "jo@example.org", externalId="x1", displayName="jo_roy", active=False, emails=[{"value": "Jo@Example.org", "type": "home"}],
        roles=[{"value": "admin", "primary": True}], addresses=[{"type": "work", "locality": "Accra"}],
    )["id"]  # fmt: skip
    idp.ids["bo"] = idp.create("bo@example.org", title="lead x")["id"]
    return idp


def names(idp: Scim, filter_: str, kind: str = "Users") -> list[str]:
    answer = idp.get(f"/{kind}?filter={quote(filter_)}")
    assert answer.status == 200, answer
    found = [each["id"] for each in answer.body["Resources"]]
    assert answer.body["totalResults"] == len(found)
    return sorted(name for name, its_id in idp.ids.items() if its_id in found)


NOW = datetime.now(UTC)

CASES = [
    ('userName eq "mei@example.org"', ["mei"]),
    ("userName eq 'MEI@EXAMPLE.ORG'", ["mei"]),
    ('userName ne "mei@example.org"', ["bo", "jo"]),
    ('userName sw "M"', ["mei"]),
    ('userName ew ".ORG"', ["bo", "jo", "mei"]),
    ('userName ew "example"', []),
    ('userName co "O@"', ["bo", "jo"]),
    ('userName gt "bo@example.org"', ["jo", "mei"]),
    ('userName le "bo@example.org"', ["bo"]),
    ('urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bo@example.org"', ["bo"]),
    ('externalId eq "X1"', ["mei"]),
    ('externalId eq "x1"', ["jo"]),
    ("externalId pr", ["jo", "mei"]),
    ("not (externalId pr)", ["bo"]),
    ("externalId eq null", ["bo"]),
    ("active eq true", ["bo", "mei"]),
    ("active eq False", ["jo"]),
    ('active ne "true"', ["jo"]),
    ('title co "%"', ["mei"]),
    ('title sw "LEAD"', ["bo", "mei"]),
    ('title ew "%" or title eq "lead x"', ["bo", "mei"]),
    ('title ne "lead x"', ["jo", "mei"]),
    ('displayName eq "JO_ROY"', ["jo"]),
    ('displayName eq "jo-roy"', []),
    ("name pr", ["mei"]),
    ('name.familyName eq "ito"', ["mei"]),
    ('emails eq "JO@example.org"', ["jo"]),
    ('emails.value eq "m@home.example"', ["mei"]),
    ("emails pr", ["jo", "mei"]),
    # Not assigned, null and an empty list are one state (RFC 7643 §2.5).
    ("emails eq null", ["bo"]),
    ("emails ne null", ["jo", "mei"]),
    ("emails.primary eq null", ["bo", "jo", "mei"]),
    ("emails.primary ne null", []),
    ("emails.type ne null", ["jo", "mei"]),
    ("emails.type pr", ["jo", "mei"]),
    ('emails[type eq "work" and value ew "example.org"]', ["mei"]),
    ('emails[type eq "work" and value eq "m@home.example"]', []),
    ('emails[type eq "home"].value eq "jo@example.org"', ["jo"]),
    ('emails[not (type eq "work")]', ["jo", "mei"]),
    ("emails[primary eq true]", ["mei"]),
    # Where nothing is said, a value is not the primary one (RFC 7643 §2.4).
    ("emails[primary eq false]", ["jo", "mei"]),
    ('emails[primary eq "False"].value sw "mei"', []),
    ("emails.primary eq false", ["jo", "mei"]),
    ("emails[not (primary eq false)]", ["mei"]),
    ("emails[primary eq null]", ["jo", "mei"]),
    ("roles.primary eq false", []),
    ('roles[primary eq "True"].value eq "ADMIN"', ["jo"]),
    ('emails.type eq "home" and emails.value eq "mei@example.org"', ["mei"]),
    (f'{E_}:department eq "r&d"', ["mei"]),
    (f'{E_}:manager.value eq "9"', ["mei"]),
    (f'{E_}:manager eq "9"', ["mei"]),
    # Without the URN, as Entra looks whether a manager is still the same.
    ('manager eq "9"', ["mei"]),
    ('manager.value eq "9" and department sw "r"', ["mei"]),
    ('not (manager eq "9")', ["bo", "jo"]),
    ("manager.displayName pr", []),
    (f'schemas eq "{E_}"', ["mei"]),
    ('schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"', ["bo", "jo", "mei"]),
    ('schemas eq "urn:x"', []),
    ('meta.resourceType eq "User"', ["bo", "jo", "mei"]),
    (f'meta.lastModified gt "{(NOW - timedelta(hours=1)).isoformat()}"', ["bo", "jo", "mei"]),
    ('meta.created lt "2011-05-13T04:42:34Z"', []),
    ('meta.version eq "W/\\"1\\""', ["bo", "jo", "mei"]),
    ('id eq "nothing"', []),
    ('id gt "nothing"', []),
    ('id lt "nothing"', ["bo", "jo", "mei"]),
    ("meta pr", ["bo", "jo", "mei"]),
    ("addresses pr", ["jo"]),
    ("not (addresses pr)", ["bo", "mei"]),
    ('id pr and (userName sw "b" or userName sw "j") and not (active eq true)', ["jo"]),
    ('userName eq "\' OR 1=1 --"', []),
    ('userName eq "%s"', []),
    ('userName co "%"', []),
]


def test_every_filter_finds_whom_it_describes(idp):
    for filter_, wanted in CASES:
        assert names(idp, filter_) == wanted, filter_
    assert names(idp, f'id eq "{idp.ids["bo"].upper()}"') == ["bo"]
    assert names(idp, f'id sw "{idp.ids["bo"][:8]}" and id co "{idp.ids["bo"]}"') == ["bo"]


def test_groups_are_found_by_name_and_member(idp):
    mei, jo = idp.ids["mei"], idp.ids["jo"]
    idp.ids["ops"] = ops = idp.create_group("Ops", mei, externalId="G")["id"]
    idp.ids["dev"] = idp.create_group("Dev", mei, jo)["id"]
    idp.ids["all"] = idp.create_group("All")["id"]
    for filter_, wanted in [
        ('displayName eq "ops"', ["ops"]),
        (f'members eq "{mei}"', ["dev", "ops"]),
        (f'members.value eq "{jo}"', ["dev"]),
        (f'id eq "{ops}" and members eq "{mei}"', ["ops"]),
        (f'id eq "{ops}" and members eq "{jo}"', []),
        (f'members[value eq "{jo}" and type eq "User"]', ["dev"]),
        ('members[display co "ITO"]', ["dev", "ops"]),
        ('members eq "no-uuid"', []),
        ("members eq null", ["all"]),
        ("members.value ne null", ["dev", "ops"]),
        ('externalId eq "G" or displayName sw "d"', ["dev", "ops"]),
    ]:
        assert names(idp, filter_, "Groups") == wanted, filter_
    assert names(idp, f'groups eq "{ops}"') == ["mei"]
    assert names(idp, 'groups.display eq "dev"') == ["jo", "mei"]
    assert names(idp, "not (groups pr)") == ["bo"]


def test_what_an_answer_shows_of_us_is_what_a_filter_finds(idp):
    idp.ids["ops"] = idp.create_group("ops", idp.ids["mei"])["id"]
    found = idp.get(f"/Users/{idp.ids['mei']}").body
    group, created = found["groups"][0], found["meta"]["created"]
    for filter_ in (
        f'meta.location eq "{found["meta"]["location"]}"',
        f'id eq "{found["id"]}" and meta.location sw "http://localhost:8000/scim/v2/Users/"',
        f'groups.$ref eq "{group["$ref"]}"',
        f'meta.created eq "{created}"',
        f'meta.created ge "{created}" and meta.created le "{created}"',
        f'userName sw "mei" and meta.created sw "{created[:13]}"',
    ):
        assert names(idp, filter_) == ["mei"], filter_
    for filter_ in (
        f'meta.created gt "{created}" and userName sw "mei"',
        f'meta.created lt "{created}" and userName sw "mei"',
        f'meta.created eq "{created[:-1]}1Z"',
    ):
        assert names(idp, filter_) == [], filter_
    assert names(idp, f'meta.created gt "{created[:-5]}" and userName sw "mei"') == ["mei"]
    assert names(idp, f'userName sw "mei" and meta.created lt "{created[:-1]}1Z"') == ["mei"]
    assert names(idp, f'userName sw "mei" and meta.created ge "{created[:-1]}1Z"') == []
    assert names(idp, 'meta.created lt "9999-12-31T23:59:59.999999Z"') == ["bo", "jo", "mei"]
    member = idp.get(f"/Groups/{idp.ids['ops']}").body["members"][0]
    assert names(idp, f'members.$ref eq "{member["$ref"]}"', "Groups") == ["ops"]


@pytest.mark.parametrize(
    ("filter_", "code"),
    [
        ('nothing eq "x"', "filter_unknown"),
        ('userName.nothing eq "x"', "filter_unknown"),
        ('manager.nothing eq "x"', "filter_unknown"),
        ('emails.nothing eq "x"', "filter_unknown"),
        ('emails[nothing eq "x"]', "filter_unknown"),
        ('userName eq "a" and nothing eq "x"', "filter_unknown"),
        ('userName eq "a" or nothing pr', "filter_unknown"),
        ('urn:x:User:userName eq "x"', "filter_unknown"),
        ('title[value eq "x"]', "filter_unsupported"),
        ("userName eq true", "filter_value"),
        ("active eq 1", "filter_value"),
        ("active gt true", "filter_unsupported"),
        ('name eq "x"', "filter_unsupported"),
        ('meta.created gt "yesterday"', "filter_value"),
        ("userName gt null", "filter_unsupported"),
        ("userName eq", "filter_syntax"),
        ("(" * 10_000, "filter_too_long"),
    ],
)  # fmt: skip
def test_a_filter_that_means_nothing_is_refused_and_recorded(idp, acme, filter_, code):
    from tests.scim.talk import entries

    answer = idp.get(f"/Users?filter={quote(filter_)}")
    assert (answer.status, answer.body["scimType"], answer.code) == (400, "invalidFilter", code)
    assert entries(acme, event="scim.refuse")[-1].reason == code


def test_a_number_finds_the_text_that_it_was_kept_as(idp):
    idp.ids["emp"] = idp.create("emp@example.org", externalId=5512)["id"]
    for written in (
        "externalId eq 5512",
        'externalId eq "5512"',
        "externalId sw 55",
        "userName pr and externalId eq 5512",
    ):
        assert names(idp, written) == ["emp"]
    assert names(idp, "externalId eq 5512.0") == names(idp, "externalId eq 551") == []


def test_pages_are_complete_and_stable(idp):
    everybody = [each["id"] for each in idp.get("/Users").body["Resources"]]
    assert len(everybody) == 3
    walked = [idp.get(f"/Users?startIndex={start}&count=1").body for start in (1, 2, 3, 4)]
    assert [[each["id"] for each in page["Resources"]] for page in walked] == [[one] for one in everybody] + [
        []
    ]
    assert {(page["totalResults"], page["startIndex"]) for page in walked} == {(3, 1), (3, 2), (3, 3), (3, 4)}


@pytest.mark.parametrize(
    ("query", "start", "size"),
    [("startIndex=0", 1, 3), ("startIndex=-5&count=2", 1, 2), ("count=-1", 1, 0), ("count=0", 1, 0), ("count=100000", 1, 3),
     ("startIndex=99", 99, 0), ("STARTINDEX=2", 2, 2), ("count=" + "9" * 60, 1, 3), ("startIndex=-" + "9" * 60, 1, 3)],
)  # fmt: skip
def test_numbers_out_of_range_are_clamped(idp, query, start, size):
    page = idp.get(f"/Users?{query}").body
    assert (page["startIndex"], page["itemsPerPage"], len(page["Resources"]), page["totalResults"]) == (
        start,
        size,
        size,
        3,
    )


def test_one_who_is_named_is_a_list_of_one_or_nobody(idp):
    named = quote('userName eq "mei@example.org"')
    for query, shown in (
        ("", 1),
        ("&count=1&sortBy=title", 1),
        ("&cursor=", 1),
        ("&startIndex=2", 0),
        ("&count=0", 0),
    ):
        answer = idp.get(f"/Users?filter={named}{query}").body
        assert (answer["totalResults"], len(answer["Resources"])) == (1, shown), query
        assert "nextCursor" not in answer
    assert idp.get("/Users?filter=" + quote('userName eq "nobody"')).body["totalResults"] == 0
    # Those without one are not one.
    idp.create("ann@example.org")
    found = idp.get("/Users?filter=" + quote("externalId eq null")).body
    assert {each["userName"] for each in found["Resources"]} == {"ann@example.org", "bo@example.org"}


def test_a_number_is_not_taken_for_the_truth_that_was_asked_before(idp):
    for _ in range(2):
        assert names(idp, "active eq true") == ["bo", "mei"]
        assert idp.get("/Users?filter=" + quote("active eq 1")).code == "filter_value"
