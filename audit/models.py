"""The two tables of an entry, the four that put entries in order, and the one that says which records have ended."""

from django.db import models
from django.db.models.functions import Now

from audit.ids import uuid7


class TransactionIdField(models.Field):  # type: ignore[type-arg]  # only the stubs are generic
    """PostgreSQL's 64-bit transaction id (`xid8`), which never wraps."""

    def db_type(self, connection: object) -> str:  # noqa: ARG002 - Django's signature
        """Name the column type."""
        return "xid8"


class Entry(models.Model):
    """One line of the record. It copies ids and points at nothing, so that it outlives what it speaks of.

    PostgreSQL refuses UPDATE, DELETE and TRUNCATE of it (migration 0002). `commitment` is
    SHA-256(salt ‖ canonical detail): it proves the detail as long as the detail is kept, and tells nothing once it is erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    event = models.TextField()
    outcome = models.TextField()
    reason = models.TextField()
    source = models.TextField()
    actor_kind = models.TextField()
    actor_id = models.TextField()
    subject_kind = models.TextField()
    subject_id = models.TextField()
    request_id = models.TextField()
    happened_at = models.DateTimeField()
    commitment = models.BinaryField()

    class Meta:
        indexes = (
            models.Index(fields=["organization_id", "subject_id", "id"], name="entry_subject"),
            models.Index(fields=["organization_id", "happened_at"], name="entry_time"),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.subject_kind} {self.subject_id}"


class Detail(models.Model):
    """What an entry says about people: labels, values, addresses. Erasing a person deletes this row and nothing else."""

    entry_id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    salt = models.BinaryField()
    body = models.JSONField()

    def __str__(self) -> str:
        return str(self.entry_id)


class Position(models.Model):
    """The place of an entry in its organization's record: `seq` counts from 1 without a gap, in the order of commit."""

    pk = models.CompositePrimaryKey("organization_id", "seq")
    organization_id = models.UUIDField()
    seq = models.BigIntegerField()
    entry_id = models.UUIDField(unique=True)

    def __str__(self) -> str:
        return str(self.seq)


class Span(models.Model):
    """From when to when the entries from `first` to `last` happened, of each stretch that is full: places and times never change.

    They follow each other from 1 on; the newest entries are in none yet.
    """

    pk = models.CompositePrimaryKey("organization_id", "last")
    organization_id = models.UUIDField()
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    # Of each day (UTC) with any: how many succeeded, how many were refused. None: measured before they were counted.
    sign_ins = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


class Head(models.Model):
    """The highest `seq` given in an organization; its row lock lets one sequencer at a time number that organization.

    `counted` is the one of when PostgreSQL's statistics were last made for its sake (identity.arrivals).
    """

    organization_id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField(default=0)
    counted = models.BigIntegerField(db_default=0)

    def __str__(self) -> str:
        return str(self.seq)


class Unsequenced(models.Model):
    """Entries that wait for their `seq`. A trigger fills it, the sequencer's function empties it, nobody else may write.

    `transaction_id` is what the guard looks for: an entry of the very transaction that changed an audited row. The table has the one index
    that guard and sequencer go by, and no key besides.
    """

    entry_id = models.UUIDField(primary_key=True)
    organization_id = models.UUIDField()
    transaction_id = TransactionIdField()
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(
                fields=["organization_id", "transaction_id", "entry_id"], name="unsequenced_in_order"
            ),
        )

    def __str__(self) -> str:
        return str(self.entry_id)


class Ending(models.Model):
    """An organization whose record has ended, for good: it takes no entry any more, and the owner's function may forget what it holds.

    Only triggers of the floors above write here, as the owner, once the organization itself is gone (identity, migration 0028).
    """

    organization_id = models.UUIDField(primary_key=True)
    ended_at = models.DateTimeField(db_default=Now())
    transaction_id = TransactionIdField()

    def __str__(self) -> str:
        return str(self.organization_id)
