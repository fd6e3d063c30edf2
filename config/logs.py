"""Structured logs: one JSON object a line in production, readable lines on a developer's machine.

Nothing secret and nothing personal leaves through a log line: `mask` is the last step before a line is written,
so it also sees the texts of exceptions and the lines of libraries.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from audit import context

SECRET: Final = "[secret]"  # noqa: S105 - what stands in place of one
PERSONAL: Final = "[personal]"

_SECRET_NAME: Final = re.compile(
    r"(?i)authorization|cookie|passw|secret|token|assertion|saml_?(?:request|response)|private_?key|master_?key|"
    r"api_?key|signature|relay_?state|nonce|otp"
)
_PERSONAL_NAME: Final = re.compile(
    r"(?i)^(?:e_?mails?|user_?name|display_?name|name_?id|given_?name|family_?name|full_?name|nick_?name|phone\w*|"
    r"address\w*|actor_label|subject_label|label|ip|ip_address|user_agent|profile)$"
)
# In this order: what is caught by an earlier one is gone for the later ones.
_IN_TEXT: Final = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {SECRET}"),
    (re.compile(r"(?i)\b(SAMLResponse|SAMLRequest|RelayState|password|token|secret|code)=[^\s&\"']+"), rf"\1={SECRET}"),
    (re.compile(r"(?i)(\"(?:[^\"]*(?:passw|secret|token|authorization)[^\"]*)\":\s*)\"[^\"]*\""), rf'\1"{SECRET}"'),
    (re.compile(r"(?<![a-z0-9+])[a-z0-9+]++://[^\s/@:]*:[^\s/@]+@"), "[address]@"),
    (re.compile(r"\brc[a-z]{0,3}_[A-Za-z0-9_-]{12,}"), SECRET),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), SECRET),
    (re.compile(r"[A-Za-z0-9+/_-]{100,}={0,2}"), "[long value]"),
    # PostgreSQL repeats the values of a refused row in the error's detail.
    (re.compile(r"=\((?:[^()]|\([^()]*\))*\) (already exists|is not present|conflicts|is still referenced)"), rf"=({PERSONAL}) \1"),
    (re.compile(r"Failing row contains \(.*", re.DOTALL), f"Failing row contains ({PERSONAL})."),
    (re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), PERSONAL),
)  # fmt: skip

# Short, and without any sign that one of those needs: ids, times and routes, which most of a line is made of.
_HARMLESS: Final = re.compile(r"[A-Za-z0-9:.+-]{0,80}")


def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace secrets and personal data in a whole log line, by name of the field and by look of the text."""
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(name: str, value: Any) -> Any:
    if hidden := _hidden_as(name):
        return hidden
    if isinstance(value, Mapping):
        return {str(key): _masked(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else clean(str(value))


@lru_cache(maxsize=1000)
def _hidden_as(name: str) -> str:
    """Return what stands in place of a field's value, be it whatever it may; empty where the value itself decides."""
    if _SECRET_NAME.search(name):
        return SECRET
    return PERSONAL if _PERSONAL_NAME.search(name) else ""


def clean(text: str) -> str:
    """Replace what looks like a secret or an e-mail address in a text."""
    if _HARMLESS.fullmatch(text):
        return text
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def of_whom(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the request or job that a line is of, as the record does."""
    here = context.current()
    if here.request_id:
        event.setdefault("request_id", here.request_id)
        event.setdefault("source", here.source)
    return event


def _processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        of_whom,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def configure(level: str, style: str) -> dict[str, Any]:
    """Set structlog up and give Django's LOGGING: `style` is json or text."""
    structlog.configure(
        processors=[*_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _processors(),
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask, renderer],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            # One line a request comes from our own middleware; Django's would repeat it with the query.
            "django.request": {"level": "ERROR"},
            # Anybody can ask under a wrong name, or send a thousand fields; the answer is a 400, and no news.
            "django.security": {"level": "CRITICAL"},
            "django.server": {"handlers": [], "propagate": False},
            "celery": {"level": "WARNING"},  # each job tells of itself, see tasks/celery.py
            "celery.app.trace": {"level": "ERROR"},
            "asyncssh": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},  # a line a call, with the query
            "saml2": {"level": "ERROR"},  # its warnings quote what it was given
        },
    }
