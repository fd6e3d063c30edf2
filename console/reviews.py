"""Access reviews: the campaigns, a new one, and the page on which reviewers say keep or remove."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse

from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import Form
from console.paging import PAGE_ROWS, Page, cut, decode, is_uuid
from identity import csv_import, leaving, review_close, review_scope, reviews
from identity.errors import Invalid, Refusal
from identity.handing_out import refuse_stronger_roles, roles_beyond
from identity.models import Kind, Review, ReviewItem
from identity.review_scope import Scope
from identity.reviews import Decided

_RULES: Final = (
    ("keep", "Keep what nobody has decided by then"),
    ("remove", "Remove what nobody has decided by then"),
)


class ReviewForm(Form):
    """A campaign."""

    name = forms.CharField(
        label="Name", max_length=200, widget=forms.TextInput(attrs={"placeholder": "Spring 2027"})
    )
    asks = forms.MultipleChoiceField(
        label="Asks about", choices=(("grants", "Grants"), ("roles", "Roles")), initial=["grants", "roles"],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    kinds = forms.MultipleChoiceField(
        label="Grants on", required=False, widget=forms.CheckboxSelectMultiple,
        help_text="Kinds of resources; none checked means all of them.",
    )  # fmt: skip
    reviewers = forms.CharField(
        label="Reviewers", max_length=10_000, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="User names or addresses of members, one a line. People are spread over them; nobody reviews themselves.",
    )  # fmt: skip
    due_at = forms.CharField(
        label="Due", max_length=40, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    rule = forms.ChoiceField(
        label="At the due date", choices=_RULES, initial="keep", widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, kinds: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kinds"].choices = [(name, name.replace("_", " ")) for name in kinds]  # type: ignore[attr-defined]


def index(visit: Visit) -> HttpResponse:
    """List the campaigns, the latest first."""
    after = (decode(visit.request.GET.get("after", ""), 1) or [""])[0]
    begun = is_uuid(after)
    rows = reviews.counted(visit.organization).order_by("-pk")
    found = list((rows.filter(pk__lt=after) if begun else rows)[: PAGE_ROWS + 1])
    return page(
        visit, "reviews.html", {"page": cut(visit.request.GET, found, lambda row: (row.pk,), begun=begun)}
    )


def open_(visit: Visit) -> HttpResponse:
    """Begin a campaign."""
    kinds = list(
        Kind.objects.filter(organization=visit.organization).order_by("name").values_list("name", flat=True)
    )
    form = ReviewForm(visit.posted, kinds=kinds)
    form.fields["due_at"].help_text = f"In {visit.organization.time_zone}."
    if form.is_valid():
        with refusals_in(form):
            made = _begin(visit, form.cleaned_data)
            return done(
                visit, f"{made.name} has begun; its reviewers get a letter.", "review", review=made.pk
            )
    return page(visit, "review_open.html", {"form": form}, status=400 if form.is_bound else 200)


def one(visit: Visit, review: UUID) -> HttpResponse:
    """Show what is to decide: to reviewers their own items, to whoever may read access all of them; a POST decides."""
    found = _find(visit, review)
    refusal = None
    if visit.posted is not None:
        try:
            decided = _decisions(visit.posted)
            holder = visit if visit.may("review_open") else None
            number = reviews.decide(found, decided, by=visit.member, holder=holder, actor=visit.actor)
            return done(visit, _saved(number), "review", review=review)
        except Refusal as error:
            refusal = error
    reads_all = visit.may("reviews")
    rows = ReviewItem.objects.filter(organization=visit.organization, review=found).select_related(
        "member", "reviewer", "grant__resource__kind", "assignment__role"
    )
    if not reads_all:
        rows = rows.filter(reviewer=visit.member)
    undecided = rows.filter(decision="", outcome="")
    shown = rows if found.closed_at or visit.request.GET.get("all") else undecided
    listed = _page_of(visit, shown)
    beyond = roles_beyond(visit, visit.organization.pk)
    lines = [_line(visit, found, item, beyond) for item in listed.rows]
    values = {
        "review": found,
        "page": listed,
        "lines": lines,
        "decides": any(line["decides"] for line in lines),
        "undecided": undecided.count(),
        "number": rows.count(),
        "ending": _ending(found),
        "shown_max": PAGE_ROWS,
        "reads_all": reads_all,
        "every": bool(visit.request.GET.get("all")),
        "refusal": refusal,
        "evidence": [(form, _evidence(visit, found, form)) for form in ("csv", "json")] if reads_all else [],
    }
    return page(visit, "review.html", values, status=400 if refusal else 200)


def _line(visit: Visit, review: Review, item: ReviewItem, beyond: Sequence[str]) -> dict[str, Any]:
    """Return an item with what is said of it on this page: what was typed and refused stays typed."""
    posted: Mapping[str, Any] = visit.posted or {}
    at_home = visit.member.organization_id == visit.organization.pk
    stronger = item.assignment is not None and item.assignment.role.name in beyond
    theirs = item.reviewer_id == visit.member.pk or (visit.may("review_open") and not stronger)
    return {
        "item": item,
        "decision": posted.get(f"item-{item.pk}", item.decision),
        "reason": posted.get(f"reason-{item.pk}", item.reason),
        # Nobody decides about themselves, and an operator is nobody's reviewer.
        "decides": not review.closed_at and at_home and theirs and item.member_id != visit.member.pk,
    }


def _ending(review: Review) -> int:
    """Return how many grants and roles a close would end now."""
    said = Q(decision=ReviewItem.Decision.REMOVE)
    if review.rule == Review.Rule.REMOVE:
        said |= Q(decision="")
    left = Q(outcome="", grant__ended_at__isnull=True, assignment__ended_at__isnull=True)
    return ReviewItem.objects.filter(said & left, organization=review.organization_id, review=review).count()


def _page_of(visit: Visit, items: "QuerySet[ReviewItem]") -> Page:
    """Return a page of items by whom they are about."""
    key = decode(visit.request.GET.get("after", ""), 2)
    if key is not None and is_uuid(key[1]):
        name, item = key
        items = items.filter(Q(member__user_name_key__gt=name) | Q(member__user_name_key=name, pk__gt=item))
    found = list(items.order_by("member__user_name_key", "pk")[: PAGE_ROWS + 1])
    return cut(
        visit.request.GET, found, lambda row: (row.member.user_name_key, row.pk), begun=key is not None
    )


def close(visit: Visit, review: UUID) -> HttpResponse:
    """End a campaign before its due date."""
    found = _find(visit, review)
    try:
        refuse_stronger_roles(visit, visit.organization, review_scope.role_names_of(found), "review")
    except Refusal as refusal:
        raise PermissionDenied(refusal.message) from refusal
    review_close.close(found, actor=visit.actor)
    return done(visit, f"{found.name} is closed, and what was decided is done.", "review", review=review)


def _begin(visit: Visit, values: dict[str, Any]) -> Review:
    scope = Scope("grants" in values["asks"], "roles" in values["asks"], tuple(values["kinds"]))
    refuse_stronger_roles(
        visit, visit.organization, review_scope.role_names_in(visit.organization, scope), "asks"
    )
    named = leaving.preview(visit.organization, csv_import.words(values["reviewers"]))
    wrong = next((leaver for leaver in named if leaver.problem or leaver.member is None), None)
    if wrong is not None:
        raise Invalid(f"{wrong.named} is no member of this organization.", field="reviewers")
    at_home = visit.member.organization_id == visit.organization.pk
    return reviews.open_(
        visit.organization, name=values["name"], scope=scope, rule=values["rule"],
        reviewers=[leaver.member.pk for leaver in named if leaver.member],
        due_at=leaving.moment(visit.organization, values["due_at"], field="due_at"),
        opened_by=visit.member if at_home else None, actor=visit.actor,
    )  # fmt: skip


def _decisions(posted: QueryDict) -> dict[UUID, Decided]:
    """Return what was said of the items on the page: what was left open stays open, and what was left as it stood is not said again."""
    found = {}
    for item in dict.fromkeys(
        name.partition("-")[2] for name in posted if name.startswith(("item-", "reason-"))
    ):
        said = str(posted.get(f"item-{item}", "")), str(posted.get(f"reason-{item}", "")).strip()
        if said[1] and not said[0]:
            raise Invalid("Say keep or remove where you give a reason.")
        seen = posted.get(f"seen-{item}")
        if is_uuid(item) and said != (seen or "", posted.get(f"seen-reason-{item}", "")):
            found[UUID(item)] = Decided(*said, seen=seen)
    if not found:
        raise Invalid("Nothing to save: say keep or remove of something first.")
    return found


def _saved(number: int) -> str:
    if number == 0:
        return "Nothing is new: all of that was decided so before."
    return "1 decision is saved." if number == 1 else f"{number} decisions are saved."


def _find(visit: Visit, review: UUID) -> Review:
    found = get_object_or_404(reviews.counted(visit.organization), pk=review)
    mine = ReviewItem.objects.filter(organization=visit.organization, review=found, reviewer=visit.member)
    if not visit.may("reviews") and not mine.exists():
        raise PermissionDenied("This review asks others. Ask whoever began it.")
    return found


def _evidence(visit: Visit, review: Review, form: str) -> str:
    name = "api-review-evidence-csv" if form == "csv" else "api-review-evidence"
    return reverse(name, kwargs={"org": visit.organization.slug, "review": review.pk})
