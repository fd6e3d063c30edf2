"""Letters to reviewers: when a campaign begins, a week and a day before it is due, and when items pass on to somebody."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from audit.events import Event
from audit.record import Actor, Subject, record
from identity import mail, tenancy
from identity.models import Organization, Review, ReviewItem

_BEFORE = (timedelta(days=7), timedelta(days=1))


def next_reminder(now: datetime, due_at: datetime) -> datetime | None:
    """Return when reviewers are written to next; None if no more."""
    return min((due_at - before for before in _BEFORE if due_at - before > now), default=None)


def write(review: Review, *, only: UUID | None = None) -> int:
    """Write to each reviewer (or to one) who has items to decide; answers how many letters. In the caller's transaction."""
    organization = Organization.objects.get(pk=review.organization_id)
    waiting = ReviewItem.objects.filter(organization=organization, review=review, decision="", outcome="")
    if only is not None:
        waiting = waiting.filter(reviewer=only)
    letters = 0
    for address, number in (
        waiting.exclude(reviewer__email="")
        .values_list("reviewer__email")
        .annotate(number=Count("pk"))
        .order_by("reviewer__email")
    ):
        waits = "decision waits" if number == 1 else "decisions wait"
        mail.queue(
            organization.pk, kind="access_review", about=review.pk, to=address,
            subject=f"{review.name}: {number} {waits} for you", body=_body(organization, review, number),
        )  # fmt: skip
        letters += 1
    return letters


def remind_if_due(review: Review, *, actor: Actor) -> bool:
    """Write to whoever has not decided, if it is time; tells whether it was."""
    with tenancy.change(review.organization_id):
        locked = Review.objects.select_for_update(of=("self",)).get(pk=review.pk)
        now = timezone.now()
        if locked.closed_at is not None or locked.remind_at is None or locked.remind_at > now:
            return False
        locked.remind_at = next_reminder(now, locked.due_at)
        locked.save(update_fields=["remind_at"])
        record(
            Event.REVIEW_REMIND,
            organization_id=locked.organization_id,
            actor=actor,
            subject=Subject("review", str(locked.pk), locked.name),
            data={"letters": write(locked)},
        )
    return True


def _body(organization: Organization, review: Review, number: int) -> str:
    rule = "kept" if review.rule == Review.Rule.KEEP else "removed"
    return (
        f"You review who may do what at {organization.name}: {review.name}.\n\n"
        f"{number} of your decisions {'is' if number == 1 else 'are'} open. Keep what people still need, remove the rest, until"
        f" {review.due_at:%d %B %Y, %H:%M} UTC:\n\n"
        f"  {settings.ROLLCALL_PUBLIC_URL}/o/{organization.slug}/reviews/{review.pk}/\n\n"
        f"What nobody has decided by then is {rule}.\n"
    )
