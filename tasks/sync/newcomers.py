"""Works out the next newcomers while PostgreSQL writes those before them: the two took turns, and first imports are little else."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

from audit.record import Actor
from identity import batches
from identity.batches import Prepared
from identity.models import Directory, Organization, Run
from tasks.sync import person_steps
from tasks.sync.due import Due
from tasks.sync.person_steps import Row, Told

# What was told of them, and the batch that is ready to be written.
Worked = tuple[Mapping[str, Told], Prepared]


class Newcomers:
    """One batch, worked out ahead of its turn by a thread that sees no database.

    It is a guess about who will be due. The batch's own transaction reads again who is due, and works out whoever was not guessed.
    """

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._numbers: list[int] = []
        self._worked: Future[Worked] | None = None

    def expect(self, run: Run, steps: Sequence[Due], actor: Actor) -> None:
        """Begin with these steps, in the caller's transaction, where they are newcomers; what was expected before is forgotten."""
        self._numbers, self._worked = [], None
        if steps and steps[0].action == "create":
            rows = person_steps.read_told(run, steps)
            self._numbers = [step.number for step in steps]
            self._worked = self._thread.submit(
                copy_context().run, _work_out, run.directory.organization, run.directory, rows, steps, actor
            )

    def take(self, steps: Sequence[Due]) -> Future[Worked] | None:
        """Return what is being worked out if it is of exactly these steps. Its result raises Refusal as the verb would."""
        return self._worked if self._numbers == [step.number for step in steps] else None


def _work_out(
    organization: Organization, directory: Directory, rows: Sequence[Row], steps: Sequence[Due], actor: Actor
) -> Worked:
    told = person_steps.told_of(rows)
    arrivals = person_steps.arrivals_of(steps, told)
    return told, batches.prepare(organization, arrivals, actor=actor, directory=directory)
