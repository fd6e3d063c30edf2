"""How long the answer to a call is kept in case the call comes twice (identity/api/idempotency.py), and its end."""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from identity import tenancy
from identity.models import KeptAnswer

KEPT: Final = timedelta(hours=24)


def forget(limit: int) -> int:
    """Delete answers that were kept for a day; answers how many."""
    with tenancy.everywhere("answers that were kept for a day"):
        old = KeptAnswer.objects.filter(answered_at__lt=timezone.now() - KEPT).order_by("answered_at")
        return KeptAnswer.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0]
