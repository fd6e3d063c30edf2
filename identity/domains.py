"""E-mail domains: claimed by an organization, proved once."""

import re
import secrets
from uuid import UUID

from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import tenancy
from identity.errors import Invalid
from identity.models import Domain, Organization
from identity.profile import exact

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_NAME_LENGTH_MAX = 253


def claim(organization: Organization, name: str, *, actor: Actor) -> Domain:
    """Claim a domain. It counts for nothing until it is proved: its `challenge` published as DNS TXT, or confirmed by an operator.

    Raises Invalid, NameTaken.
    """
    clean = clean_name(name)
    with tenancy.change(organization):
        domain = Domain.objects.create(
            organization=organization, name=clean, challenge=f"rollcall-domain={secrets.token_urlsafe(24)}"
        )
        record(
            Event.DOMAIN_CLAIM,
            organization_id=organization.pk,
            actor=actor,
            subject=Subject("domain", str(domain.pk), clean),
        )
    return domain


def clean_name(name: object, *, field: str = "name") -> str:
    """Return a DNS name as it is kept: in small letters, without a dot at its end. Raises Invalid unless it is well-formed."""
    clean = name.strip().rstrip(".").lower() if isinstance(name, str) else ""
    if len(clean) > _NAME_LENGTH_MAX or not _NAME.fullmatch(clean):
        raise Invalid(
            "A domain is a name as example.com (international names in their xn-- form).", field=field
        )
    return clean


def confirm(domain: Domain, *, actor: Actor, proof: str = Domain.Proof.OPERATOR) -> Domain:
    """Hold the domain for proved. Raises NameTaken where another organization has proved it before."""
    with tenancy.change(domain.organization_id):
        locked = Domain.objects.select_for_update().get(pk=domain.pk)
        if locked.proved_at:
            return locked
        locked.proved_at, locked.proof = timezone.now(), proof
        if proof == Domain.Proof.OPERATOR:
            # A person's word: DNS was not its ground, so DNS is not asked whether it still holds.
            locked.due_at, locked.problem = None, ""
        locked.save(update_fields=["proved_at", "proof", "due_at", "problem"])
        record(
            Event.DOMAIN_CONFIRM,
            organization_id=locked.organization_id,
            actor=actor,
            subject=Subject("domain", str(locked.pk), locked.name),
            changes={"proof": [None, proof]},
        )
    return locked


def set_canonical(domain: Domain, canonical: bool, *, actor: Actor) -> Domain:  # noqa: FBT001 - the value itself
    """Make the organization's identity provider the only authority for the domain's people, or no longer. Raises Invalid unless proved."""
    with tenancy.change(domain.organization_id):
        locked = Domain.objects.select_for_update().get(pk=domain.pk)
        if canonical and not locked.proved_at:
            raise Invalid("Only a proved domain can be canonical.", field="canonical")
        if locked.canonical != canonical:
            locked.canonical = canonical
            locked.save(update_fields=["canonical"])
            record(
                Event.DOMAIN_CHANGE,
                organization_id=locked.organization_id,
                actor=actor,
                subject=Subject("domain", str(locked.pk), locked.name),
                changes={"canonical": [not canonical, canonical]},
            )
    return locked


def is_canonical(organization_id: UUID, email: str) -> bool:
    """Tell whether only the organization's identity provider may bring in somebody with this address."""
    with tenancy.of(organization_id):
        return Domain.objects.filter(
            organization=organization_id,
            name=email.rpartition("@")[2].strip().lower(),
            proved_at__isnull=False,
            canonical=True,
        ).exists()


def has_proved(organization_id: UUID, email: str) -> bool:
    """Tell whether the address lies in a domain that this organization has proved (exactly: a subdomain is another domain)."""
    domain = domain_of(email)
    if not domain:
        return False
    with tenancy.of(organization_id):
        return Domain.objects.filter(
            organization=organization_id, name=domain, proved_at__isnull=False
        ).exists()


def domain_of(email: str) -> str:
    """Return the domain of an address as domains are kept, empty where there is none."""
    _, at, domain = email.rpartition("@")
    return exact(domain) if at else ""
