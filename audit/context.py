"""Where a change comes from: the request or job that is running, carried beside the call and not through it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Context:
    """One request or job. `source` is one of scim, saml, console, api, sync, cli, system."""

    source: str = "system"
    request_id: str = ""
    ip: str = ""
    user_agent: str = ""


_current: ContextVar[Context] = ContextVar("audit_context", default=Context())  # noqa: B039 - Context is frozen


def current() -> Context:
    """Return the context of the running request or job."""
    return _current.get()


@contextmanager
def within(context: Context) -> Iterator[Context]:
    """Make this the context for the duration of the block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def bind(**values: str) -> AbstractContextManager[Context]:
    """Set the named fields of the context for the duration of a block; the others stay."""
    return within(replace(_current.get(), **values))
