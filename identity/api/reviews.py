"""Access reviews: campaigns for administrators, items for reviewers, evidence for auditors."""

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import review_close, review_evidence, review_scope, reviews, tenancy
from identity.api.organization import OrganizationView
from identity.api.paging import Page
from identity.api.permissions import ANYBODY
from identity.api.shapes import Flag, Id, Moment, Strict, Text, several
from identity.api.view import describe
from identity.errors import Forbidden, NotFound
from identity.handing_out import refuse_stronger_roles
from identity.models import Review, ReviewItem
from identity.review_scope import Scope
from identity.reviews import DECISIONS_MAX, Decided


class WantedScope(Strict):
    """What is asked about: grants (of these kinds, else of all) and roles of everybody who is in."""

    grants = Flag(default=True)
    roles = Flag(default=True)
    kinds = serializers.ListField(child=Text(max_length=63), default=list, max_length=100)


class NewReview(Strict):
    """A campaign. `rule` says what becomes of an item that nobody has decided by `due_at`."""

    name = Text(max_length=200)
    scope = WantedScope(required=False)
    reviewers = serializers.ListField(child=Id(), min_length=1, max_length=review_scope.REVIEWERS_MAX)
    due_at = Moment()
    rule = serializers.ChoiceField(choices=Review.Rule.choices)


class ShownReview(serializers.Serializer[Any]):
    """A campaign. `open` counts the items that nobody has decided; `digest` proves the evidence once it is closed."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    scope = serializers.DictField()
    rule = serializers.ChoiceField(choices=Review.Rule.choices)
    opened_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    digest = serializers.CharField(allow_blank=True)
    items = serializers.IntegerField(source="number")
    open = serializers.IntegerField(source="undecided")


class ShownReviewItem(serializers.Serializer[Any]):
    """A grant (`kind`, `resource`, `permission`) or a `role` of one member, and what is said of it."""

    id = serializers.UUIDField()
    member = serializers.UUIDField(source="member_id")
    user_name = serializers.CharField(source="member.user_name")
    kind = serializers.CharField(source="grant.resource.kind.name", default="")
    resource = serializers.CharField(source="grant.resource.key", default="")
    permission = serializers.CharField(source="grant.permission", default="")
    role = serializers.CharField(source="assignment.role.name", default="")
    reviewer = serializers.UUIDField(source="reviewer_id")
    decision = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.CharField(allow_blank=True)


class ItemQuery(Page):
    """Which items: all that the caller may see, or those that nobody has decided."""

    undecided = serializers.BooleanField(required=False, default=False)


class OneDecision(Strict):
    """What is said of one item."""

    item = Id()
    decision = serializers.ChoiceField(choices=ReviewItem.Decision.choices)
    reason = Text(required=False, allow_blank=True, max_length=500, default="")


class Decisions(Strict):
    """What is said of several items, all or none."""

    decisions = several(OneDecision, most=DECISIONS_MAX)


class DecidedItems(serializers.Serializer[Any]):
    """For how many items that was new."""

    decided = serializers.IntegerField()


class ReviewView(OrganizationView):
    """What the endpoints of one campaign share."""

    def review(self, review: UUID) -> Review:
        """Return the campaign with its numbers, if the caller may know of it: with access.read, or as one of its reviewers."""
        with tenancy.of(self.organization):
            found = reviews.counted(self.organization).filter(pk=review).first()
            mine = self.caller.member is not None and ReviewItem.objects.filter(
                organization=self.organization, review=review, reviewer=self.caller.member
            )
            if found is None or not (self.reads_all or (mine and mine.exists())):
                raise NotFound("There is no such review.")
        return found

    @property
    def reads_all(self) -> bool:
        """Whether the caller sees the items of every reviewer."""
        return "access.read" in self.caller.capabilities


class Reviews(OrganizationView):
    """The campaigns of the organization."""

    needs = {"GET": ("access.read",), "POST": ("access.write",)}

    @describe("reviews", lists=ShownReview)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the campaigns."""
        with tenancy.of(self.organization):
            return self.paged(reviews.counted(self.organization), ShownReview)

    @describe("review_open", takes=NewReview, gives=ShownReview, status=201)
    def post(self, _request: Request, **_: Any) -> Response:
        """Begin a campaign and write to its reviewers."""
        wanted = self.taken(NewReview)
        scope = Scope(**_scope(wanted.pop("scope", {})))
        with tenancy.of(self.organization):
            asked = review_scope.role_names_in(self.organization, scope)
            # Its close takes roles away: nobody takes what they could not give.
            refuse_stronger_roles(self.caller, self.organization, asked, "scope")
        at_home = self.actor.kind == "member"
        made = reviews.open_(
            self.organization,
            actor=self.actor,
            scope=scope,
            opened_by=self.caller.member if at_home else None,
            **wanted,
        )
        with tenancy.of(self.organization):
            found = reviews.counted(self.organization).get(pk=made.pk)
        return Response(ShownReview(found).data, status=201)


class OneReview(ReviewView):
    """One campaign."""

    needs = {"GET": ANYBODY}

    @describe("review", gives=ShownReview)
    def get(self, _request: Request, review: UUID, **_: Any) -> Response:
        """Show the campaign to whoever may read access, and to its reviewers."""
        return Response(ShownReview(self.review(review)).data)


class ReviewItems(ReviewView):
    """The items of a campaign."""

    needs = {"GET": ANYBODY}

    @describe("review_items", lists=ShownReviewItem, asks=ItemQuery)
    def get(self, _request: Request, review: UUID, **_: Any) -> Response:
        """List the items: all of them with access.read, else those that are the caller's to decide."""
        found = self.review(review)
        query = self.asked(ItemQuery)
        with tenancy.of(self.organization):
            rows = ReviewItem.objects.filter(organization=self.organization, review=found).select_related(
                "member", "grant__resource__kind", "assignment__role"
            )
            if not self.reads_all:
                rows = rows.filter(reviewer=self.caller.member)
            if query["undecided"]:
                rows = rows.filter(decision="", outcome="")
            return self.paged(rows, ShownReviewItem, query)


class ReviewDecisions(ReviewView):
    """What a reviewer says."""

    needs = {"POST": ANYBODY}

    @describe("review_decide", takes=Decisions, gives=DecidedItems)
    def post(self, _request: Request, review: UUID, **_: Any) -> Response:
        """Keep or remove, item by item; it takes effect when the campaign closes.

        With access.write also in place of other reviewers, save for roles that hold more than the caller.
        """
        found = self.review(review)
        by, may_all = self.caller.member, "access.write" in self.caller.capabilities
        if by is None:
            raise Forbidden("Decisions are a member's: sign in as one of the organization.")
        if self.caller.token is not None and not may_all:
            raise Forbidden("A token decides with the capability access.write; a reviewer signs in.")
        rows = self.taken(Decisions)["decisions"]
        decided = {row["item"]: Decided(row["decision"], row["reason"]) for row in rows}
        holder = self.caller if may_all else None
        number = reviews.decide(found, decided, by=by, holder=holder, actor=self.actor)
        return Response(DecidedItems({"decided": number}).data)


class ReviewClosing(ReviewView):
    """The end of a campaign before its due date."""

    needs = {"POST": ("access.write",)}

    @describe("review_close", takes=Strict, gives=ShownReview)
    def post(self, _request: Request, review: UUID, **_: Any) -> Response:
        """Do what was decided, and what the rule says of the rest, now."""
        found = self.review(review)
        self.taken(Strict)
        with tenancy.of(self.organization):
            asked = review_scope.role_names_of(found)
            refuse_stronger_roles(self.caller, self.organization, asked, "review")
        review_close.close(found, actor=self.actor)
        return Response(ShownReview(self.review(review)).data)


class ReviewEvidence(ReviewView):
    """The evidence, as JSON."""

    needs = {"GET": ("access.read",)}

    @describe("review_evidence", gives=OpenApiTypes.OBJECT)
    def get(self, _request: Request, review: UUID, **_: Any) -> Response:
        """Download who decided what, what became of it, the entries of both, and what the digest in the record proves."""
        return Response(review_evidence.document(self.review(review)), headers={"Cache-Control": "no-store"})


class ReviewEvidenceCsv(ReviewView):
    """The evidence, as CSV (RFC 4180)."""

    needs = {"GET": ("access.read",)}

    @describe("review_evidence_csv", gives=OpenApiTypes.STR, media="text/csv")
    def get(self, _request: Request, review: UUID, **_: Any) -> StreamingHttpResponse:
        """Download a line for each item."""
        found = self.review(review)
        return StreamingHttpResponse(
            review_evidence.csv_pieces(found),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="review-{found.pk}.csv"', "Cache-Control": "no-store",
            },
        )  # fmt: skip


def _scope(wanted: dict[str, Any]) -> dict[str, Any]:
    return {**wanted, "kinds": tuple(wanted.get("kinds", ()))}
