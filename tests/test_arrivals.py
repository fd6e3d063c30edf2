"""Every order in which a person can arrive × both access models, through the real doors: one member, first permissions once."""

import pytest

from identity import directories, grants, invitations, organizations, resources, tenancy
from identity.models import Member
from tests.conftest import SETUP, ScimClient, scim_client
from tests.saml.door import Browser, connect, prove
from tests.scim.talk import Scim

ADDRESS = "jane@customer.example"
# What each source gives, by access model: the directory's and the connection's defaults, the invitation's, and what a sign-in asserts.
MODELS = {
    "portfolio_asset": {
        "rows": [{"kind": "portfolio", "id": name} for name in ("organization", "directory", "connection", "invitation", "asserted")],
        "kind": "portfolio", "permission": "view", "assert": {"permissions:portfolio": ["asserted:view"]},
    },
    "company_shop": {
        "rows": [{"kind": "company", "id": name} for name in ("organization", "directory", "connection", "invitation", "asserted")],
        "kind": "company", "permission": "access", "assert": {"companies": ["asserted"]},
    },
}  # fmt: skip


class Customer:
    """An organization with a source of first permissions at every door."""

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

    def by_invitation(self):
        invitations.create(self.organization, ADDRESS, access=self.gives("invitation"), actor=SETUP)

    def holds(self):
        """Give (state, the resources granted with their origin) of the one member."""
        with tenancy.of(self.organization):
            (jane,) = Member.objects.filter(organization=self.organization)
            open_ones = {(grant.resource.key, grant.origin) for grant in grants.open_grants(jane)}
        return jane.state, open_ones


DIRECTORY, CONNECTION = ("directory", "directory_default"), ("connection", "connection_default")
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
}


@pytest.mark.parametrize("asserting", [False, True], ids=["silent", "asserting"])
@pytest.mark.parametrize("order", ORDERS, ids=" then ".join)
@pytest.mark.parametrize("model", MODELS)
def test_whatever_the_order_it_is_one_person_with_first_permissions_once(db, model, order, asserting):
    customer = Customer(model)
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
