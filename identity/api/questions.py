"""Access questions for the product to ask: may they, and who may."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import access
from identity.access import Question
from identity.api.organization import OrganizationView
from identity.api.paging import LIMIT_DEFAULT, LIMIT_MAX
from identity.api.shapes import Id, Moment, Query, Strict, Text, several
from identity.api.view import describe


class Thing(Strict):
    """A resource: its kind, and the product's own id of it."""

    kind = Text(max_length=63)
    id = Text(max_length=200)


class AskedQuestion(Strict):
    """One question: may this member do that with this resource."""

    member = Id()
    permission = Text(max_length=63)
    resource = Thing()


class AskedQuestions(Strict):
    """Up to a hundred questions, about now or about a time that has passed."""

    questions = several(AskedQuestion, most=access.QUESTIONS_MAX)
    at = Moment(required=False, allow_null=True)


class ShownThing(serializers.Serializer[Any]):
    """A resource."""

    kind = serializers.CharField()
    id = serializers.CharField()


class ShownWhy(serializers.Serializer[Any]):
    """What gives the access. `permission` is the one that was given; `implied`: it is a stronger one than was asked for.

    `inherited_from` is null for access given on the resource itself. `group` names the group that brings it, if one does.
    """

    grant = serializers.UUIDField(source="grant_id")
    permission = serializers.CharField()
    origin = serializers.CharField()
    since = serializers.DateTimeField()
    inherited_from = serializers.SerializerMethodField()
    implied = serializers.BooleanField()
    group = serializers.CharField(allow_blank=True)

    def get_inherited_from(self, why: Any) -> dict[str, str] | None:
        """Return {kind, id} of the resource above."""
        kind, _, key = why.inherited_from.partition(" ")
        return {"kind": kind, "id": key} if kind else None


class ShownAnswer(serializers.Serializer[Any]):
    """An answer. `reason` is granted, or the code of why not."""

    allowed = serializers.BooleanField()
    reason = serializers.CharField()
    why = ShownWhy(allow_null=True)


class ShownAnswers(serializers.Serializer[Any]):
    """The answers, in the order of the questions."""

    answers = ShownAnswer(many=True)


class ShownHolder(serializers.Serializer[Any]):
    """A way in which a member has access to the resource; a member with several has several."""

    member = serializers.UUIDField(source="member_id")
    user_name = serializers.CharField()
    display_name = serializers.CharField(allow_blank=True)
    permission = serializers.CharField()
    why = ShownWhy()


class ShownHolders(serializers.Serializer[Any]):
    """One page of holders. `next` is the `after` of the following one, null on the last."""

    items = ShownHolder(many=True)
    next = serializers.UUIDField(allow_null=True)


class HolderQuery(Query):
    """Whose access: now or `at` a time; at most `limit` members whose id is greater than `after`."""

    at = Moment(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT, required=False)
    after = serializers.UUIDField(required=False)


class Check(OrganizationView):
    """May they: answers for the product."""

    only_asks = True
    needs = {"POST": ("access.read",)}

    @describe("access_check", takes=AskedQuestions, gives=ShownAnswers)
    def post(self, _request: Request, **_: Any) -> Response:
        """Answer a batch of questions. Nothing is cached: whoever is shut out is denied at the next call."""
        asked = self.taken(AskedQuestions)
        questions = [
            Question(row["member"], row["permission"], row["resource"]["kind"], row["resource"]["id"])
            for row in asked["questions"]
        ]
        answers = access.check(self.organization, questions, asked.get("at"))
        return Response(ShownAnswers({"answers": answers}).data)


class ResourceAccess(OrganizationView):
    """Who may: everybody with access to one resource."""

    needs = {"GET": ("access.read",)}

    @describe("resource_access", gives=ShownHolders, asks=HolderQuery)
    def get(self, _request: Request, kind: str, key: str, **_: Any) -> Response:
        """List the members who have access to the resource, each with why, now or at a time that has passed."""
        query = self.asked(HolderQuery)
        limit = query["limit"]
        holders = access.who_has(
            self.organization, kind, key, query.get("at"), after=query.get("after"), limit=limit + 1
        )
        ids = list(dict.fromkeys(holder.member_id for holder in holders))
        shown = set(ids[:limit])
        value = {
            "items": [holder for holder in holders if holder.member_id in shown],
            "next": ids[limit - 1] if len(ids) > limit else None,
        }
        return Response(ShownHolders(value).data)
