"""Every order in which a person can arrive × both access models, through the real doors: one member, first permissions once."""

import pytest

from audit.record import Actor
from identity import directories, grants, invitations, organizations, pulls, resources, sync_runs, tenancy
from identity.models import Member, Run
from tasks.sync import work
from tests.api.client import operator
from tests.conftest import SETUP, ScimClient, scim_client
from tests.console.conftest import visit
from tests.saml.door import Browser, connect, prove
from tests.scim.talk import Scim

ADDRESS = "jane@customer.example"
SOURCES = ("organization", "directory", "pulled", "connection", "invitation", "asserted")
# What each source gives, by access model: the directory's and the connection's defaults, the invitation's, and what a sign-in asserts.
MODELS = {
    "portfolio_asset": {
        "rows": [{"kind": "portfolio", "id": name} for name in SOURCES],
        "kind": "portfolio", "permission": "view", "assert": {"permissions:portfolio": ["asserted:view"]},
    },
    "company_shop": {
        "rows": [{"kind": "company", "id": name} for name in SOURCES],
        "kind": "company", "permission": "access", "assert": {"companies": ["asserted"]},
    },
}  # fmt: skip

FIRST, _ = MODELS


class Customer:
    """An organization with a source of first permissions at every door."""

    api = console = None

    def __init__(self, model):
        self.model = MODELS[model]
        self.organization = organizations.create(
            name="Customer", slug="customer", access_model=model, actor=SETUP
        )
        resources.register(self.organization, self.model["rows"], actor=SETUP)
        prove(self.organization, "customer.example")
        organizations.change(self.organization, defaults=self.gives("organization"), actor=SETUP)
        client = scim_client(self.organization, "okta")
        directory = directories.change(client.directory, defaults=self.gives("directory"), actor=SETUP)
        self.scim = Scim(ScimClient(directory, client.secret))
        self.connection = connect(self.organization, defaults=self.gives("connection"))
        self.asserts = {}
        self.pull = None

    def gives(self, name):
        return {
            "grants": [{"kind": self.model["kind"], "id": name, "permission": self.model["permission"]}],
            "roles": [],
        }

    def by_scim(self):
        emails = [{"value": ADDRESS, "type": "work", "primary": True}]
        answer = self.scim.post("/Users", {"userName": ADDRESS, "externalId": "00u1", "emails": emails})
        assert answer.status == 201, answer

    def by_sign_in(self):
        attributes = {"email": ADDRESS, **self.asserts}
        answer = Browser(self.connection).sign_in(name_id=ADDRESS, attributes=attributes)
        assert answer.status_code == 303, answer.content

    def by_sync(self):
        """Have a file of the HR system read that names her; whoever else has her already keeps her."""
        if self.pull is None:
            mapping = {"external_id": "No", "user_name": "Login", "email": "Login"}
            self.pull = pulls.create(
                self.organization, kind="csv", name="HR", settings={"mapping": mapping}, defaults=self.gives("pulled"), actor=SETUP
            )  # fmt: skip
            pulls.put_file(self.pull, f"No,Login\n7,{ADDRESS}\n".encode(), "hr.csv", actor=SETUP)
        run = sync_runs.ask(self.pull.directory, actor=SETUP)
        assert not work.turn(run.organization_id, run.pk, seconds=60)
        with tenancy.of(self.organization):
            run = Run.objects.get(pk=run.pk)
        sync_runs.approve(run, run.plan_hash, actor=Actor("member", "ada", "Ada"))
        assert not work.turn(run.organization_id, run.pk, seconds=60)

    def by_scim_too_late(self):
        emails = [{"value": ADDRESS, "type": "work", "primary": True}]
        answer = self.scim.post("/Users", {"userName": ADDRESS, "externalId": "00u1", "emails": emails})
        assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")

    def by_api(self, status=201):
        path, body = "/organizations/customer/members", {"user_name": ADDRESS, "email": ADDRESS}
        answer = self.api.post(path, body)
        assert answer.status_code == status, answer.content
        return answer.json()

    def by_list(self, problems=()):
        path = "/organizations/customer/imports"
        wanted = {"kind": "members", "csv": f"user_name,email\n{ADDRESS},{ADDRESS}\n"}
        plan = self.api.post(f"{path}/preview", wanted).json()
        assert [problem["code"] for problem in plan["problems"]] == list(problems)
        if not problems:
            assert self.api.post(path, wanted | {"digest": plan["digest"]}).status_code == 200

    def by_hand(self, status=303):
        body = {"user_name": ADDRESS, "email": ADDRESS, "display_name": "Jane"}
        answer = self.console.post("/o/customer/members/new", body)
        assert answer.status_code == status, answer.content

    def by_api_too_late(self):
        assert self.by_api(409)["code"] == "user_name_taken"

    def by_list_again(self):
        """Name her again: a list says who shall be here, and leaves whoever is."""
        self.by_list()

    def by_hand_too_late(self):
        self.by_hand(400)

    def by_invitation(self):
        invitations.create(self.organization, ADDRESS, access=self.gives("invitation"), actor=SETUP)

    def holds(self):
        """Give (state, the resources granted with their origin) of the one member."""
        with tenancy.of(self.organization):
            (jane,) = Member.objects.filter(organization=self.organization)
            open_ones = {(grant.resource.key, grant.origin) for grant in grants.open_grants(jane)}
        return jane.state, open_ones


DIRECTORY, CONNECTION = ("directory", "directory_default"), ("connection", "connection_default")
ORGANIZATION = ("organization", "organization_default")
PULLED = ("pulled", "directory_default")
INVITATION, ASSERTED = ("invitation", "invitation"), ("asserted", "asserted")

# order → what is held when the sign-in asserts nothing, and when it asserts a set.
ORDERS = {
    ("scim",): ({DIRECTORY}, {DIRECTORY}),
    ("sign_in",): ({CONNECTION}, {ASSERTED}),
    ("scim", "sign_in"): ({DIRECTORY}, {ASSERTED}),
    ("sign_in", "scim"): ({CONNECTION}, {ASSERTED}),
    ("invitation", "sign_in"): ({INVITATION}, {ASSERTED}),
    # An invitation is accepted by signing in: until then, and for somebody who is in, it gives nothing.
    ("invitation", "scim"): ({DIRECTORY}, {DIRECTORY}),
    ("scim", "invitation"): ({DIRECTORY}, {DIRECTORY}),
    ("sign_in", "invitation"): ({CONNECTION}, {ASSERTED}),
    ("scim", "invitation", "sign_in"): ({DIRECTORY, INVITATION}, {ASSERTED}),
    ("invitation", "scim", "sign_in"): ({DIRECTORY, INVITATION}, {ASSERTED}),
    ("invitation", "sign_in", "scim"): ({INVITATION}, {ASSERTED}),
    ("scim", "sign_in", "invitation"): ({DIRECTORY}, {ASSERTED}),
    ("sign_in", "scim", "invitation"): ({CONNECTION}, {ASSERTED}),
    ("sign_in", "invitation", "scim"): ({CONNECTION}, {ASSERTED}),
    # A directory that is read meets her as one that pushes would, and neither takes her from the other.
    ("sync",): ({PULLED}, {PULLED}),
    ("sync", "sign_in"): ({PULLED}, {ASSERTED}),
    ("sign_in", "sync"): ({CONNECTION}, {ASSERTED}),
    ("invitation", "sync"): ({PULLED}, {PULLED}),
    ("sync", "invitation"): ({PULLED}, {PULLED}),
    ("invitation", "sync", "sign_in"): ({PULLED, INVITATION}, {ASSERTED}),
    ("sync", "invitation", "sign_in"): ({PULLED, INVITATION}, {ASSERTED}),
    ("invitation", "sign_in", "sync"): ({INVITATION}, {ASSERTED}),
    ("sign_in", "invitation", "sync"): ({CONNECTION}, {ASSERTED}),
    ("sync", "scim_too_late", "sign_in"): ({PULLED}, {ASSERTED}),
    ("scim", "sync", "sign_in"): ({DIRECTORY}, {ASSERTED}),
    ("sign_in", "scim", "sync"): ({CONNECTION}, {ASSERTED}),
    ("sign_in", "sync", "scim_too_late"): ({CONNECTION}, {ASSERTED}),
}

# Whoever an administrator brings in has the organization's defaults, and any other door meets them as a member who is here.
BY_ADMINISTRATORS = ("api", "list", "hand")
for door in BY_ADMINISTRATORS:
    again = f"{door}_{'again' if door == 'list' else 'too_late'}"
    ORDERS |= {
        (door,): ({ORGANIZATION}, {ORGANIZATION}),
        (door, again): ({ORGANIZATION}, {ORGANIZATION}),
        (door, "sign_in"): ({ORGANIZATION}, {ASSERTED}),
        (door, "scim"): ({ORGANIZATION}, {ORGANIZATION}),
        (door, "sync"): ({ORGANIZATION}, {ORGANIZATION}),
        (door, "invitation"): ({ORGANIZATION}, {ORGANIZATION}),
        (door, "scim", "sign_in"): ({ORGANIZATION}, {ASSERTED}),
        (door, "sync", "scim_too_late", "sign_in"): ({ORGANIZATION}, {ASSERTED}),
        (door, "invitation", "sign_in"): ({ORGANIZATION, INVITATION}, {ASSERTED}),
        ("invitation", door): ({ORGANIZATION}, {ORGANIZATION}),
        ("invitation", door, "sign_in"): ({ORGANIZATION, INVITATION}, {ASSERTED}),
        ("scim", again): ({DIRECTORY}, {DIRECTORY}),
        ("sync", again): ({PULLED}, {PULLED}),
        ("sign_in", again): ({CONNECTION}, {ASSERTED}),
        ("scim", again, "sign_in"): ({DIRECTORY}, {ASSERTED}),
        ("sign_in", again, "scim"): ({CONNECTION}, {ASSERTED}),
    }


def _cases():
    for order in ORDERS:
        # These doors know nothing of the access model.
        is_short = any(door in BY_ADMINISTRATORS for door in order)
        for model in list(MODELS)[: 1 if is_short else None]:
            for asserting in _assertions(model, order):
                name = f"{model}-{' then '.join(order)}-{'asserting' if asserting else 'silent'}"
                yield pytest.param(model, order, asserting, id=name)


def _assertions(model, order):
    """Give whether the sign-in asserts something. What was given before has the same rank in both models."""
    if "sign_in" not in order:
        return [False]
    return [True] if model != FIRST and len(order) > 1 else [False, True]


@pytest.fixture
def customer(db, once, model):
    """Give a customer whom nobody has come to yet."""
    return once(Customer, model)


@pytest.mark.parametrize(("model", "order", "asserting"), list(_cases()))
def test_whatever_the_order_it_is_one_person_with_first_permissions_once(
    request, settings, customer, order, asserting
):
    customer.api = operator(settings)
    if any(door.startswith("hand") for door in order):
        customer.console = visit(request.getfixturevalue("opal"))
    customer.asserts = customer.model["assert"] if asserting else {}
    for door in order:
        getattr(customer, f"by_{door}")()
    held = ORDERS[order][asserting]
    assert customer.holds() == ("active", held)
    if "sign_in" in order and "invitation" not in order[order.index("sign_in") :]:
        # Once: the next sign-in, which asserts everything, changes nothing (it would accept an invitation that came since).
        customer.asserts = customer.model["assert"]
        customer.by_sign_in()
        assert customer.holds() == ("active", held)
