"""Members: who is in, and bringing somebody in by hand."""

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import grants, links, looking, member_row, members, roles, tenancy
from identity.api.access_shapes import GRANTS_MAX, ROLES_MAX, Grant
from identity.api.organization import OrganizationView
from identity.api.paging import Page
from identity.api.permissions import require
from identity.api.profile import Profile
from identity.api.shapes import Mailbox, Strict, Text, Whole, several
from identity.api.view import describe
from identity.grants import GrantSpec
from identity.handing_out import refuse_stronger_roles
from identity.models import Link, Member, Organization
from identity.profile import NAME_BYTES_MAX, with_short_forms


class ShownMember(serializers.Serializer[Any]):
    """A member. `profile` holds the descriptive attributes by the names of RFC 7643."""

    id = serializers.UUIDField()
    user_name = serializers.CharField()
    email = serializers.CharField(allow_blank=True)
    display_name = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=Member.State.choices)
    state_reason = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField()
    profile = serializers.DictField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    suspended_at = serializers.DateTimeField(allow_null=True)
    offboarded_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    last_sign_in_at = serializers.DateTimeField(allow_null=True)


class MemberDirectory(serializers.Serializer[Any]):
    """A directory that the member is of, and what it calls them; null where it said no id of its own."""

    id = serializers.UUIDField(source="directory_id")
    name = serializers.CharField(source="directory.name")
    external_id = serializers.CharField(allow_null=True)
    linked_at = serializers.DateTimeField()


class ShownOneMember(ShownMember):
    """A member by themselves, with the directories that they are of."""

    directories = serializers.SerializerMethodField()

    @extend_schema_field(MemberDirectory(many=True))
    def get_directories(self, member: Member) -> Any:
        """Return the directories; whom one of them deleted, or who was moved away, is not of it any more."""
        with tenancy.of(member.organization_id):
            live = links.of_member(member)
            return MemberDirectory(live.select_related("directory").order_by("linked_at"), many=True).data


class NewMember(Strict):
    """Somebody to bring in by hand. `email` and `display_name` are short for what the profile says at length."""

    user_name = Text(max_length=1024)
    email = Mailbox(required=False, max_length=254)
    display_name = Text(required=False, max_length=256)
    profile = Profile(required=False)
    roles = serializers.ListField(child=Text(max_length=63), required=False, max_length=ROLES_MAX)
    grants = several(Grant, most=GRANTS_MAX, required=False)

    def validate(self, attrs: Any) -> Any:
        """Write the short forms into the profile; said twice is refused, since one of them would be lost."""
        profile = attrs.setdefault("profile", {})
        email, display_name = attrs.pop("email", None), attrs.pop("display_name", None)
        for short, given, long in (("email", email, "emails"), ("display_name", display_name, "displayName")):
            if given is not None and long in profile:
                raise serializers.ValidationError({short: [f"The profile has {long} already: say it once."]})
        if email is not None:
            profile["emails"] = [{"value": email, "type": "work", "primary": True}]
        if display_name is not None:
            profile["displayName"] = display_name
        return attrs


class ChangedMember(Strict):
    """What is to be different. `profile` replaces the whole profile; `email` and `display_name` change that much of it.

    `expected_version` refuses the change where somebody else was faster.
    """

    user_name = Text(required=False, max_length=1024)
    email = Mailbox(required=False, max_length=254)
    display_name = Text(required=False, max_length=256)
    profile = Profile(required=False)
    expected_version = Whole(required=False, min_value=1)


class MemberQuery(Page):
    """Which members: `q` is found anywhere in user name, address and display name; `external_id` is what the `directory` calls somebody.

    With `q` or `directory` a page may hold fewer items than asked for, or none, and still have a `next`.
    """

    q = serializers.CharField(required=False, max_length=200)
    state = serializers.ChoiceField(required=False, choices=Member.State.choices)
    directory = serializers.UUIDField(required=False)
    external_id = serializers.CharField(required=False, trim_whitespace=False, max_length=NAME_BYTES_MAX)

    def validate(self, attrs: Any) -> Any:
        """Refuse an external id of nobody's: two directories may both number their people from one."""
        if "external_id" in attrs and "directory" not in attrs:
            raise serializers.ValidationError({"external_id": ["Say of which directory, as directory=<id>."]})
        return attrs


class Members(OrganizationView):
    """The members of the organization."""

    needs = {"GET": ("members.read",), "POST": ("members.write",)}

    @describe("members", lists=ShownMember, asks=MemberQuery)
    def get(self, _request: Request, **_: Any) -> Response:
        """List members, the offboarded ones too."""
        query = self.asked(MemberQuery)
        with tenancy.of(self.organization):
            everybody = rows = Member.objects.filter(organization=self.organization)
            if "state" in query:
                rows = rows.filter(state=query["state"])
            if "q" in query:
                rows = looking.members_with(rows, query["q"])
            if "directory" in query:
                rows = _of_directory(rows, self.organization, query)
            is_sought = "external_id" in query or not {"q", "directory"} & query.keys()
            return self.paged(rows, ShownMember, query, among=None if is_sought else everybody)

    @describe("member_create", takes=NewMember, gives=ShownMember, status=201)
    def post(self, _request: Request, **_: Any) -> Response:
        """Bring somebody in by hand, with the organization's defaults or with the roles and grants given, all or nothing."""
        return Response(ShownMember(bring_in(self, self.taken(NewMember))).data, status=201)


def bring_in(view: OrganizationView, values: dict[str, Any]) -> Member:
    """Create the member that a checked NewMember describes, all or nothing. Raises what the verbs raise, and Forbidden."""
    wanted_roles, wanted_grants = values.pop("roles", None), values.pop("grants", None)
    if wanted_roles is not None or wanted_grants is not None:
        require(view.caller, "access.write")
        refuse_stronger_roles(view.caller, view.organization, wanted_roles or ())
    with tenancy.change(view.organization):
        member = members.provision(view.organization, actor=view.actor, **values).member
        if wanted_roles is not None:
            roles.replace(member, wanted_roles, actor=view.actor)
        if wanted_grants is not None:
            grants.replace(member, specs(wanted_grants), actor=view.actor)
    return member


class OneMember(OrganizationView):
    """One member."""

    needs = {"GET": ("members.read",), "PATCH": ("members.write",)}

    @describe("member", gives=ShownOneMember)
    def get(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Show the member."""
        return Response(ShownOneMember(self.one(Member, member)).data)

    @describe("member_change", takes=ChangedMember, gives=ShownOneMember)
    def patch(self, _request: Request, member: UUID, **_: Any) -> Response:
        """Change user name and profile. Where a directory feeds the member, its next update wins.

        User name and address of a member who may do more than the caller stay: whoever says how somebody is known can become them.
        """
        found = self.one(Member, member)
        wanted = self.taken(ChangedMember)
        short = {name: wanted.pop(name) for name in ("email", "display_name") if name in wanted}
        with tenancy.change(self.organization):
            if short:
                # Into the profile that stands now: a directory may be changing the rest of it in this moment.
                before = wanted.get("profile", member_row.lock(found).profile)
                wanted["profile"] = with_short_forms(before, **short)
            changed = members.change(found, actor=self.actor, holder=self.caller, **wanted)
        return Response(ShownOneMember(changed).data)


def specs(rows: list[dict[str, str]]) -> list[GrantSpec]:
    """Return the grants that a body names, as the verb takes them."""
    return [GrantSpec(row["kind"], row["id"], row["permission"]) for row in rows]


def _of_directory(
    rows: QuerySet[Member], organization: Organization, query: dict[str, Any]
) -> QuerySet[Member]:
    """Return the members who are the directory's; whom it calls by this id, found by their link, however many there are."""
    live = Link.objects.filter(
        organization=organization, directory=query["directory"], tombstoned_at__isnull=True
    )
    if "external_id" in query:
        called = live.filter(external_id=query["external_id"])
        return rows.filter(pk__in=list(called.values_list("member_id", flat=True)))
    return rows.filter(Exists(live.filter(member=OuterRef("pk"))))
