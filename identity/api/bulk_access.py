"""Much access given and taken by one call, each line with its own result."""

from typing import Any, Final

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import bulk_access
from identity.api.access_shapes import Grant
from identity.api.organization import OrganizationView
from identity.api.shapes import Flag, Id, Strict, Text, several
from identity.api.view import describe
from identity.bulk_access import Edit
from identity.grants import GrantSpec
from identity.plans import Plan

LINES_MAX: Final = 1000
# What a step of the plan is called once it is done.
_STATUS: Final = {"give": "given", "end": "ended", "confirm": "confirmed", "nothing": "unchanged"}


class AccessEdit(Strict):
    """One thing to give or to end: a grant or a role, of a member named by id or by user name."""

    member = Id(required=False)
    user_name = Text(required=False, max_length=1024)
    act = serializers.ChoiceField(choices=("give", "end"))
    grant = Grant(required=False)
    role = Text(required=False, max_length=63)

    def validate(self, attrs: Any) -> Any:
        """Insist on one member and one thing. Raises ValidationError."""
        for one, other in (("member", "user_name"), ("grant", "role")):
            if (one in attrs) == (other in attrs):
                raise serializers.ValidationError({one: [f"Say either {one} or {other}."]})
        return attrs


class AccessEdits(Strict):
    """Up to a thousand edits. `dry_run` only tells what they would come to."""

    edits = several(AccessEdit, most=LINES_MAX)
    dry_run = Flag(required=False, default=False)


class AccessResult(serializers.Serializer[Any]):
    """What became of the edit at `index`: given, ended, confirmed, unchanged, or refused with a code and a sentence.

    Confirmed: the member had it by a machine's word, which is an administrator's from now on.
    """

    index = serializers.IntegerField()
    status = serializers.ChoiceField(choices=(*_STATUS.values(), "refused"))
    member = serializers.UUIDField(allow_null=True)
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    field = serializers.CharField(allow_blank=True)


class AccessResults(serializers.Serializer[Any]):
    """The results in the order of the edits; `dry_run`: nothing was changed. `counts` tells how many of each status."""

    dry_run = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField())
    items = AccessResult(many=True)


class AccessInBulk(OrganizationView):
    """Many grants and roles at once."""

    needs = {"POST": ("access.write",)}

    @describe("access_bulk", takes=AccessEdits, gives=AccessResults)
    def post(self, _request: Request, **_: Any) -> Response:
        """Give and end whatever can be given and ended, in one transaction, and say for each of the other lines why not.

        No machine path touches it afterwards. Nobody gives or takes a role that can do more than they can.
        """
        wanted = self.taken(AccessEdits)
        edits = [_edit(index, row) for index, row in enumerate(wanted["edits"])]
        if wanted["dry_run"]:
            plan = bulk_access.preview(self.organization, edits, holder=self.caller)
        else:
            plan = bulk_access.edit(self.organization, edits, actor=self.actor, holder=self.caller)
        return Response(AccessResults(_results(plan, dry_run=wanted["dry_run"])).data)


def _edit(index: int, row: dict[str, Any]) -> Edit:
    grant = row.get("grant")
    what = row["role"] if grant is None else GrantSpec(grant["kind"], grant["id"], grant["permission"])
    return Edit(index, row["member"] if "member" in row else row["user_name"], what, row["act"])


def _results(plan: Plan, *, dry_run: bool) -> dict[str, Any]:
    done: list[dict[str, Any]] = [
        {"index": step.line, "status": _STATUS[step.act], "member": step.member_id, "code": "", "detail": "", "field": ""}
        for step in plan.steps
    ]  # fmt: skip
    refused: list[dict[str, Any]] = [
        {
            "index": problem.line, "status": "refused", "member": None, "code": problem.code,
            "detail": problem.message, "field": problem.field,
        }
        for problem in plan.problems
    ]  # fmt: skip
    counts = {_STATUS[act]: number for act, number in plan.counts.items()}
    if refused:
        counts["refused"] = len(refused)
    items = sorted([*done, *refused], key=lambda item: int(item["index"]))
    return {"dry_run": dry_run, "counts": counts, "items": items}
