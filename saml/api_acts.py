"""What is done with a connection over the REST API beyond its fields: test it, roll its key over, read metadata again."""

from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity.api.organization import OrganizationView
from identity.api.view import describe
from identity.errors import Invalid, NotFound
from identity.outside import Outcome, Outside
from saml import fetches, refresh, rollover, stolen_keys, trial, trust
from saml.api import ShownConnection, shown
from saml.metadata import IdpMetadata
from saml.models import Connection
from saml.refusals import Refused


class Trial(serializers.Serializer[Any]):
    """A link for one test sign-in in a browser: it creates nothing and signs nobody in."""

    url = serializers.CharField()


class ConnectionTest(OrganizationView):
    """A test sign-in."""

    needs = {"POST": ("connections.write",)}

    @describe("connection_test", gives=Trial, status=201)
    def post(self, _request: Request, connection: UUID, **_: Any) -> Response:
        """Return a link that is good for a quarter of an hour; the outcome stands in the sign-in log."""
        found = self.one(Connection, connection)
        link = f"{trust.addresses(found.pk)['login_url']}?test={trial.ticket(found, self.actor)}"
        return Response(Trial({"url": link}).data, status=201)


class ConnectionKeys(OrganizationView):
    """A rollover of our own key pair: next (publish), switch, retire."""

    needs = {"POST": ("connections.write",)}
    _STEPS: ClassVar = {"next": rollover.publish, "switch": rollover.switch, "retire": rollover.retire}

    @describe("connection_key", gives=ShownConnection)
    def post(self, _request: Request, connection: UUID, step: str, **_: Any) -> Response:
        """Do one step: next (publish a certificate), switch (sign with it), or retire (forget the one before)."""
        found = self.one(Connection, connection)
        act = self._STEPS.get(step)
        if act is None:
            message = f"A step is one of {', '.join(self._STEPS)}."
            raise NotFound(message)
        return Response(shown(self, act(found, actor=self.actor)))


class Ended(serializers.Serializer[Any]):
    """How many sessions ended."""

    ended = serializers.IntegerField()


class ConnectionSessions(OrganizationView):
    """The sessions that came through the connection."""

    needs = {"DELETE": ("connections.write", "members.write")}

    @describe("connection_sessions_end", gives=Ended)
    def delete(self, _request: Request, connection: UUID, **_: Any) -> Response:
        """End all of them, as after a stolen key; people sign in again."""
        found = self.one(Connection, connection)
        return Response(Ended({"ended": stolen_keys.end_sessions(found, actor=self.actor)}).data)


class RefreshShown(serializers.Serializer[Any]):
    """What came of reading the metadata again. `held` says why an administrator must look; the old trust is kept then."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    held = serializers.CharField(allow_blank=True)


class ConnectionRefresh(OrganizationView):
    """The identity provider's metadata, once more."""

    needs = {"POST": ("connections.write",)}

    @describe("connection_refresh", gives=RefreshShown)
    def post(self, _request: Request, connection: UUID, **_: Any) -> Outside[IdpMetadata | Refused]:
        """Load the metadata from its address and take new certificates."""
        found = self.one(Connection, connection)
        if not found.idp_metadata_url:
            raise Invalid("This connection has no metadata address.", field="idp_metadata_url")

        def conclude(outcome: Outcome[IdpMetadata | Refused]) -> Response:
            return Response(RefreshShown(refresh.conclude(found, outcome(), actor=self.actor)).data)

        document = partial(fetches.document, found.organization_id, actor=self.actor)
        return Outside(lambda: refresh.ask(found, document), conclude)
