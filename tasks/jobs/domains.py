"""Domains that DNS is asked about: claimed ones until they are proved, proved ones for as long as they are."""

from audit.record import Actor
from identity import domain_proofs
from identity.models import Domain
from tasks.celery import app

# Each takes five seconds at most, so a run ends within the job's time and within the lease on what it took.
BATCH = 50


@app.task(name="tasks.jobs.domains.prove")
def prove() -> int:
    """Ask DNS about the domains whose time has come; answers how many."""
    actor = Actor("job", "prove_domains", "domain proofs")
    asked = 0
    for domain in domain_proofs.claim_due(BATCH):
        try:
            domain_proofs.check(domain, actor=actor)
        except Domain.DoesNotExist:
            # Given up by its organization since we took it.
            continue
        asked += 1
    return asked
