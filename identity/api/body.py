"""Reads a JSON body strictly: within limits, and with nothing in it that the database or the record could not hold."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any, Final

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

DEPTH_MAX: Final = 32
_BIGINT: Final = 2**63
_UNSTORABLE: Final = re.compile("[\\0\\ud800-\\udfff]")


class TooLarge(APIException):
    """The body is over the limit."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large: send it in several requests."
    default_code = "too_large"


class StrictJson(BaseParser):
    """JSON (RFC 8259) in UTF-8, without NaN, repeated names, NUL, lone surrogates or numbers beyond 64 bits."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 - DRF hands it over
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002 - the same
    ) -> Any:
        """Return the value. Raises TooLarge, ParseError, ValidationError (naming the field)."""
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge
        try:
            value = json.loads(raw.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"This is not JSON: {error}") from error
        _check(value)
        return value


class OnlyJson(BaseContentNegotiation):
    """We speak JSON whatever the Accept header asks for: a problem must reach also who asked for CSV."""

    def select_parser(self, request: Any, parsers: Any) -> BaseParser | None:
        """Return the JSON parser, or None (415) for another content type."""
        essence = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == essence), None)

    def select_renderer(self, _request: Any, renderers: Any, _suffix: Any = None) -> tuple[BaseRenderer, str]:
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; of two members with one name readers would see different ones (RFC 8259, 4)."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object names a member twice.")
    return value


def _check(root: Any) -> None:
    """Walk the value without recursion and refuse what PostgreSQL cannot hold."""
    waiting: list[tuple[str, int, Any]] = [("", 0, root)]
    while waiting:
        path, depth, value = waiting.pop()
        if depth > DEPTH_MAX:
            raise ParseError(f"The body is nested more than {DEPTH_MAX} deep.")
        if isinstance(value, str):
            _check_text(path, value)
        elif isinstance(value, dict):
            for name, item in value.items():
                _check_text(path, name)
                waiting.append((f"{path}.{name}" if path else name, depth + 1, item))
        elif isinstance(value, list):
            waiting.extend((f"{path}[{index}]", depth + 1, item) for index, item in enumerate(value))
        elif isinstance(value, int | float) and not -_BIGINT <= value < _BIGINT:
            raise _wrong(path, "This number is too large.")


def _check_text(path: str, text: str) -> None:
    if _UNSTORABLE.search(text):
        raise _wrong(path, "A text cannot hold the NUL character or half of a surrogate pair.")


def _wrong(path: str, message: str) -> ValidationError:
    clean = _UNSTORABLE.sub("", path)
    return ValidationError({clean: [message]} if clean else [message])
