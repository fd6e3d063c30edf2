"""What a list would do, line by line, before it is done; and a digest by which exactly that is then done."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from audit.json_text import canonical, plain
from identity.errors import Conflict, Invalid


@dataclass(frozen=True, slots=True)
class Step:
    """What one line comes to: create, change, give, end, confirm or nothing. `changes` maps what differs to [old, new]."""

    line: int
    user_name: str
    act: str
    member_id: UUID | None = None
    version: int = 0
    changes: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line cannot be done: a stable code and a sentence."""

    line: int
    code: str
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order of the lines, and the lines at fault."""

    steps: tuple[Step, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def digest(self) -> str:
        """Return SHA-256, in hex, over everything that the plan would do and to which state of things."""
        steps = [
            [step.line, step.act, str(step.member_id or ""), step.version, step.user_name, step.changes]
            for step in self.steps
        ]
        faults = [[problem.line, problem.code] for problem in self.problems]
        return hashlib.sha256(canonical(plain([steps, faults]))).hexdigest()

    @property
    def counts(self) -> dict[str, int]:
        """Return how many lines come to which act."""
        return dict(Counter(step.act for step in self.steps))

    def insist(self, digest: str) -> None:
        """Refuse anything but what was previewed under that digest, and a plan with a line at fault. Raises Conflict, Invalid."""
        if digest != self.digest:
            raise Conflict(
                "This is not what was previewed: the list or the organization has changed since. Preview it again."
            )
        if self.problems:
            first = self.problems[0]
            raise Invalid(f"Line {first.line}: {first.message}", field=first.field)
