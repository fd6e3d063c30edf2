"""What can go wrong at a directory, by what the engine does about it. A connector raises nothing else for what a directory answers."""

from collections.abc import Sequence
from typing import ClassVar, Final

from audit.json_text import plain
from identity.directory_kinds import Missing

_LENGTH_MAX: Final = 1000


class Fault(Exception):
    """The directory could not be read. `code` is stable; `message` is one sentence that says what to do, without secrets."""

    code: ClassVar[str] = "fault"

    def __init__(self, message: str) -> None:
        # It may repeat what the directory said, which may be no text that can be kept.
        self.message: str = plain(message)[:_LENGTH_MAX]
        super().__init__(self.message)


class Unreachable(Fault):
    """No answer, a broken one, or a 5xx: the run goes on from its checkpoint after a while."""

    code = "unreachable"


class Unauthorized(Fault):
    """The credentials are refused or a right is missing: somebody must act, so the run ends and the directory backs off."""

    code = "unauthorized"

    def __init__(self, message: str, missing: Sequence[Missing] = ()) -> None:
        super().__init__(message)
        self.missing = tuple(missing)


class RateLimited(Fault):
    """We asked too often: the run goes on from its checkpoint after so many seconds."""

    code = "rate_limited"

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ResyncNeeded(Fault):
    """The directory no longer knows our cookie or checkpoint: what was staged is dropped and everything is read from the beginning."""

    code = "resync_needed"


class Misconfigured(Fault):
    """A setting leads nowhere: a base DN that is not there, a column that the file lacks. The run ends."""

    code = "misconfigured"


class NotUnderstood(Fault):
    """An answer that is not what the directory's documentation says. The run ends; nothing is concluded from it."""

    code = "not_understood"
