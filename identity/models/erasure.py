"""What an erasure has still to forget."""

from django.db import models

from identity.models.tenant import TenantModel, reference


class Erasure(TenantModel):
    """A person who is erased, and of whom more is kept than one transaction forgets; the row goes with the last of it.

    `names_sealed` are the names that are to be forgotten, by which some of it is found. `stage` is what is being forgotten, empty for the
    details of the record: of these everything about what has a lower id than `thing` is gone, and about `thing` itself up to `entry`.
    """

    member = reference("identity.Member", "erasures")
    names_sealed = models.BinaryField()
    erased_at = models.DateTimeField()
    stage = models.TextField(blank=True)
    thing = models.UUIDField()
    entry = models.UUIDField()
    details = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["organization", "member"], name="erasure_of_member_once"),
        )
