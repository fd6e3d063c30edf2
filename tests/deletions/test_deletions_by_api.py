"""Deletions through the API: by whom, in which order, and what is left of the organization."""

from identity import organizations
from identity.models import Deletion
from tests.api.client import operator, token_of
from tests.conftest import SETUP
from tests.deletions.conftest import carried_out, fall_due, fresh


def test_over_the_api(acme, ada, jane, gus, opal, settings, eraser):
    operating, nameless = token_of(opal), operator(settings)
    path = "/organizations/acme/deletion"
    assert operating.post(path, {"confirm": "Acme"}).json()["code"] == "not_suspended"
    for api in (token_of(ada), token_of(jane)):
        for act in (f"{path}", "/organizations/acme/suspend", "/organizations/acme/resume"):
            assert api.post(act, {"confirm": "Acme"} if act == path else {}).status_code == 403
        assert api.delete(path).status_code == 403
        assert api.get("/deletions").status_code == 403
    assert token_of(jane).get(path).status_code == 403
    assert token_of(gus).get(path).status_code == 404
    assert nameless.post("/organizations/acme/suspend", {"reason": "unpaid"}).json()["state"] == "suspended"
    assert operating.get(path).status_code == 404
    assert nameless.post(path, {"confirm": "Acme"}).status_code == 403
    assert operating.post(path, {"confirm": "Acme Ltd"}).json()["field"] == "confirm"
    assert operating.post(path, {}).json()["field"] == "confirm"
    soon = {"confirm": "Acme", "delete_after": "2026-01-01T00:00:00Z"}
    assert operating.post(path, soon).json()["field"] == "delete_after"
    made = operating.post(path, {"confirm": "Acme", "reason": "contract ended"})
    assert (made.status_code, made.json()["asked_by"]["id"]) == (201, str(opal.pk))
    assert operating.post(path, {"confirm": "Acme"}).status_code == 409
    # Resumed for a while, the customer sees it and cannot touch it.
    assert nameless.post("/organizations/acme/resume", {}).json()["delete_after"] is not None
    assert token_of(ada).get(path).json()["state"] == "scheduled"
    assert token_of(ada).get("/organizations/acme").json()["delete_after"] is not None
    assert token_of(ada).delete(path).status_code == 403
    assert operating.delete(path).json()["state"] == "cancelled"
    assert operating.delete(path).status_code == 404
    organizations.suspend(acme, actor=SETUP)
    again = operating.post(path, {"confirm": "Acme"}).json()
    assert operating.get(f"/deletions/{again['id']}/proof").status_code == 404
    done = carried_out(fall_due(eraser, fresh(Deletion(pk=again["id"]))))
    states = [each["state"] for each in operating.get("/deletions").json()["items"]]
    assert states == ["cancelled", "done"]
    shown = operating.get(f"/deletions/{again['id']}").json()
    assert (shown["proof_sha256"], shown["rows"]["identity_organization"]) == (done.proof_sha256, 1)
    proof = operating.get(f"/deletions/{again['id']}/proof")
    assert (proof.json(), "acme-proof-of-deletion.json" in proof["Content-Disposition"]) == (done.proof, True)
    assert token_of(gus).get(f"/deletions/{again['id']}/proof").status_code == 403
    assert operating.get("/deletions/00000000-0000-0000-0000-000000000000").status_code == 404
