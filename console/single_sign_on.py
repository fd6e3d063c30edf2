"""Which identity provider signs somebody in: found by organization, SSO identifier or e-mail domain, never by person."""

from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from identity import tenancy
from identity.models import Domain, Organization
from identity.profile import key_of
from saml.models import Connection

_WAYS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Way:
    """One active connection, and the path at which a sign-in through it begins."""

    name: str
    login_path: str


def find(where: str) -> list[Way]:
    """Return the active connections of an organization in which sign-in may start here.

    It is named by its slug, by its SSO identifier, or by a domain that it has proved, also as an e-mail address in it. Whoever
    has proved a name comes before whoever merely chose it. Members are not looked at, so nothing can be learnt about them.
    """
    text = key_of(where)
    domain = text.rpartition("@")[2]
    with tenancy.everywhere("the way to an identity provider: nobody is known yet"):
        organizations = Organization.objects.filter(state=Organization.State.ACTIVE, start_here=True)
        if "." in domain:
            proved = Domain.objects.filter(name=domain, proved_at__isnull=False).values("organization_id")
            if "@" in text or proved.exists():
                organizations = organizations.filter(pk__in=proved)
            else:
                organizations = organizations.filter(sso_identifier=domain)
        else:
            organizations = organizations.filter(slug=text)
        return [
            Way(connection.name, reverse("saml-login", args=[connection.pk]))
            for connection in Connection.objects.filter(
                organization_id__in=organizations.values("pk"), active=True
            ).order_by("created_at")[:_WAYS_MAX]
        ]
