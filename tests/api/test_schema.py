"""The OpenAPI description: complete, without complaints, and true."""

import json
import re
from uuid import UUID

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats

from config.environment import ROOT
from identity.tokens import MEMBER_SCOPES
from tests.api.client import Api, operator


def test_the_description_is_made_without_complaints(db):
    reset_generator_stats()
    assert Api().get("/schema").status_code == 200
    assert not GENERATOR_STATS


def test_every_operation_says_what_it_needs_and_how_it_refuses(db):
    schema = Api().get("/schema").json()
    operations = [
        operation
        for path in schema["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(operations) > 35
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert "Needs: " in operation["description"], operation["operationId"]
        assert list(operation["responses"]["4XX"]["content"]) == ["application/problem+json"]
        assert operation["security"] == [{"bearer": []}, {"session": []}]
        assert all(answer["description"] for answer in operation["responses"].values())


def test_operations_stand_under_their_subject_each_in_a_sentence(db):
    """Whoever makes a client of it gets a part for each subject, and not one of a hundred and fifty methods."""
    schema = Api().get("/schema").json()
    subjects = {subject["name"]: subject["description"] for subject in schema["tags"]}
    used = set()
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            assert operation["description"].startswith(operation["summary"]), operation["operationId"]
            assert len(operation["summary"]) < 120, operation["operationId"]
            [subject] = operation["tags"]
            used.add(subject)
            assert subjects[subject], path
    assert used == set(subjects)


@pytest.mark.parametrize("path", ["/schema", "/problems/not_found"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_what_everybody_may_read_refuses_in_problem_details(db, path, method):
    answer = Api(client=Client(enforce_csrf_checks=True)).send(method, path)
    assert (answer.status_code, answer["Content-Type"], answer["Allow"]) == (
        405,
        "application/problem+json",
        "GET, HEAD",
    )
    assert answer.json()["code"] == "method_not_allowed"


def test_a_query_or_a_body_that_is_not_asked_for_is_refused(acme, settings):
    """`?dry_run=true` behind a call that knows nothing of it must not pass for a rehearsal."""
    api, taken = operator(settings), []
    for path, operations in api.get("/schema").json()["paths"].items():
        address = re.sub(r"\{\w+\}", str(UUID(int=0)), path.removeprefix("/api/v1").replace("{org}", "acme"))
        for method, operation in operations.items():
            if all(parameter["in"] != "query" for parameter in operation.get("parameters", ())):
                taken.append((path, method, api.send(method.upper(), f"{address}?dry_run=true")))
            if method != "get" and "requestBody" not in operation:
                taken.append((path, method, api.send(method.upper(), address, {"dry_run": True})))
    assert len(taken) > 100
    assert [
        (path, method, answer.content)
        for path, method, answer in taken
        if (answer.status_code, answer.json().get("field")) != (400, "dry_run")
    ] == []


def test_bodies_are_closed(db):
    schemas = Api().get("/schema").json()["components"]["schemas"]
    for name in ("NewMember", "WantedGrants", "ChangedOrganization", "ResourceRow", "Profile"):
        assert schemas[name]["additionalProperties"] is False, json.dumps(schemas[name])


def test_the_page_about_the_api_lists_every_call(db):
    """docs/api.md names each by its methods and the end of its path; a path without a method stands for all of them."""
    listed = set()
    for methods, path in re.findall(r"`([A-Z, ]*?) ?…?(/[^`? ]*)", (ROOT / "docs/api.md").read_text()):
        listed |= {(method, nameless(path)) for method in methods.split(", ")}
    missing = [
        f"{method.upper()} {path}"
        for path, operations in Api().get("/schema").json()["paths"].items()
        for method in operations.keys() - {"parameters"}
        if not {(said, tail) for said in ("", method.upper()) for tail in tails(path.removeprefix("/api/v1"))}
        & listed
    ]
    assert missing == []


def test_the_page_about_the_api_names_every_scope():
    told = re.search(
        r"A scope is a capability.*?Each operation", (ROOT / "docs/api.md").read_text(), re.DOTALL
    )
    assert set(re.findall(r"`([a-z_]+(?:\.[a-z]+)?)`", told[0])) == set(MEMBER_SCOPES)


def test_every_filter_is_named_in_the_documents(db):
    pages = "".join(page.read_text() for page in [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/guides/*.md")])
    filters = {
        (path, asked["name"])
        for path, operations in Api().get("/schema").json()["paths"].items()
        for operation in operations.values()
        for asked in operation.get("parameters", ())
        if asked["in"] == "query"
    }
    assert {(path, name) for path, name in filters if not re.search(rf"[`?&]{name}[`=]", pages)} == set()


def nameless(path):
    return re.sub(r"\{[^}]+\}", "{}", path)


def tails(path):
    """Give the ends of a path that begin with a word: /members/{}/end, /end."""
    whole = nameless(path)
    return {whole[match.start() :] for match in re.finditer(r"/(?!\{)", whole)}
