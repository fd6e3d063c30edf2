"""Access reviews in the console: begun by an administrator, decided by reviewers without any role, closed with evidence."""

import re
from datetime import timedelta

import lxml.html
import pytest
from django.utils import timezone

from identity import grants, resources, review_close, reviews, roles, tenancy
from identity.grants import GrantSpec
from identity.models import Grant, Review, ReviewItem
from identity.review_scope import Scope
from identity.reviews import Decided
from tests.conftest import SETUP, join
from tests.console.conftest import visit
from tests.identity.test_handing_out import EVERYTHING


@pytest.fixture
def rita(acme, ada, jane):
    resources.register(acme, [{"kind": "portfolio", "id": "p1", "name": "First"}], actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "p1", "view")], actor=SETUP)
    return join(acme, "rita@acme.example")


def filled(**more):
    due = (timezone.now() + timedelta(days=20)).strftime("%Y-%m-%dT%H:%M")
    values = {
        "name": "Spring",
        "asks": ["grants", "roles"],
        "reviewers": "rita@acme.example",
        "due_at": due,
        "rule": "keep",
    }
    return values | more


def only(organization, **wanted):
    with tenancy.of(organization):
        return ReviewItem.objects.select_related("review").get(**wanted)


def test_a_review_goes_from_its_beginning_to_its_evidence(acme, ada, jane, rita):
    client = visit(ada)
    begun = client.post("/o/acme/reviews/new", filled(), follow=True)
    assert b"Spring has begun" in begun.content
    item = only(acme, grant__isnull=False)
    path = f"/o/acme/reviews/{item.review_id}/"

    reviewer = visit(rita)
    html = reviewer.get(path).content.decode()
    assert "jane@acme.example" in html
    assert "Close the review" not in html
    assert reviewer.get("/o/acme/reviews/").status_code == 403
    saved = reviewer.post(
        path, {f"item-{item.pk}": "remove", f"reason-{item.pk}": "has left the desk"}, follow=True
    )
    assert b"1 decision is saved." in saved.content
    assert only(acme, pk=item.pk).reason == "has left the desk"
    assert reviewer.post(f"{path}close").status_code == 403

    closed = client.post(f"{path}close", follow=True).content.decode()
    assert "Spring is closed" in closed
    assert "removed" in closed
    with tenancy.of(acme):
        assert Grant.objects.get().ended_at
    assert client.get(f"/api/v1/organizations/acme/reviews/{item.review_id}/evidence.csv").status_code == 200
    late = client.post(path, {f"item-{item.pk}": "keep"})
    assert (late.status_code, b"This review is closed" in late.content) == (400, True)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"reviewers": "nobody@else.example"}, b"nobody@else.example is no member"),
        ({"due_at": "2020-01-01T00:00"}, b"The due date is a time to come"),
        ({"due_at": "soon"}, b'id="id_due_at_error">Write a date and an hour'),
        ({"asks": ["planets"]}, b"not one of the available choices"),
        ({"name": ""}, b"This field is required"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(acme, ada, rita, wrong, told):
    answer = visit(ada).post("/o/acme/reviews/new", filled(**wrong))
    assert (answer.status_code, told in answer.content) == (400, True)
    with tenancy.of(acme):
        assert not Review.objects.exists()


def typed(html):
    """Give the fields of the page's items as a browser would send them back."""
    (form,) = (
        form for form in lxml.html.fromstring(html).forms if any("item-" in name for name in form.fields)
    )
    return dict(form.form_values())


@pytest.fixture
def spring(acme, ada, jane, rita):
    roles.replace(jane, ["auditor"], actor=SETUP)
    return reviews.open_(
        acme, name="Spring", scope=Scope(), reviewers=[rita.pk, ada.pk], due_at=timezone.now() + timedelta(days=9), rule="remove",
        actor=SETUP,
    )  # fmt: skip


def test_what_was_not_touched_is_not_decided_again(acme, ada, jane, spring):
    path, client = f"/o/acme/reviews/{spring.pk}/?all=1", visit(ada)
    mine, other = (only(acme, member=jane, grant__isnull=wanted) for wanted in (False, True))
    client.post(path, typed(client.get(path).content) | {f"item-{mine.pk}": "keep"})
    before = typed(client.get(path).content)
    reviews.decide(spring, {mine.pk: Decided("remove", "has left")}, by=ada, holder=EVERYTHING, actor=SETUP)
    client.post(path, before | {f"item-{other.pk}": "keep"})
    found = only(acme, pk=mine.pk)
    assert (found.decision, found.reason) == ("remove", "has left")
    assert only(acme, pk=other.pk).decision == "keep"


def test_nobody_decides_over_somebody_else_unseen(acme, ada, jane, spring):
    path, client = f"/o/acme/reviews/{spring.pk}/?all=1", visit(ada)
    mine, other = (only(acme, member=jane, grant__isnull=wanted) for wanted in (False, True))
    before = typed(client.get(path).content) | {f"item-{mine.pk}": "remove", f"item-{other.pk}": "remove"}
    reviews.decide(spring, {mine.pk: Decided("keep")}, by=ada, holder=EVERYTHING, actor=SETUP)
    refused = client.post(path, before)
    assert refused.status_code == 400
    assert "decided meanwhile about what these people have: jane@acme.example" in refused.content.decode()
    assert only(acme, pk=other.pk).decision == ""
    again = typed(refused.content)
    assert again[f"item-{other.pk}"] == "remove", "what was chosen stays chosen"
    assert client.post(path, again).status_code == 303
    assert {only(acme, pk=item.pk).decision for item in (mine, other)} == {"remove"}
    assert b"Nothing is new" in client.post(path, before, follow=True).content, (
        "sent twice, as by a back button"
    )


def test_a_reason_without_a_decision_is_not_lost(acme, ada, jane, spring):
    path, client = f"/o/acme/reviews/{spring.pk}/", visit(ada)
    item = only(acme, member=jane, grant__isnull=False)
    refused = client.post(path, typed(client.get(path).content) | {f"reason-{item.pk}": "why?"})
    assert (refused.status_code, b"Say keep or remove where you give a reason" in refused.content) == (
        400,
        True,
    )
    assert typed(refused.content)[f"reason-{item.pk}"] == "why?"
    nothing = client.post(path, typed(client.get(path).content))
    assert (nothing.status_code, b"Nothing to save" in nothing.content) == (400, True)


def test_the_page_asks_only_those_who_may_decide(acme, ada, jane, spring, opal):
    own = only(acme, member=ada, assignment__isnull=False)
    path = f"/o/acme/reviews/{spring.pk}/"
    html = visit(ada).get(path).content.decode()
    assert f'name="item-{own.pk}"' not in html
    assert "your own: others decide" in html
    operator = visit(opal)
    assert 'type="radio"' not in operator.get(path).content.decode()
    answer = operator.post(path, {f"item-{own.pk}": "keep"})
    assert (answer.status_code, b"Decisions are a member" in answer.content) == (400, True)


def test_the_page_says_what_closing_ends(acme, ada, jane, spring):
    client, path = visit(ada), f"/o/acme/reviews/{spring.pk}/"
    item = only(acme, member=jane, grant__isnull=False)
    with tenancy.of(acme):
        everything = ReviewItem.objects.count()
    reviews.decide(spring, {item.pk: Decided("keep")}, by=ada, holder=EVERYTHING, actor=SETUP)
    assert f"Closing now ends {everything - 1} " in client.get(path).content.decode()


def test_a_reviewer_finds_the_review_on_their_own_page(acme, ada, jane, rita, spring):
    path = f"/o/acme/reviews/{spring.pk}/"
    reviewer = visit(rita)
    assert f'href="{path}"' in reviewer.get("/me").content.decode()
    assert path not in visit(jane).get("/me").content.decode()
    review_close.close(spring, actor=SETUP)
    assert path not in reviewer.get("/me").content.decode()


def test_without_a_role_one_sees_what_one_is_asked_and_not_what_others_are(acme, ada, jane, rita):
    due = timezone.now() + timedelta(days=9)
    asked = reviews.open_(
        acme, name="Spring", scope=Scope(), reviewers=[rita.pk, jane.pk], due_at=due, rule="keep", actor=SETUP
    )
    assert [only(acme, member=member).reviewer_id for member in (ada, jane)] == [jane.pk, rita.pk]
    html = visit(rita).get(f"/o/acme/reviews/{asked.pk}/?all=1").content.decode()
    assert ("ada@acme.example" in html, "jane@acme.example" in html) == (False, True)


def test_nobody_else_sees_a_review_or_closes_what_is_above_them(acme, ada, jane, rita, gus):
    review = reviews.open_(
        acme, name="Spring", scope=Scope(), reviewers=[rita.pk], due_at=timezone.now() + timedelta(days=9), rule="keep", actor=SETUP,
    )  # fmt: skip
    path = f"/o/acme/reviews/{review.pk}/"
    assert visit(jane).get(path).status_code == 403
    assert visit(gus).get(path).status_code == 404
    manager = join(acme, "max@acme.example", role="member_manager")
    assert visit(manager).post(f"{path}close").status_code == 403
    assert b"You cannot give or take" in visit(manager).post("/o/acme/reviews/new", filled()).content
    roles.replace(manager, ["organization_admin"], actor=SETUP)
    assert visit(manager).post(f"{path}close").status_code == 303


def test_in_anothers_place_the_page_asks_for_no_more_than_one_could_give(acme, ada, jane, rita, spring):
    client, path = (
        visit(join(acme, "max@acme.example", role="member_manager")),
        f"/o/acme/reviews/{spring.pk}/",
    )
    html = client.get(path).content.decode()
    above, within = (only(acme, member=jane, grant__isnull=wanted) for wanted in (True, False))
    assert (f'name="item-{above.pk}"' in html, f'name="item-{within.pk}"' in html) == (False, True)
    refused = client.post(path, {f"item-{above.pk}": "remove"})
    assert (refused.status_code, b"You cannot give or take" in refused.content) == (400, True)


def test_the_list_of_reviews_has_pages(acme, ada, jane, rita):
    for number in range(52):
        reviews.open_(
            acme, name=f"Review-{number:02}", scope=Scope(), reviewers=[rita.pk], due_at=timezone.now() + timedelta(days=9), rule="keep",
            actor=SETUP,
        )  # fmt: skip
    client = visit(ada)
    first = client.get("/o/acme/reviews/").content.decode()
    assert [f"Review-{number:02}" in first for number in (51, 2, 1, 0)] == [True, True, False, False]
    following = re.search(r'href="(\?after=[^"]+)" rel="next"', first)
    second = client.get(f"/o/acme/reviews/{following[1]}").content.decode()
    assert [f"Review-{number:02}" in second for number in (51, 2, 1, 0)] == [False, False, True, True]
    assert 'rel="next"' not in second
    assert "Review-51" in client.get("/o/acme/reviews/?after=nonsense").content.decode()
