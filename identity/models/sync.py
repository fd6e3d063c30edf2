"""Directories that are pulled: when and with what, each run, and the plan of each run."""

from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q

from identity.models.tenant import TenantModel, reference


class Pull(TenantModel):
    """How a directory is pulled. `due_at` is the queue: None while nothing is to happen by itself.

    `credentials` and `file` are sealed (identity.secrets). `cookie` is where the last good run ended, in the directory's own words; `scope`
    is the fingerprint of the settings that it read by. Other settings may mean other people, so the next plan then waits for a person.
    `references` {credential: "env:NAME"} say where a file of organizations found the credentials, None if no file brought them.
    """

    directory = reference("identity.Directory", "pulls")
    every_minutes = models.IntegerField()
    due_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    credentials = models.BinaryField()
    references = models.JSONField(null=True)
    file = models.BinaryField(null=True)
    file_name = models.TextField(blank=True)
    file_at = models.DateTimeField(null=True)
    cookie = models.JSONField(null=True)
    scope = models.TextField(blank=True)
    failures = models.IntegerField(default=0)
    succeeded_at = models.DateTimeField(null=True)

    directory_id: UUID
    organization_id: UUID

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organization", "directory"], name="pull_once"),)
        indexes = (models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="pull_due"),)


class Run(TenantModel):
    """One reading of a directory and what follows from it. The row is the queue: a worker that dies leaves it for the next one.

    `lease` names the worker that has it until `lease_until`; `due_at` is when one may go on. `held_for` lists {code, sentence}.
    `lacks` says why the listing does not count as complete. `counts` is {action: how many} of the plan. `worked_seconds` is how long
    workers were at it, `worked_today_seconds` that part of it which was on `worked_day` (UTC).
    """

    class State(models.TextChoices):
        """OPEN ones belong to workers, HELD waits for a person, the others are over."""

        WAITING = "waiting"
        FETCHING = "fetching"
        PLANNING = "planning"
        APPLYING = "applying"
        HELD = "held"
        PREVIEWED = "previewed"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"
        SUPERSEDED = "superseded"
        EXPIRED = "expired"

    directory = reference("identity.Directory", "runs")
    state = models.TextField(choices=State.choices, default=State.WAITING)
    dry_run = models.BooleanField(default=False)
    asked_by = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)
    phase_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    scope = models.TextField(blank=True)
    cookie = models.JSONField(null=True)
    checkpoint = models.JSONField(null=True)
    next_cookie = models.JSONField(null=True)
    reread = models.BooleanField(default=False)
    whole = models.BooleanField(default=False)
    lacks = models.JSONField(default=list)
    staged = models.BigIntegerField(default=0)
    unreadable = models.JSONField(default=list)
    planned = models.BigIntegerField(default=0)
    applied = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    plan_hash = models.TextField(blank=True)
    held_for = models.JSONField(default=list)
    expires_at = models.DateTimeField(null=True)
    approved_by = models.JSONField(null=True)
    approved_at = models.DateTimeField(null=True)
    fault = models.TextField(blank=True)
    fault_sentence = models.TextField(blank=True)
    told = models.JSONField(default=list)
    worked_seconds = models.FloatField(default=0.0, db_default=0.0)
    worked_day = models.DateField(null=True)
    worked_today_seconds = models.FloatField(default=0.0, db_default=0.0)

    directory_id: UUID
    organization_id: UUID

    OPEN = (State.WAITING, State.FETCHING, State.PLANNING, State.APPLYING)

    class Meta:
        constraints = (
            # The lock of the directory: one run at a time, whoever starts it.
            models.UniqueConstraint(
                fields=["organization", "directory"],
                condition=Q(state__in=["waiting", "fetching", "planning", "applying"]),
                name="run_open_once",
            ),
        )
        indexes = (
            models.Index(fields=["organization", "directory", "id"], name="run_page"),
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["waiting", "fetching", "planning", "applying"]),
                name="run_due",
            ),
            models.Index(fields=["expires_at"], condition=Q(state="held"), name="run_held"),
        )

    @property
    def is_open(self) -> bool:
        """Whether a worker has it or will."""
        return self.state in self.OPEN


class Step(TenantModel):
    """One line of a plan: what is to happen to one person or group, and what became of it.

    HELD ones are done like WAITING ones once their run is approved: an approval does not write to every line of a plan.

    `place` is its turn (whoever frees a name comes before whoever takes it), `number` its own place in the plan. `version` is the
    member's when the plan was made: somebody who has changed since is left alone. `fields` are the attributes that differ.
    """

    class State(models.TextChoices):
        """HELD waits for a person's approval; SKIPPED says why in `reason`."""

        WAITING = "waiting"
        HELD = "held"
        APPLIED = "applied"
        SKIPPED = "skipped"

    run = reference("identity.Run", "steps")
    number = models.BigIntegerField()
    place = models.SmallIntegerField()
    action = models.TextField()
    external_id = models.TextField()
    label = models.TextField(blank=True)
    member = reference("identity.Member", "steps", null=True)
    group = reference("identity.Group", "steps", null=True)
    version = models.BigIntegerField(null=True)
    digest = models.BinaryField()
    fields: Any = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    state = models.TextField(choices=State.choices, default=State.WAITING)

    run_id: UUID
    member_id: UUID | None
    group_id: UUID | None

    class Meta:
        constraints = (models.UniqueConstraint(fields=["organization", "run", "number"], name="step_number"),)
        indexes = (
            models.Index(
                fields=["organization", "run", "place", "number"],
                condition=Q(state__in=["waiting", "held"]),
                name="step_to_do",
            ),
        )
