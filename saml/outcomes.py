"""How a sign-in can end: in a session, on a page of our own, or refused."""

from dataclasses import dataclass
from uuid import UUID

from identity.models import Session
from saml.models import Attempt


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session has begun. `cookie` is its value, and `target` the path to go to."""

    session: Session
    cookie: str
    target: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same form came twice from the same browser; the first one counts, and this one just moves on."""

    target: str


@dataclass(frozen=True, slots=True)
class Tested:
    """A test sign-in is over: nothing was made, and the attempt tells what would have been.

    `code` and `detail` say why a real sign-in would be refused, after a message that was good; empty if it would not.
    """

    attempt: Attempt
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody came back to be linked: nobody is signed in, and their own page asks whether this is them."""

    target: str
    request_id: str


class SignInRefused(Exception):
    """A sign-in that was refused, and written down: `reference` is the attempt's id, which the person may tell."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.code)
        self.attempt = attempt
        self.reference: UUID = attempt.pk
        self.code = attempt.code
