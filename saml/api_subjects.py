"""Provisioning for a connection: members whose first sign-in is known, since their NameID is said beforehand."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import tenancy
from identity.api.members import NewMember, ShownMember, bring_in
from identity.api.organization import OrganizationView
from identity.api.shapes import Strict, Text, Whole
from identity.api.view import describe
from identity.errors import NotFound
from identity.handing_out import refuse_stronger_person
from identity.models import Member
from saml import renewal, subjects
from saml.models import Connection, SubjectLink
from saml.statements import NAME_ID_CHARACTERS_MAX


class LinkedMember(NewMember):
    """Somebody to bring in, and what the identity provider calls them."""

    name_id = Text(max_length=NAME_ID_CHARACTERS_MAX)


class NamedSubject(Strict):
    """What the identity provider calls the member: the NameID, exactly as it will be asserted."""

    name_id = Text(max_length=NAME_ID_CHARACTERS_MAX)


class ShownSubject(serializers.Serializer[Any]):
    """A member who is known at the connection. The NameID itself is not kept, only what it is recognized by."""

    id = serializers.UUIDField()
    member = serializers.UUIDField(source="member_id")
    linked_at = serializers.DateTimeField()


class Subjects(OrganizationView):
    """The members who are known at the connection."""

    needs = {"GET": ("connections.read",)}

    @describe("connection_subjects", lists=ShownSubject)
    def get(self, _request: Request, connection: UUID, **_: Any) -> Response:
        """List who is known at this identity provider."""
        found = self.one(Connection, connection)
        with tenancy.of(self.organization):
            rows = SubjectLink.objects.filter(organization=self.organization, connection=found)
            return self.paged(rows, ShownSubject)


class LinkedMembers(OrganizationView):
    """Members whose first sign-in is known."""

    needs = {"POST": ("members.write", "connections.write")}

    @describe("connection_member_create", takes=LinkedMember, gives=ShownMember, status=201)
    def post(self, _request: Request, connection: UUID, **_: Any) -> Response:
        """Bring somebody in and link them to the connection, all or nothing."""
        found = self.one(Connection, connection)
        values = self.taken(LinkedMember)
        name_id = values.pop("name_id")
        with tenancy.change(self.organization):
            member = bring_in(self, values)
            subjects.link(found, member, name_id, actor=self.actor)
        return Response(ShownMember(member).data, status=201)


class MemberSubject(OrganizationView):
    """Who one member is at the connection."""

    needs = {"PUT": ("members.write", "connections.write"), "DELETE": ("members.write", "connections.write")}

    @describe("connection_member_link", takes=NamedSubject, gives=ShownSubject)
    def put(self, _request: Request, connection: UUID, member: UUID, **_: Any) -> Response:
        """Link a member who is here already."""
        found, who = self.one(Connection, connection), self.one(Member, member)
        name_id = self.taken(NamedSubject)["name_id"]
        # Whoever says who signs in as somebody can become them.
        refuse_stronger_person(self.caller, who, "name_id")
        return Response(ShownSubject(subjects.link(found, who, name_id, actor=self.actor)).data)

    @describe("connection_member_unlink", status=204)
    def delete(self, _request: Request, connection: UUID, member: UUID, **_: Any) -> Response:
        """Forget who the member is at this identity provider; their next sign-in is matched anew."""
        found, who = self.one(Connection, connection), self.one(Member, member)
        if not subjects.unlink(found, who.pk, actor=self.actor):
            raise NotFound("This member has no NameID at this connection.")
        return Response(status=204)


class Renew(Strict):
    """For how long people may come under another name than before."""

    days = Whole(min_value=1, max_value=renewal.DAYS_MAX, default=renewal.DAYS_DEFAULT)


class ShownRenewal(serializers.Serializer[Any]):
    """Whether identities are being renewed, and how many of the people who are bound here were bound since it began."""

    open = serializers.BooleanField()
    began_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    linked = serializers.IntegerField()
    renewed = serializers.IntegerField()


class ConnectionRenewal(OrganizationView):
    """The days on which people may come under another name than before, where the identity provider has changed them all."""

    needs = {
        "GET": ("connections.read",),
        "PUT": ("members.write", "connections.write"),
        "DELETE": ("members.write", "connections.write"),
    }

    @describe("connection_renewal", gives=ShownRenewal)
    def get(self, _request: Request, connection: UUID, **_: Any) -> Response:
        """Show how far the renewal is."""
        return self._shown(self.one(Connection, connection))

    @describe("connection_renew", takes=Renew, gives=ShownRenewal)
    def put(self, _request: Request, connection: UUID, **_: Any) -> Response:
        """Let whoever is bound here be bound once more, to the name under which they sign in next; an open renewal gets this end."""
        found = self.one(Connection, connection)
        days = self.taken(Renew)["days"]
        return self._shown(renewal.begin(found, actor=self.actor, days=days))

    @describe("connection_renew_end", status=204)
    def delete(self, _request: Request, connection: UUID, **_: Any) -> Response:
        """End it now: the others keep their former name."""
        renewal.end(self.one(Connection, connection), actor=self.actor)
        return Response(status=204)

    def _shown(self, connection: Connection) -> Response:
        with tenancy.of(self.organization):
            return Response(ShownRenewal(renewal.progress(connection)).data)
