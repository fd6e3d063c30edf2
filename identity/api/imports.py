"""Lists by API: people in bulk as JSON, and CSV files with a preview."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import bulk_members, csv_import, imports
from identity.api.access_shapes import ROLES_MAX
from identity.api.members import ShownMember
from identity.api.organization import OrganizationView
from identity.api.permissions import require
from identity.api.shapes import Strict, Text, several
from identity.api.view import describe
from identity.handing_out import refuse_stronger_roles
from identity.people_plan import Person
from identity.plans import Plan

BULK_MAX = 1000


class BulkMember(Strict):
    """Somebody to bring in. Without `roles` they get the organization's defaults."""

    user_name = Text(max_length=1024)
    email = Text(required=False, max_length=254)
    display_name = Text(required=False, max_length=256)
    roles = serializers.ListField(child=Text(max_length=63), required=False, max_length=ROLES_MAX)


class BulkMembers(Strict):
    """Up to a thousand people."""

    members = several(BulkMember, most=BULK_MAX)


class BulkResult(serializers.Serializer[Any]):
    """What became of the person at `index` of the list: created, or refused with a code and a sentence."""

    index = serializers.IntegerField()
    status = serializers.ChoiceField(choices=("created", "refused"))
    member = ShownMember(allow_null=True)
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    field = serializers.CharField(allow_blank=True)


class BulkResults(serializers.Serializer[Any]):
    """The results in the order of the list."""

    items = BulkResult(many=True)


class CsvList(Strict):
    """A CSV file of `members` (user_name, email, display_name, roles) or of `grants` (user_name, kind, id, permission, act)."""

    kind = serializers.ChoiceField(choices=tuple(imports.KINDS))
    csv = Text(max_length=csv_import.TEXT_LENGTH_MAX, allow_blank=True)


class PreviewedList(CsvList):
    """The same file again, and the digest of its preview."""

    digest = Text(max_length=64)


class ShownStep(serializers.Serializer[Any]):
    """What a line comes to: create, change, give, end, confirm or nothing. `changes` maps what differs to [old, new]."""

    line = serializers.IntegerField()
    user_name = serializers.CharField()
    act = serializers.CharField()
    member = serializers.UUIDField(source="member_id", allow_null=True)
    changes = serializers.DictField()


class ShownProblem(serializers.Serializer[Any]):
    """Why a line cannot be done."""

    line = serializers.IntegerField()
    code = serializers.CharField()
    message = serializers.CharField()
    field = serializers.CharField(allow_blank=True)


class ShownPlan(serializers.Serializer[Any]):
    """What the file does, line by line. It can be done under its digest if there are no problems."""

    digest = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())
    steps = ShownStep(many=True)
    problems = ShownProblem(many=True)


class MembersInBulk(OrganizationView):
    """Many people at once."""

    needs = {"POST": ("members.write",)}

    @describe("members_bulk", takes=BulkMembers, gives=BulkResults)
    def post(self, _request: Request, **_: Any) -> Response:
        """Bring in everybody who can be brought in, and say for each of the others why not."""
        rows = self.taken(BulkMembers)["members"]
        people = [
            Person(
                index, row["user_name"], row.get("email"), row.get("display_name"), _tuple(row.get("roles"))
            )
            for index, row in enumerate(rows)
        ]
        named = {name for person in people for name in person.roles or ()}
        if any(person.roles is not None for person in people):
            require(self.caller, "access.write")
            refuse_stronger_roles(self.caller, self.organization, named)
        plan, made = bulk_members.bring_in(self.organization, people, actor=self.actor)
        faults = {problem.line: problem for problem in plan.problems}
        items = [
            {"index": index, "status": "created", "member": made[index], "code": "", "detail": "", "field": ""}
            if index in made
            else {
                "index": index, "status": "refused", "member": None, "code": faults[index].code,
                "detail": faults[index].message, "field": faults[index].field,
            }
            for index in range(len(people))
        ]  # fmt: skip
        return Response(BulkResults({"items": items}).data)


class ImportPreview(OrganizationView):
    """A CSV file, before anything happens."""

    needs = {"POST": ("members.write",)}
    only_asks = True

    @describe("import_preview", takes=CsvList, gives=ShownPlan)
    def post(self, _request: Request, **_: Any) -> Response:
        """Tell what each line would do and which lines are at fault; nothing is changed."""
        wanted = self.taken(CsvList)
        return Response(ShownPlan(_allowed(self, wanted)).data)


class Imports(OrganizationView):
    """A CSV file, done."""

    needs = {"POST": ("members.write",)}

    @describe("import", takes=PreviewedList, gives=ShownPlan)
    def post(self, _request: Request, **_: Any) -> Response:
        """Do exactly what was previewed under the digest, all of it or nothing."""
        wanted = self.taken(PreviewedList)
        _allowed(self, wanted)
        done = imports.apply(
            self.organization,
            wanted["kind"],
            wanted["csv"],
            wanted["digest"],
            actor=self.actor,
            holder=self.caller,
        )
        return Response(ShownPlan(done).data)


def _allowed(view: OrganizationView, wanted: dict[str, Any]) -> Plan:
    """Return the plan of the file, if the caller may do all that it says. Raises Forbidden."""
    if wanted["kind"] == "grants":
        require(view.caller, "access.write")
    plan = imports.preview(view.organization, wanted["kind"], wanted["csv"], holder=view.caller)
    touched = imports.roles_touched(plan)
    if touched:
        require(view.caller, "access.write")
        refuse_stronger_roles(view.caller, view.organization, touched)
    return plan


def _tuple(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
