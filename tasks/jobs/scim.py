"""What SCIM leaves to the clock: bursts to count and to carry out, lists to divide, latecomers, requests to forget."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from audit.record import Actor
from identity import directory_settings, late_members, links, tenancy
from identity.models import Directory
from scim import burst_guard, bursts, pages
from scim.models import Burst, Departure, LoggedRequest, Walk
from tasks.celery import app
from tasks.jobs.turn import in_turn

BATCH = 1000
# Of a directory's log, in a transaction and in an hour: one that logs more than 140 requests a second would grow for ever.
REQUESTS_AT_ONCE = 10_000
REQUESTS_TURNS = 50
_COUNTED_AGAIN = timedelta(minutes=10)
# The longest time that a directory's burst guard may look back.
_DEPARTURES_KEPT = timedelta(days=8)


@app.task(name="tasks.jobs.scim.watch_bursts")
def watch_bursts() -> int:
    """Count the latest departures again, those that happened side by side; answers how many bursts are held by that."""
    actor = Actor("job", "watch_bursts", "burst guard")
    with tenancy.everywhere("directories through which people have just left"):
        loose = Departure.objects.filter(
            burst__isnull=True, happened_at__gt=timezone.now() - _COUNTED_AGAIN
        ).values_list("directory_id", flat=True)
        due = list(Directory.objects.filter(pk__in=loose.distinct()))
    found: set[UUID] = set()
    for directory in due:
        with tenancy.of(directory.organization_id):
            for family in (burst_guard.PEOPLE, burst_guard.GROUPS):
                burst = burst_guard.watch(directory, family, actor=actor)
                found |= {burst} if burst else set()
    return len(found)


@app.task(name="tasks.jobs.scim.carry_out_bursts")
def carry_out_bursts() -> int:
    """Carry out what administrators decided about bursts and what their request left undone; answers for how many departures."""

    def batch() -> tuple[int, int]:
        with tenancy.everywhere("bursts decided and not done"):
            due = list(
                Burst.objects.filter(decided_at__isnull=False, done_at__isnull=True).order_by("decided_at")
            )
        return len(due), sum(bursts.carry_out(burst, most=BATCH) for burst in due)

    # As long as there is any.
    return in_turn(batch, 1)


@app.task(name="tasks.jobs.scim.count_stretches")
def count_stretches() -> int:
    """Count again how the lists of directories are divided where people came or went; answers how many did."""
    return sum(links.count_stretches(*each) for each in links.with_steps())


@app.task(name="tasks.jobs.scim.let_in_late")
def let_in_late() -> int:
    """Let those into groups who arrived while the groups were told to await them; answers how many."""
    actor = Actor("job", "let_in_late", "members named as they arrived")
    return sum(late_members.let_in(each, actor=actor) for each in late_members.due(BATCH))


@app.task(name="tasks.jobs.scim.forget_requests")
def forget_requests() -> int:
    """Delete the logged requests whose directory's time is over, and departures and places nobody asks for; answers how many requests."""
    with tenancy.everywhere("places in lists that nobody goes on from"):
        Walk.objects.filter(
            noted_at__lt=timezone.now() - timedelta(seconds=pages.REMEMBERED_SECONDS)
        ).delete()
    forgotten = 0
    for directory, before in _with_old_requests():
        for _ in range(REQUESTS_TURNS):
            number = _forget_some(directory, before)
            forgotten += number
            if number < REQUESTS_AT_ONCE:
                break
    _forget_departures()
    return forgotten


def _with_old_requests() -> list[tuple[Directory, datetime]]:
    """Return the directories whose oldest logged request is kept no longer, and before when requests are not: few of very many."""
    now = timezone.now()
    logged = LoggedRequest.objects.filter(
        organization=OuterRef("organization_id"), directory=OuterRef("pk")
    ).order_by("pk")
    with tenancy.everywhere("directories, how long they keep requests, and the oldest of each"):
        rows = Directory.objects.annotate(oldest=Subquery(logged.values("happened_at")[:1]))
        found = list(rows.filter(oldest__isnull=False).only("id", "organization_id", "settings"))
    kept = [timedelta(days=directory_settings.effective(row.settings)["request_log_days"]) for row in found]
    return [(row, now - days) for row, days in zip(found, kept, strict=True) if row.oldest < now - days]


def _forget_departures() -> None:
    old = Departure.objects.filter(burst__isnull=True, happened_at__lt=timezone.now() - _DEPARTURES_KEPT)
    with tenancy.everywhere("departures that no guard looks back at"):
        whose = list(old.order_by().values_list("organization_id", "directory_id").distinct())
    for organization_id, directory_id in whose:
        with tenancy.of(organization_id):
            old.filter(organization=organization_id, directory=directory_id).delete()


def _forget_some(directory: Directory, before: datetime) -> int:
    """Delete the oldest of a directory's logged requests, a transaction of them; answers how many."""
    with tenancy.of(directory.organization_id):
        logged = LoggedRequest.objects.filter(organization=directory.organization_id, directory=directory)
        # Ids grow with time, and no index but theirs leads here: a log of which nothing is due is not read to its end each hour.
        oldest = logged.order_by("pk")[:REQUESTS_AT_ONCE]
        old = logged.filter(pk__in=oldest.values("pk"), happened_at__lt=before)
        ids = list(old.values_list("pk", flat=True))
        return LoggedRequest.objects.filter(pk__in=ids).delete()[0]
