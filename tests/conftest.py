"""The cast that every test knows: acme and globex, their administrators and members.

Every test commits for real, through the application's role, so that row-level security, the guard of the record and
everything that happens after commit are as in production. Between tests the rows are removed behind the triggers' back.
"""

import socketserver
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import hypothesis
import pytest
import time_machine
from django.test.testcases import LiveServerThread
from django.utils import timezone
from hypothesis.internal.conjecture import providers
from hypothesis.internal.entropy import deterministic_PRNG

from audit.record import Actor
from identity import directories, members, organizations, roles, tenancy, tokens
from identity.models import Directory, Member, Organization
from scim import throttle
from tasks import broker
from tests.chromium import chromium, launched  # noqa: F401 - fixtures, for the browser tests of every floor
from tests.dns_server import zone  # noqa: F401 - a fixture of domains, console and API
from tests.metadata_worker import metadata_worker  # noqa: F401 - a fixture of SAML and of the API
from tests.waiting import PATIENCE

# How long an example takes says something about the machine, and nothing about the product. Every run has the same examples, so that a
# change is refused for what it does; `pytest --hypothesis-profile=by-chance` looks for new ones.
_UNTIMED = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("by-chance", _UNTIMED)
hypothesis.settings.register_profile("the-same", _UNTIMED, derandomize=True)
hypothesis.settings.load_profile("the-same")
pytest_plugins = ["tests.database", "tests.order", "tests.made_once"]

# Python's servers send headers and body by themselves; without this a client that keeps its connection waits 40 ms for each body.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

ROOT = Path(__file__).parent.parent
SETUP = Actor("job", "tests", "the tests")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    """Have Hypothesis try the values that stand in those of our modules that are loaded by now, and in no others.

    Else the made-up examples would depend on what the tests before happen to have loaded, which is another thing on each worker.
    """
    standing = providers._get_local_constants()
    providers._get_local_constants = lambda: standing
    # It looks for who keeps its source of chance, and overlooks who is frozen after the collection (tests/order.py).
    with deterministic_PRNG():
        pass


@pytest.fixture(scope="session", autouse=True)
def patience_with_valkey() -> Iterator[None]:
    """Wait for Valkey as long as a busy machine takes; the product leaves one that is silent for a tenth of a second alone for five."""
    with pytest.MonkeyPatch.context() as patch:
        for clients in (throttle, broker):
            patch.setattr(clients, "CONNECT_SECONDS", PATIENCE)
            patch.setattr(clients, "ANSWER_SECONDS", PATIENCE)
        yield


@pytest.fixture(scope="session")
def serving(database) -> Iterator[str]:
    """Run a real HTTP server of the whole product; to stop it takes half a second, so that it serves all tests of a worker."""
    thread = LiveServerThread("127.0.0.1", _static_handler())
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()


@pytest.fixture
def server(serving, db) -> str:
    """Give the address of a real HTTP server of the whole product on an empty database, as http://127.0.0.1:port."""
    return serving


def _static_handler() -> type:
    from django.contrib.staticfiles.handlers import StaticFilesHandler

    return StaticFilesHandler


def make_acme() -> Organization:
    """Make a customer with portfolios and assets."""
    return organizations.create(name="Acme", slug="acme", access_model="portfolio_asset", actor=SETUP)


def make_ada(acme: Organization) -> Member:
    """Make acme's administrator."""
    return join(acme, "ada@acme.example", role="organization_admin", displayName="Ada Admin")


@pytest.fixture
def acme(db) -> Organization:
    """Give a customer with portfolios and assets."""
    return make_acme()


@pytest.fixture
def globex(db) -> Organization:
    """Give another customer, with companies, shops and shop countries."""
    return organizations.create(name="Globex", slug="globex", access_model="company_shop", actor=SETUP)


@pytest.fixture
def operators(db) -> Organization:
    """Give the operating organization."""
    return organizations.create(
        name="Operators", slug="operators", access_model="portfolio_asset", actor=SETUP, is_operating=True
    )


def join(organization: Organization, user_name: str, *, role: str = "", **profile: object) -> Member:
    """Bring somebody into an organization, by hand, with an address like their user name."""
    if "@" in user_name:
        profile.setdefault("emails", [{"value": user_name, "type": "work", "primary": True}])
    member = members.provision(organization, actor=SETUP, user_name=user_name, profile=profile).member
    if role:
        roles.replace(member, [role], actor=SETUP)
    return member


def again(member: Member) -> Member:
    """Return the member as they are by now."""
    with tenancy.of(member.organization_id):
        return Member.objects.get(pk=member.pk)


def states(organization: Organization) -> dict[str, str]:
    """Return the states of everybody, by their user names."""
    with tenancy.of(organization):
        return dict(Member.objects.values_list("user_name", "state"))


def later(**delta: float) -> time_machine.travel:
    """Travel so far into the future, where the clock stands still."""
    return time_machine.travel(timezone.now() + timedelta(**delta), tick=False)


def later_on(**delta: float) -> time_machine.travel:
    """Travel so far into the future, where the clock goes on: for whoever works until a time is over."""
    return time_machine.travel(timezone.now() + timedelta(**delta), tick=True)


@pytest.fixture
def ada(acme) -> Member:
    """Give acme's administrator."""
    return make_ada(acme)


@pytest.fixture
def jane(acme) -> Member:
    """Give a member of acme."""
    return join(acme, "jane@acme.example", displayName="Jane Jones")


@pytest.fixture
def gus(globex) -> Member:
    """Give globex's administrator."""
    return join(globex, "gus@globex.example", role="organization_admin", displayName="Gus Grant")


@pytest.fixture
def opal(operators) -> Member:
    """Give an operator."""
    return join(operators, "opal@rollcall.example", role="organization_admin", displayName="Opal Operator")


@dataclass(frozen=True)
class ScimClient:
    """A directory and a token of it."""

    directory: Directory
    secret: str


def scim_client(organization: Organization, idp: str = "generic", name: str = "") -> ScimClient:
    """Give an organization a directory with a token."""
    directory = directories.create(organization, name=name or idp, idp=idp, actor=SETUP)
    return ScimClient(directory, tokens.issue(directory, actor=SETUP)[1])


@pytest.fixture
def okta(acme) -> ScimClient:
    """Give acme's Okta, as the integration network's app."""
    return scim_client(acme, "okta")


@pytest.fixture
def entra(acme) -> ScimClient:
    """Give acme's Entra ID."""
    return scim_client(acme, "entra")
