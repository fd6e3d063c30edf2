"""Whatever is sent, within the schema or beside it: no answer is a 500, and each is what the schema promises."""

import json

import pytest
import schemathesis
from django.test import RequestFactory
from hypothesis import HealthCheck
from hypothesis import settings as bounded
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from identity import domains, sessions, tokens
from identity.api.schema import Schema
from tests.conftest import SETUP

PROMISES = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


description = Schema.as_view()(RequestFactory().get("/api/v1/schema")).render().content
# Systematic combinations of the largest bodies are thousands of requests; random ones reach the same code.
LARGE = {
    "include-operation-id-regex": "^(member_create|connection.*|schema_(define|change)|directory_(create|change))$",
    "phases": {"coverage": {"enabled": False}},
}
schema = schemathesis.openapi.from_dict(
    json.loads(description), config=schemathesis.Config.from_dict({"operations": [LARGE]})
)


@pytest.fixture
def there(acme, ada, jane, okta):
    """Give the ids of what is there, as the addresses name them."""
    owned_by = {
        "directory": tokens.issue(okta.directory, actor=SETUP)[0].pk,
        "member": tokens.issue(jane, actor=SETUP, scopes=[])[0].pk,
    }
    known = {
        "org": "acme",
        "member": jane.pk,
        "directory": okta.directory.pk,
        "session": sessions.start(jane, actor=SETUP)[0].pk,
        "domain": domains.claim(acme, "acme.example", actor=SETUP).pk,
    }

    def named(parameters):
        token = next((owned_by[owner] for owner in owned_by if owner in parameters), None)
        return {name: str({**known, "token": token}.get(name, value)) for name, value in parameters.items()}

    return named


@schema.parametrize()
@bounded(
    max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
def test_every_answer_keeps_the_schemas_promise(case, server, one_connection, there, settings):
    settings.ROLLCALL_OPERATOR_TOKEN = "the-operator-token-of-the-tests"
    case.path_parameters = there(case.path_parameters or {})
    case.call_and_validate(
        base_url=server,
        session=one_connection,
        headers={"Authorization": f"Bearer {settings.ROLLCALL_OPERATOR_TOKEN}"},
        checks=PROMISES,
    )
