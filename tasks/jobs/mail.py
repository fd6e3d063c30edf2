"""Mail that waits."""

import structlog

from audit.record import Actor
from identity import mail
from tasks.celery import app

BATCH = 200

log = structlog.get_logger("rollcall.mail")


@app.task(name="tasks.jobs.mail.outgoing")
def outgoing() -> int:
    """Send what is due; answers how many messages went out. A server that takes none is left alone for a minute."""
    actor, sent = Actor("job", "outgoing", "mail"), 0
    for organization_id, mail_id in mail.due(BATCH):
        try:
            sent += mail.deliver(organization_id, mail_id, actor=actor)
        except mail.NoServerError as error:
            log.warning("mail_server_takes_nothing", error=str(error), put_off=mail.put_off_all())
            break
    return sent
