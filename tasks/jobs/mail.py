"""Mail that waits."""

from audit.record import Actor
from identity import mail
from tasks.celery import app

BATCH = 200


@app.task(name="tasks.jobs.mail.outgoing")
def outgoing() -> int:
    """Send what is due; answers how many messages went out."""
    actor = Actor("job", "outgoing", "mail")
    return sum(
        mail.deliver(organization_id, mail_id, actor=actor) for organization_id, mail_id in mail.due(BATCH)
    )
