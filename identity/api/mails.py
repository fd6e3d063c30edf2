"""An organization's letters: what went out, waits, was kept, or could not be delivered and why."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from identity import mail as letters
from identity import tenancy
from identity.api.organization import OrganizationView
from identity.api.paging import Page
from identity.api.shapes import Strict
from identity.api.view import describe
from identity.models import OutgoingMail


class ShownMail(serializers.Serializer[Any]):
    """A message to somebody. `kept`: there is no SMTP server (development), so it is read here. `problem` is what the server said."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    about = serializers.UUIDField()
    to = serializers.CharField()
    subject = serializers.CharField()
    body = serializers.CharField()
    state = serializers.ChoiceField(choices=OutgoingMail.State.choices)
    attempts = serializers.IntegerField()
    problem = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)


class MailQuery(Page):
    """Which letters."""

    state = serializers.ChoiceField(required=False, choices=OutgoingMail.State.choices)


class Mails(OrganizationView):
    """The messages that went out, wait, were kept, or failed."""

    needs = {"GET": ("members.write",)}

    @describe("mails", lists=ShownMail, asks=MailQuery)
    def get(self, _request: Request, **_: Any) -> Response:
        """List the organization's outgoing messages."""
        query = self.asked(MailQuery)
        with tenancy.of(self.organization):
            rows = OutgoingMail.objects.filter(organization=self.organization)
            if "state" in query:
                rows = rows.filter(state=query["state"])
            return self.paged(rows, ShownMail, query)


class SentAgain(OrganizationView):
    """One message, once more."""

    needs = {"POST": ("members.write",)}

    @describe("mail_send_again", takes=Strict, gives=ShownMail)
    def post(self, _request: Request, mail: UUID, **_: Any) -> Response:
        """Have a message that failed, or waits for its next attempt, tried at once, and as often as a new one."""
        found = self.one(OutgoingMail, mail)
        self.taken(Strict)
        return Response(ShownMail(letters.send_again(found, actor=self.actor)).data)
