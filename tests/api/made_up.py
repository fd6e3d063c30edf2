"""Requests that Schemathesis makes up from the API's description, and what it holds the answers against.

Tests ask for the fixture `made_up`, so that only the process that runs them loads this.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as bounded
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.generation.hypothesis import builder
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

MODES = {"as_told": GenerationMode.POSITIVE, "beside_it": GenerationMode.NEGATIVE}
PROMISES = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
# Systematic combinations of the largest bodies are thousands of requests; random ones reach the same code. Files take the filters of their
# lists, of which each combination is sent to the list.
_LARGE = {
    "include-operation-id-regex": "^(member_(create|change)|connection.*|schema_(define|change)|directory_(create|change)"
    "|(entries|sign_ins)_(csv|jsonl))$",
    "phases": {"coverage": {"enabled": False}},
}
# A method that nobody knows, and one that an address may lack; tests/test_tenants.py sends every other one.
_OTHER_METHODS = {"coverage": {"unexpected-methods": ["QUERY", "DELETE"]}}
_FEW = bounded(
    max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
# Schemathesis notes on a test which of its examples it could not make: none may be left out without a word.
_LEFT_OUT = (
    builder.InvalidHeadersExampleMark,
    builder.InvalidRegexMark,
    builder.MissingPathParameters,
    builder.NonSerializableMark,
    builder.UnsatisfiableExampleMark,
    builder.UnserializablePayloadMark,
)


def schema_of(description: dict[str, Any]) -> BaseSchema:
    """Read a description, without systematic combinations of the largest bodies."""
    config = schemathesis.Config.from_dict({"phases": _OTHER_METHODS, "operations": [_LARGE]})
    return schemathesis.openapi.from_dict(description, config=config)


def is_known(case: schemathesis.Case, sent: Counter[str]) -> bool:
    """Tell whether this very request went out twice: many become one where ids that are made up give way to those of what is there."""
    content = (case.query, case.headers, case.cookies, case.body, case.media_type)
    request = repr((case.method, case.path_parameters, *content))
    sent[request] += 1
    return sent[request] > 2


def send_all(operation: APIOperation, send: Callable[[schemathesis.Case], None]) -> None:
    """Send the examples of an operation, its systematic combinations and three by chance.

    Schemathesis' own way, `schema.parametrize()`, builds all of these while tests are collected, in each process.
    """
    schema = operation.schema
    test = build_operation_test(
        config=schema.config,
        operation=operation,
        test_func=_FEW(send),
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=make_constants_value_source(schema)),
    )
    test()
    assert [mark for mark in _LEFT_OUT if mark.is_set(test)] == []


@schemathesis.serializer("text/csv")
def as_it_is(_: object, value: object) -> bytes:
    """Send a file as the bytes that it is; the library's own way knows tables of objects alone."""
    return value if isinstance(value, bytes) else str(getattr(value, "data", value)).encode(errors="replace")
