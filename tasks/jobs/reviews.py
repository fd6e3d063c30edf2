"""Access reviews whose time has come: letters to reviewers, items of those who are out, and the end."""

from django.utils import timezone

from audit.record import Actor
from identity import review_close, review_letters, reviews, tenancy
from identity.models import Member, Review, ReviewItem
from tasks.celery import app

BATCH = 100


@app.task(name="tasks.jobs.reviews.remind")
def remind() -> int:
    """Pass on what those who are out have not decided, and write to whoever has not decided yet; answers how many of both."""
    actor = Actor("job", "remind_reviewers", "review reminders")
    with tenancy.everywhere("reviewers who are out"):
        out = list(
            ReviewItem.objects.filter(decision="", outcome="", review__closed_at__isnull=True)
            .exclude(reviewer__state=Member.State.ACTIVE)
            .values_list("organization_id", "reviewer_id")
            .distinct()[:BATCH]
        )
        due = list(Review.objects.filter(remind_at__lte=timezone.now(), closed_at__isnull=True)[:BATCH])
    done = 0
    for organization_id, reviewer_id in out:
        with tenancy.of(organization_id):
            done += reviews.pass_on(organization_id, reviewer_id, actor=actor) > 0
    return done + sum(review_letters.remind_if_due(review, actor=actor) for review in due)


@app.task(name="tasks.jobs.reviews.close_due")
def close_due() -> int:
    """Close the reviews whose due date has passed; answers how many."""
    actor = Actor("job", "close_reviews", "review due date")
    with tenancy.everywhere("reviews whose due date has passed"):
        due = list(
            Review.objects.filter(due_at__lte=timezone.now(), closed_at__isnull=True).order_by("due_at")[
                :BATCH
            ]
        )
    return sum(review_close.close_if_due(review, actor=actor) for review in due)
