"""When each job runs. Several clocks at once are harmless: a job claims the rows it works on."""

from dataclasses import dataclass
from typing import Any, Final

QUEUE: Final = "rollcall"
# What may take minutes or hours waits in a queue of its own, so that slow directories never keep mail, ends and the record waiting.
LONG_QUEUE: Final = "rollcall.long"
LONG: Final = ("tasks.sync.work", "tasks.bundles.write")
# The clocks of two machines may differ by this before a worker takes what the clock sends for expired. Done twice, a job is none the worse.
APART_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Every:
    """A job and the seconds from one run to the next."""

    seconds: float
    job: str


TIMETABLE: Final = (
    Every(5, "tasks.wake.sequence"),
    Every(10, "tasks.jobs.record.measure"),
    Every(20, "tasks.jobs.statistics.count_newcomers"),
    Every(60, "tasks.jobs.leavers.scheduled_ends"),
    Every(300, "tasks.jobs.leavers.grace_ends"),
    Every(3600, "tasks.jobs.leavers.retention_ends"),
    Every(60, "tasks.jobs.leavers.erasures"),
    Every(300, "tasks.jobs.credentials.expired_tokens"),
    Every(300, "tasks.jobs.credentials.expired_sessions"),
    Every(300, "tasks.jobs.credentials.expired_invitations"),
    Every(900, "tasks.jobs.credentials.kept_answers"),
    Every(900, "tasks.jobs.reviews.remind"),
    Every(300, "tasks.jobs.reviews.close_due"),
    Every(60, "tasks.jobs.domains.prove"),
    Every(60, "tasks.jobs.directories.due"),
    Every(300, "tasks.jobs.directories.expired"),
    Every(3600, "tasks.jobs.directories.forget_staged"),
    Every(900, "tasks.jobs.directories.forget_plans"),
    Every(10, "tasks.jobs.bundles.due"),
    Every(300, "tasks.jobs.bundles.expired"),
    Every(60, "tasks.jobs.deletions.carry_out"),
    Every(10, "tasks.jobs.mail.outgoing"),
    Every(60, "tasks.jobs.connections.refresh_metadata"),
    Every(10, "tasks.jobs.connections.fetch_metadata"),
    Every(900, "tasks.jobs.connections.forget_metadata"),
    Every(3600, "tasks.jobs.connections.expiring_certificates"),
    Every(60, "tasks.jobs.sign_ins.incomplete"),
    Every(3600, "tasks.jobs.sign_ins.spent"),
    Every(3600, "tasks.jobs.sign_ins.forget_details"),
    Every(60, "tasks.jobs.scim.watch_bursts"),
    Every(60, "tasks.jobs.scim.carry_out_bursts"),
    Every(60, "tasks.jobs.scim.count_stretches"),
    Every(60, "tasks.jobs.scim.let_in_late"),
    Every(3600, "tasks.jobs.scim.forget_requests"),
    Every(3600, "tasks.jobs.credentials.expiring_tokens"),
)  # fmt: skip


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Give the timetable in Celery's form. A tick expires soon after the next one: a stopped worker finds no pile of them."""
    return {
        entry.job: {
            "task": entry.job,
            "schedule": entry.seconds,
            "options": {"expires": entry.seconds + APART_SECONDS},
        }
        for entry in TIMETABLE
    }
