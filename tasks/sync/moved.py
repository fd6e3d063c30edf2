"""Whoever was moved to another directory is nobody of this one any more: that it no longer lists them removes nobody."""

from collections.abc import Sequence
from uuid import UUID

from identity.models import Directory
from tasks.models import Known


def forget(directory: Directory, members: Sequence[UUID]) -> None:
    """Forget what the directory last said of them; the tenancy must be set."""
    Known.objects.filter(
        organization=directory.organization_id, directory=directory.pk, member__in=members
    ).delete()
