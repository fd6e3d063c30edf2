"""Whatever is sent, within the schema or beside it: no answer is a 500, and each is what the schema promises."""

import json
from collections import Counter

import pytest
from django.test import RequestFactory

from identity import domains, sessions, tokens
from identity.api.schema import Schema
from tests.conftest import SETUP, join, make_acme, make_ada, scim_client

OPENAPI = json.loads(Schema.as_view()(RequestFactory().get("/api/v1/schema")).render().content)
OPERATIONS = [(method, path) for path, methods in OPENAPI["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def schema(made_up):
    """Give the description as the library reads it, once for all operations."""
    return made_up.schema_of(OPENAPI)


def make_ids():
    """Make one of everything that an address names, and return the ids: by the names of parameters, and the tokens by whose they are."""
    acme = make_acme()
    make_ada(acme)
    jane, okta = join(acme, "jane@acme.example", displayName="Jane Jones"), scim_client(acme, "okta")
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
    return owned_by, known


@pytest.fixture
def there(db, once):
    """Give the ids of what is there, as the addresses name them."""
    owned_by, known = once(make_ids)

    def named(parameters):
        token = next((owned_by[owner] for owner in owned_by if owner in parameters), None)
        return {name: str({**known, "token": token}.get(name, value)) for name, value in parameters.items()}

    return named


@pytest.mark.parametrize(
    ("method", "path"), OPERATIONS, ids=[f"{method.upper()} {path}" for method, path in OPERATIONS]
)
def test_every_answer_keeps_the_schemas_promise(
    method, path, made_up, schema, server, one_connection, there, settings
):
    settings.ROLLCALL_OPERATOR_TOKEN = "the-operator-token-of-the-tests"

    sent = Counter()

    def send(case):
        case.path_parameters = there(case.path_parameters or {})
        if made_up.is_known(case, sent):
            return
        case.call_and_validate(
            base_url=server,
            session=one_connection,
            headers={"Authorization": f"Bearer {settings.ROLLCALL_OPERATOR_TOKEN}"},
            checks=made_up.PROMISES,
        )

    made_up.send_all(schema[path][method], send)
