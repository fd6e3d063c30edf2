"""People moved from one directory to another: what it would come to, doing it, and who has not been told of since."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import moves
from identity.api.organization import DirectoryView
from identity.api.paging import Page
from identity.api.shapes import Flag, Id, Strict, Text, several
from identity.api.view import describe
from identity.errors import Invalid
from identity.models import Directory, Member
from identity.move_plan import PEOPLE_MAX, Groups, Wanted


class WantedMover(Strict):
    """A member, and the id under which the other directory tells of them; without one it meets them by user name or address."""

    member = Id()
    external_id = Text(max_length=1024, required=False, allow_null=True)


class WantedMove(Strict):
    """Either `members`, or `everybody` of the directory: then page by page, `after` being the `next` of the answer before.

    `same_ids`: both directories have the same external ids for people. `groups`: people keep their groups of the former directory, leave
    them, or (with everybody) the groups move too. `dry_run` only tells what would happen.
    """

    to = Id()
    members = several(WantedMover, most=PEOPLE_MAX, required=False)
    everybody = Flag(required=False, default=False)
    same_ids = Flag(required=False, default=False)
    groups = serializers.ChoiceField(
        choices=[word.value for word in Groups], required=False, default=Groups.KEEP.value
    )
    after = Id(required=False)
    dry_run = Flag(required=False, default=False)

    def validate(self, attrs: Any) -> Any:
        """Take exactly one of the two."""
        if ("members" in attrs) == attrs["everybody"]:
            raise serializers.ValidationError({"members": ["Send either `members` or `everybody`."]})
        return attrs


class ShownMover(serializers.Serializer[Any]):
    """Somebody who moves. Whoever is suspended stays so."""

    member = serializers.UUIDField(source="member.pk")
    user_name = serializers.CharField(source="member.user_name")
    state = serializers.ChoiceField(choices=Member.State.values, source="member.state")
    former_id = serializers.CharField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)


class ShownMoveProblem(serializers.Serializer[Any]):
    """Why somebody does not move: not_linked, stronger, external_id_taken, invalid."""

    member = serializers.UUIDField(source="member_id")
    user_name = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    detail = serializers.CharField(source="message")


class ShownMovedGroup(serializers.Serializer[Any]):
    """A group."""

    group = serializers.UUIDField(source="pk")
    name = serializers.CharField(source="display_name")


class ShownMoves(serializers.Serializer[Any]):
    """What the move comes to, or came to. `staying_groups` have names that the other directory has already.

    `next` is the `after` of the following call, null on the last; groups move with that.
    """

    dry_run = serializers.BooleanField()
    people = ShownMover(many=True)
    problems = ShownMoveProblem(many=True)
    groups = ShownMovedGroup(many=True)
    staying_groups = ShownMovedGroup(many=True)
    next = serializers.UUIDField(allow_null=True)


class ShownAwaited(serializers.Serializer[Any]):
    """Somebody who was moved to the directory `since`, which has not told of them."""

    member = serializers.UUIDField(source="member_id")
    user_name = serializers.CharField()
    external_id = serializers.CharField(allow_null=True)
    since = serializers.DateTimeField()


class AwaitedPage(serializers.Serializer[Any]):
    """One page; `next` is the `after` of the following one, null on the last."""

    items = ShownAwaited(many=True)
    next = serializers.UUIDField(allow_null=True)


class DirectoryMoves(DirectoryView):
    """People moved from the directory, and to it."""

    needs = {"GET": ("directories.read", "members.read"), "POST": ("directories.write", "members.write")}

    @describe("directory_awaited", gives=AwaitedPage, asks=Page)
    def get(self, _request: Request, **_: Any) -> Response:
        """List who was moved to this directory and whom it has not told of since."""
        query = self.asked(Page)
        directory = self.directory()
        found = moves.awaited(directory, after=query.get("after"), limit=query["limit"] + 1)
        items = found[: query["limit"]]
        following = items[-1].link_id if len(found) > query["limit"] else None
        return Response(AwaitedPage({"items": items, "next": following}).data)

    @describe("directory_move", takes=WantedMove, gives=ShownMoves)
    def post(self, _request: Request, **_: Any) -> Response:
        """Move people of this directory to another one of the organization; say of the others why not."""
        source = self.directory()
        asked = self.taken(WantedMove)
        target = self.one(Directory, asked["to"])
        wanted = Wanted(_members(asked), asked["same_ids"], Groups(asked["groups"]), asked.get("after"))
        if asked["dry_run"]:
            found = moves.preview(source, target, wanted, holder=self.caller)
        else:
            found = moves.move(source, target, wanted, actor=self.actor, holder=self.caller)
        shown = {
            "dry_run": asked["dry_run"], "people": found.people, "problems": found.problems, "groups": found.groups,
            "staying_groups": found.staying_groups, "next": found.next,
        }  # fmt: skip
        return Response(ShownMoves(shown).data)


def _members(asked: dict[str, Any]) -> dict[Any, str | None] | None:
    if asked["everybody"]:
        return None
    rows = asked["members"]
    members = {row["member"]: row.get("external_id") for row in rows}
    if len(members) < len(rows):
        raise Invalid("Somebody stands in the list twice.", field="members")
    return members
