"""The SCIM connector against two other people's servers: scim2-server in a process of its own, and Rollcall itself."""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tasks.connectors.faults import Misconfigured, Unauthorized, Unreachable
from tasks.connectors.mapping import ENTERPRISE
from tasks.connectors.scim_pull import ScimConnector
from tests.connectors.listing import run
from tests.ports import free_port
from tests.waiting import PATIENCE, eventually

TOKEN = "the-foreign-token"
PEOPLE = 25
CONFIGURATION = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
    "patch": {"supported": True},
    "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
    "filter": {"supported": True, "maxResults": 10},
    "changePassword": {"supported": False},
    "sort": {"supported": False},
    "etag": {"supported": False},
    "pagination": {"cursor": True, "index": True, "defaultPageSize": 10, "maxPageSize": 10},
    "authenticationSchemes": [],
}


class Foreign:
    """The server's address and a client that writes to it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"},
            timeout=PATIENCE,
        )

    def create(self, kind: str, body: dict) -> dict:
        """Create a resource."""
        answer = self.client.post(f"/{kind}", content=json.dumps(body))
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture(scope="module", params=["index", "cursor"])
def foreign(request, tmp_path_factory):
    port = free_port()
    path = tmp_path_factory.mktemp("scim") / "configuration.json"
    path.write_text(
        json.dumps(
            CONFIGURATION
            | {"pagination": CONFIGURATION["pagination"] | {"cursor": request.param == "cursor"}}
        )
    )
    process = subprocess.Popen(
        [
            Path(sys.executable).with_name("scim2-server"),
            "--port",
            str(port),
            "--bearer-token",
            TOKEN,
            "--service-provider-config",
            path,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Foreign(port)
    try:
        assert eventually(lambda: _answers(server)), "scim2-server did not start"
        _fill(server)
        yield server
    finally:
        server.client.close()
        process.terminate()
        process.wait(PATIENCE)


def _answers(server: Foreign) -> bool:
    try:
        return server.client.get("/ServiceProviderConfig").status_code == 200
    except httpx2.TransportError:
        return False


def _fill(server: Foreign) -> None:
    keys = [
        server.create(
            "Users",
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
                "userName": f"person{number}",
                "name": {"familyName": f"Number{number}"},
                "emails": [{"value": f"person{number}@foreign.example", "type": "work", "primary": True}],
                "active": number != 3,
                ENTERPRISE: {"department": "Trading"},
            },
        )["id"]
        for number in range(PEOPLE)
    ]
    members = [{"value": key} for key in keys[:12]]
    server.create(
        "Groups",
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "Traders",
            "members": members,
        },
    )


@pytest.fixture
def pull(foreign, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.1",)

    def build(token=TOKEN, **more):
        return ScimConnector({"api_url": foreign.url, "page_size": 7} | more, {"token": token})

    return build


def test_everybody_and_every_group_are_read_page_by_page(pull):
    listing = run(pull())
    assert {name: one.active for name, one in listing.people.items()} == {
        f"person{number}": number != 3 for number in range(PEOPLE)
    }
    assert listing.people["person1"].profile == {
        "name": {"familyName": "Number1"},
        "emails": [{"value": "person1@foreign.example", "type": "work", "primary": True}],
        ENTERPRISE: {"department": "Trading"},
    }
    assert len(listing.members["Traders"]) == 12
    assert (listing.end.whole, listing.end.incomplete, len(listing.pages)) == (True, "", 6)


def test_an_interrupted_listing_goes_on_where_it_was(pull):
    whole = run(pull())
    assert len(whole.pages) > 1
    for place, page in enumerate(whole.pages[:-1]):
        rest = run(pull(), checkpoint=page.checkpoint)
        assert {*whole.people} == {*rest.people} | {
            one.user_name for earlier in whole.pages[: place + 1] for one in earlier.people
        }
        assert rest.end == whole.end


def test_only_whom_the_filter_finds_is_read(pull):
    assert set(run(pull(filter='userName eq "person4"')).people) == {"person4"}


@pytest.mark.parametrize(
    ("more", "token", "expected"),
    [
        ({}, "wrong", Unauthorized),
        ({"filter": "this is no filter"}, TOKEN, Misconfigured),
        ({"api_url": "http://127.0.0.1:1"}, TOKEN, Unreachable),
    ],
)
def test_what_leads_nowhere_is_a_fault_by_what_to_do(pull, more, token, expected):
    with pytest.raises(expected):
        run(pull(token, **more))


def test_somebody_who_goes_while_the_list_is_walked_makes_it_incomplete(pull, foreign):
    extra = foreign.create(
        "Users", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "passing"}
    )
    pages = pull().fetch()
    seen = [next(pages)]
    foreign.client.delete(f"/Users/{extra['id']}")
    seen += list(pages)
    assert "changed from 26 to 25" in seen[-1].end.incomplete


def test_the_test_counts_who_is_there(pull):
    verdict = pull().test()
    assert (verdict.ok, verdict.people, verdict.groups) == (True, PEOPLE, 1)


def test_rollcall_is_read_by_rollcall(server, okta, settings):
    settings.ROLLCALL_OUTBOUND_ALLOW = ("127.0.0.1", "localhost")
    with httpx2.Client(
        headers={"Authorization": f"Bearer {okta.secret}", "Content-Type": "application/scim+json"},
        timeout=PATIENCE,
    ) as client:
        for number in range(5):
            body = {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": f"person{number}",
                "displayName": "P",
            }
            assert client.post(f"{server}/scim/v2/Users", content=json.dumps(body)).status_code == 201
    listing = run(ScimConnector({"api_url": f"{server}/scim/v2", "page_size": 2}, {"token": okta.secret}))
    assert set(listing.people) == {f"person{number}" for number in range(5)}
    assert {one.profile["displayName"] for one in listing.people.values()} == {"P"}
    assert (listing.end.whole, listing.end.incomplete) == (True, "")
