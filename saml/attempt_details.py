"""What a sign-in attempt brought, sealed with the organization's key: NameID and attributes, until their time is over."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from identity import secrets, tenancy
from identity.models import Session
from saml.models import Attempt
from saml.statements import NameID


def seal(attempt: Attempt, name: str, value: Any) -> bytes:
    """Return a value sealed for the attempt's `name`."""
    return secrets.seal(
        attempt.organization_id, f"saml_attempt:{attempt.pk}:{name}", json.dumps(value).encode()
    )


def name_id_of(attempt: Attempt) -> NameID | None:
    """Return the NameID that the attempt brought, with format and qualifiers, or None."""
    opened = _open(attempt, "name_id", attempt.name_id_sealed)
    return NameID(**opened) if opened else None


def attributes_of(attempt: Attempt) -> dict[str, list[str]]:
    """Return the attributes received, where they are kept: for failed and test sign-ins."""
    return _open(attempt, "attributes", attempt.attributes_sealed) or {}


def opened(organization_id: UUID, attempt_id: UUID, name: str, sealed: bytes) -> Any:
    """Return what is sealed in an attempt's `name`: name_id or attributes. Raises UnsealError."""
    return json.loads(secrets.open_(organization_id, f"saml_attempt:{attempt_id}:{name}", sealed))


def forget_details(older_than: datetime, limit: int) -> int:
    """Erase what is kept of the attributes and NameIDs of attempts that ended before then; answers of how many.

    A session that is open keeps its NameID: signing out at the identity provider needs it. An entry is not needed: the log line stays.
    """
    open_session = Session.objects.filter(
        organization=OuterRef("organization"), pk=OuterRef("session_id"), ended_at__isnull=True
    )
    kept = Q(attributes_sealed__isnull=False) | Q(name_id_sealed__isnull=False)
    with tenancy.everywhere("what old sign-in attempts brought"):
        due = Attempt.objects.filter(kept, finished_at__lt=older_than).exclude(
            Q(outcome=Attempt.Outcome.SUCCEEDED, purpose=Attempt.Purpose.LOGIN) & Exists(open_session)
        )
        ended = Attempt.objects.filter(
            pk__among=list(due.order_by("finished_at").values_list("pk", flat=True)[:limit])
        )
        return ended.update(attributes_sealed=None, name_id_sealed=None)


def _open(attempt: Attempt, name: str, sealed: Any) -> Any:
    return opened(attempt.organization_id, attempt.pk, name, bytes(sealed)) if sealed else None
