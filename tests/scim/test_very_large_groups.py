"""A group may name more members at once than a statement of PostgreSQL has parameters."""

from audit.ids import uuid7
from tests.scim.talk import Scim

# 65,535 is the number of PostgreSQL's protocol.
MANY = 66_000


def test_a_group_of_more_than_a_statement_has_parameters_is_put_and_patched(okta, eraser):
    idp = Scim(okta)
    jane = idp.create("jane@acme.example")["id"]
    inner = idp.post("/Groups", {"displayName": "Inner"}).body["id"]
    strangers = [{"value": str(uuid7())} for _ in range(MANY)]
    group = idp.post("/Groups", {"displayName": "Everybody", "members": [{"value": inner}]}).body["id"]
    address = f"/Groups/{group}"
    named = {"displayName": "Everybody", "members": [{"value": jane}, *strangers]}
    answer = idp.put(address, named)
    assert (answer.status, [each["value"] for each in answer.body["members"]]) == (200, [jane])
    assert (
        idp.put(address, named | {"members": [{"value": inner}, {"value": jane}, *strangers]}).status == 200
    )
    removed = idp.patch(
        address, {"op": "remove", "path": "members", "value": [{"value": jane}, {"value": inner}, *strangers]}
    )
    assert removed.status == 200
    assert idp.get(address).body["members"] == []
    assert eraser.execute("SELECT count(*) FROM identity_pendingmembership").fetchone() == (0,)
