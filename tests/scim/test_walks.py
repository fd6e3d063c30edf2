"""Walking a list by startIndex: nobody is lost while others come and go, and the total is exact and not counted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from identity import links, member_row, members, tenancy, tokens
from identity.models import DirectorySize, Link, Member
from scim.models import Walk
from tests.conftest import SETUP, scim_client
from tests.scim.talk import Scim

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def idp(okta):
    talk = Scim(okta)
    for number in range(9):
        talk.create(f"p{number}@example.org", externalId=str(number), title="x" if number % 2 else "y")
    return talk


def page(idp, start, query="", count=3):
    body = idp.get(f"/Users?startIndex={start}&count={count}&{query}").body
    assert body["startIndex"] == start
    return [each["userName"].partition("@")[0] for each in body["Resources"]], body["totalResults"]


def gone(idp, *numbers):
    for number in numbers:
        found = idp.get(f'/Users?filter=externalId eq "{number}"').body["Resources"][0]["id"]
        assert idp.delete(f"/Users/{found}").status == 204


def test_nobody_is_lost_while_others_are_deleted(idp):
    assert page(idp, 1) == (["p0", "p1", "p2"], 9)
    gone(idp, 0, 1)
    assert page(idp, 4) == (["p3", "p4", "p5"], 7)
    gone(idp, 2, 3, 4, 5)
    # By number alone the seventh of three people would be nobody.
    assert page(idp, 7) == (["p6", "p7", "p8"], 9)


def test_the_total_never_ends_a_walk_before_the_last_person(idp):
    page(idp, 1)
    gone(idp, 0, 1, 2)
    assert page(idp, 4, count=2) == (["p3", "p4"], 6)
    gone(idp, 3, 4)
    names, total = page(idp, 6, count=2)
    assert (names, total >= 8) == (["p5", "p6"], True)
    assert page(idp, 8, count=2) == (["p7", "p8"], 9)


def test_newcomers_are_met_at_the_end_and_only_once(idp):
    page(idp, 1)
    idp.create("p9@example.org")
    assert page(idp, 4) == (["p3", "p4", "p5"], 10)
    assert page(idp, 7) == (["p6", "p7", "p8"], 10)
    assert page(idp, 10) == (["p9"], 10)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sortOrder=descending", ["p8", "p7", "p6", "p5", "p4", "p3", "p2", "p1", "p0"]),
        ("sortBy=userName&sortOrder=descending", ["p8", "p7", "p6", "p5", "p4", "p3", "p2", "p1", "p0"]),
        ("sortBy=title", ["p1", "p3", "p5", "p7", "p0", "p2", "p4", "p6", "p8"]),
        ('filter=title eq "y"', ["p0", "p2", "p4", "p6", "p8"]),
    ],
)
def test_filters_and_orders_are_walked_alike(idp, query, names):
    walked = []
    while len(walked) < len(names):
        shown, total = page(idp, len(walked) + 1, query, count=2)
        assert total == len(names)
        walked += shown
    assert walked == names


def test_a_filtered_walk_goes_on_behind_the_last_one_shown(idp):
    query = 'filter=title eq "y"'
    assert page(idp, 1, query, count=2) == (["p0", "p2"], 5)
    gone(idp, 0)
    assert page(idp, 3, query, count=2) == (["p4", "p6"], 5)


def test_a_place_belongs_to_its_token_and_its_question(okta, idp):
    page(idp, 1)
    gone(idp, 0)
    other = Scim(tokens.issue(okta.directory, actor=SETUP)[1])
    assert page(other, 4)[0] == ["p4", "p5", "p6"]
    assert page(idp, 4, "sortBy=userName")[0] == ["p4", "p5", "p6"]
    assert page(idp, 4)[0] == ["p3", "p4", "p5"]


def test_of_two_walkers_side_by_side_none_loses_anybody(idp):
    page(idp, 1)
    gone(idp, 0, 1)
    # The second one begins now; its first page ends further on.
    assert page(idp, 1)[0] == ["p2", "p3", "p4"]
    assert page(idp, 4)[0] == ["p3", "p4", "p5"]


def test_a_place_is_taken_anew_by_a_later_walk(acme, idp):
    page(idp, 1)
    with tenancy.of(acme):
        Walk.objects.update(noted_at=timezone.now() - timedelta(minutes=5))
    gone(idp, 0, 1)
    page(idp, 1)
    assert page(idp, 4)[0] == ["p5", "p6", "p7"]


def test_an_old_place_is_not_gone_by(acme, idp):
    page(idp, 1)
    gone(idp, 0)
    with tenancy.of(acme):
        Walk.objects.update(noted_at=timezone.now() - timedelta(hours=2))
    assert page(idp, 4)[0] == ["p4", "p5", "p6"]


def test_beyond_the_end_there_is_nobody(idp):
    assert page(idp, 500) == ([], 9)
    assert page(idp, 1, count=0) == ([], 9)


def test_the_total_is_kept_whatever_happens_to_links(acme, okta, idp):
    def agree():
        with tenancy.of(acme):
            live = Link.objects.filter(directory=okta.directory, tombstoned_at__isnull=True).count()
            kept = sum(
                DirectorySize.objects.filter(directory=okta.directory).values_list("people", flat=True)
            )
        assert live == kept == page(idp, 1)[1]
        return kept

    assert agree() == 9
    gone(idp, 3, 4)
    assert agree() == 7
    # Somebody whom the directory deleted comes back by the same link.
    with tenancy.of(acme):
        back = Member.objects.filter(user_name="p3@example.org").first()
    members.reinstate(back, with_access=False, actor=SETUP)
    with tenancy.change(acme):
        links.make(back, okta.directory, "3")
        members.record(
            members.Event.MEMBER_LINK,
            organization_id=acme.pk,
            actor=SETUP,
            subject=member_row.subject_of(back),
        )
    assert agree() == 8
    refused = idp.post("/Users", {"userName": "p5@example.org", "externalId": "other"})
    assert (refused.status, agree()) == (409, 8)
    others = Scim(scim_client(acme, "entra"))
    others.create("e1@example.org")
    assert (agree(), others.get("/Users?count=0").body["totalResults"]) == (8, 1)


def test_the_application_cannot_write_the_sizes(acme, okta, idp):
    from django.db import ProgrammingError

    with pytest.raises(ProgrammingError, match="permission denied"), tenancy.of(acme):
        DirectorySize.objects.update(people=0)
