"""The last run of each periodic job: one row a job, whatever it did before is in the logs."""

from django.db import models


class JobRun(models.Model):
    """How a job's last run went. Belongs to the server and to no organization; `result` is how much it found to do."""

    class Outcome(models.TextChoices):
        """Done, or ended by an error."""

        DONE = "done"
        FAILED = "failed"

    name = models.TextField(primary_key=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.TextField(choices=Outcome.choices)
    result = models.BigIntegerField(null=True)
    problem = models.TextField(blank=True)
    done_at = models.DateTimeField(null=True)
    """When a run last ended well."""
    failures = models.PositiveIntegerField(default=0)
    """Runs that failed since then."""

    def __str__(self) -> str:
        return self.name
