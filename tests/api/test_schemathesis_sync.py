"""Directories of every kind that we read, and calls on their runs: whatever is sent, each answer keeps the schema's promise."""

from copy import deepcopy
from functools import partial

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded

from identity import directory_kinds, pulls, sync_runs, tenancy
from identity.models import Directory, Run
from tasks.sync import work
from tests.api.test_schemathesis import OPENAPI
from tests.conftest import SETUP

DIRECTORIES = "/api/v1/organizations/{org}/directories"
ONE = DIRECTORIES + "/{directory}"
RUNS = ONE + "/runs"
KINDS = tuple(kind.name for kind in directory_kinds.kinds())
OF_RUNS = (
    ("POST", ONE + "/test"), ("POST", ONE + "/pause"), ("POST", ONE + "/resume"), ("GET", ONE + "/drift"), ("GET", RUNS), ("POST", RUNS),
    ("GET", RUNS + "/{run}"), ("GET", RUNS + "/{run}/plan"), ("GET", RUNS + "/{run}/plan.csv"), ("POST", RUNS + "/{run}/approve"),
    ("POST", RUNS + "/{run}/cancel"),
)  # fmt: skip
WORD = {"type": "string", "pattern": "^[ -~]{1,20}$"}
SHAPES = {
    "text": lambda _: {"type": "string", "pattern": "^[ -~]{1,60}$"},
    "url": lambda _: {
        "type": "string",
        "pattern": "^(https|ldaps)://[a-z]{1,20}\\.example(/[a-z0-9]{0,9})?$",
    },
    "number": lambda field: {"type": "integer", "minimum": field.least, "maximum": field.most},
    "flag": lambda _: {"type": "boolean"},
    "choice": lambda field: {"enum": list(field.choices)},
    "list": lambda _: {"type": "array", "items": WORD, "maxItems": 5},
    "mapping": lambda field: {
        "type": "object",
        "properties": dict.fromkeys(field.choices, WORD),
        "additionalProperties": False,
        "required": list(field.needs),
        "minProperties": 1,
    },
}
limits = bounded(
    max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


def shape_of(fields):
    """Give the JSON Schema of what a kind asks for."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: SHAPES[field.kind](field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }


def described(name):
    """Give the API's description with the bodies of this one kind in it."""
    kind = directory_kinds.kind_of(name)
    properties = {
        "name": {"type": "string", "pattern": "^[a-zA-Z0-9]{1,40}$"},
        "settings": shape_of(kind.settings),
        "credentials": shape_of(kind.credentials),
        "schedule": {"type": "object", "properties": {"every_minutes": {"type": "integer", "minimum": 5, "maximum": 10080}}},
    }  # fmt: skip
    told = deepcopy(OPENAPI)
    for path, method, more, required in (
        (DIRECTORIES, "post", {"kind": {"enum": [name]}}, ["kind", "name", "settings", "credentials"]),
        (ONE, "patch", {}, []),
    ):
        told["paths"][path][method]["requestBody"]["content"] = {
            "application/json": {
                "schema": {
                    "type": "object", "additionalProperties": False, "properties": properties | more, "required": required,
                }
            }
        }  # fmt: skip
    return told


def ask(made_up, operation, send, parameters, mode):
    """Send what the description allows, or what it doesn't, and hold the answers against it."""
    codes = set()

    @limits
    @given(case=operation.as_strategy(generation_mode=made_up.MODES[mode]))
    def each(case):
        case.path_parameters = parameters()
        answer = send(
            case,
            headers={"Authorization": "Bearer the-operator-token-of-the-tests"},
        )
        codes.add(answer.status_code)

    each()
    return codes


@pytest.fixture
def pull(acme, ada, settings):
    """Give a directory that is read, of a file of two people."""
    settings.ROLLCALL_OPERATOR_TOKEN = "the-operator-token-of-the-tests"
    mapping = {"external_id": "No", "user_name": "Login"}
    made = pulls.create(acme, kind="csv", name="HR", settings={"mapping": mapping}, actor=SETUP)
    pulls.put_file(made, b"No,Login\n1,amy\n2,bob\n", "people.csv", actor=SETUP)
    return made


@pytest.fixture
def send(server, one_connection, made_up):
    """Give a function that sends what was made up, and holds the answer against the description."""
    return partial(
        made_up.schemathesis.Case.call_and_validate,
        base_url=server,
        session=one_connection,
        checks=made_up.PROMISES,
    )


@pytest.mark.parametrize("mode", ["as_told", "beside_it"])
def test_a_file_of_whatever_bytes_is_taken_or_refused_as_described(mode, made_up, send, acme, pull):
    operation = made_up.schemathesis.openapi.from_dict(OPENAPI)[ONE + "/file"]["PUT"]
    parameters = {"org": "acme", "directory": str(pull.directory_id)}
    codes = ask(made_up, operation, send, lambda: dict(parameters), mode)
    assert codes <= {200, 400, 413, 415}
    assert 200 in codes, "none of the files was taken"
    run = sync_runs.ask(pull.directory, actor=SETUP)
    while work.turn(run.organization_id, run.pk, seconds=60):
        pass
    with tenancy.of(acme):
        # What was sent is no directory: it is read, and nobody comes or goes by it.
        assert Run.objects.get(pk=run.pk).state in {"failed", "held", "done"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_directory_of_every_kind_is_created_or_refused_as_described(kind, made_up, send, acme, pull):
    operation = made_up.schemathesis.openapi.from_dict(described(kind))[DIRECTORIES]["POST"]
    made = ask(made_up, operation, send, lambda: {"org": "acme"}, "as_told")
    assert made <= {201, 400, 409}
    assert 201 in made
    with tenancy.of(acme):
        assert Directory.objects.filter(kind=kind).exists()
    # What breaks this description may still be a name that we take.
    assert ask(made_up, operation, send, lambda: {"org": "acme"}, "beside_it") <= {201, 400, 409, 415}


@pytest.mark.parametrize("kind", KINDS)
def test_a_directory_of_every_kind_is_changed_or_refused_as_described(kind, made_up, send, acme, pull):
    required = {
        "url": "https://a.example", "api_url": "https://a.example", "mapping": {"external_id": "No", "user_name": "Login"},
    }  # fmt: skip
    known = directory_kinds.kind_of(kind)
    settings = {field.name: required.get(field.name, "x") for field in known.settings if field.required}
    credentials = {field.name: "x" for field in known.credentials if field.required}
    there = pulls.create(
        acme, kind=kind, name="There", settings=settings, credentials=credentials, actor=SETUP
    )
    parameters = {"org": "acme", "directory": str(there.directory_id)}
    operation = made_up.schemathesis.openapi.from_dict(described(kind))[ONE]["PATCH"]
    assert 200 in ask(made_up, operation, send, lambda: dict(parameters), "as_told")
    assert ask(made_up, operation, send, lambda: dict(parameters), "beside_it") <= {200, 400, 409, 415}


@pytest.mark.parametrize(("method", "path"), OF_RUNS, ids=" ".join)
@pytest.mark.parametrize("mode", ["as_told", "beside_it"])
def test_calls_on_runs_keep_the_promise(method, path, mode, made_up, send, acme, pull):
    run = sync_runs.ask(pull.directory, actor=SETUP)
    work.turn(run.organization_id, run.pk, seconds=60)
    parameters = {"org": "acme", "directory": str(pull.directory_id)}
    if "{run}" in path:
        parameters["run"] = str(run.pk)
    codes = ask(
        made_up,
        made_up.schemathesis.openapi.from_dict(OPENAPI)[path][method],
        send,
        lambda: dict(parameters),
        mode,
    )
    assert codes
    assert codes <= {200, 201, 400, 403, 405, 406, 409, 415}
    with tenancy.of(acme):
        assert Run.objects.get(pk=run.pk).state in {"held", "cancelled", "superseded"}
