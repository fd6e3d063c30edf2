"""A directory whose deletions suspend: who is deleted is out, and comes back as who they were."""

import pytest

from identity import deadlines, directories, grants, resources, tenancy, tokens
from identity.grants import GrantSpec
from identity.models import Directory, Member
from scim import bursts
from scim.models import Burst
from tests.conftest import SETUP, again, later, scim_client
from tests.scim.talk import Scim, entries

MEI = {"userName": "mei@example.org", "externalId": "1"}

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def keeps(acme) -> Scim:
    """Give a directory that deletes whoever loses the application, and is told that this only suspends."""
    client = scim_client(acme, "authentik")
    directories.change(client.directory, settings={"deletes_suspend": True}, actor=SETUP)
    return Scim(client)


@pytest.fixture
def mei(acme, keeps) -> Member:
    """Give somebody of it, who is no try: somebody came later."""
    made = keeps.create("mei@example.org", externalId="1")
    keeps.create("bo@example.org", externalId="2")
    with tenancy.of(acme):
        return Member.objects.get(pk=made["id"])


def test_whoever_is_deleted_is_out_and_comes_back_as_who_they_were(acme, keeps, mei):
    group = keeps.post("/Groups", {"displayName": "Traders", "members": [{"value": str(mei.pk)}]}).body
    resources.register(acme, [{"kind": "portfolio", "id": "acme-1"}], actor=SETUP)
    grants.replace(mei, [GrantSpec("portfolio", "acme-1", "view")], actor=SETUP)
    _, secret = tokens.issue(mei, scopes=["members.read"], actor=SETUP)
    assert keeps.delete(f"/Users/{mei.pk}").status == 204
    assert again(mei).state == "suspended"
    assert tokens.find(secret).refusal == "revoked"
    seen = keeps.get(f"/Users/{mei.pk}")
    assert (seen.status, seen.body["active"]) == (200, False)
    answer = keeps.post("/Users", MEI)
    assert (answer.status, answer.body["id"], answer.body["active"]) == (201, str(mei.pk), True)
    assert [each["value"] for each in answer.body["groups"]] == [group["id"]]
    with tenancy.of(acme):
        assert [each.permission for each in mei.grants.filter(ended_at__isnull=True)] == ["view"]
    told = [each.event for each in entries(acme, subject_id=str(mei.pk))]
    assert told[-2:] == ["member.suspend", "member.reactivate"]


def test_who_is_out_already_is_deleted_without_a_word_in_the_record(acme, keeps, mei):
    keeps.delete(f"/Users/{mei.pk}")
    before = len(entries(acme))
    assert keeps.delete(f"/Users/{mei.pk}").status == 204
    assert (again(mei).state, len(entries(acme))) == ("suspended", before)


def test_the_end_of_grace_offboards_whoever_did_not_come_back(acme, keeps, mei):
    keeps.delete(f"/Users/{mei.pk}")
    with later(days=31):
        deadlines.offboard_after_grace(acme.pk, [mei.pk], actor=SETUP)
    assert again(mei).state == "offboarded"
    assert keeps.post("/Users", MEI).code == "offboarded"


def test_deletions_that_suspend_are_counted_and_taken_back_like_others(acme, keeps, mei):
    with tenancy.of(acme):
        directory = Directory.objects.get(name="authentik")
    guard = {"members": 0, "percent": 0, "seconds": 3600}
    directories.change(directory, settings={"deletes_suspend": True, "burst_guard": guard}, actor=SETUP)
    keeps.delete(f"/Users/{mei.pk}")
    with tenancy.of(acme):
        burst = Burst.objects.get()
        assert bursts.summary(burst) == {"suspend": 1}
    bursts.decide(burst, Burst.Decision.ROLL_BACK, actor=SETUP)
    assert again(mei).state == "active"


def test_a_try_of_the_connection_leaves_nobody_behind(keeps):
    tried = keeps.create("try@example.org", externalId="t")
    assert keeps.delete(f"/Users/{tried['id']}").status == 204
    assert keeps.get(f"/Users/{tried['id']}").status == 404


def test_other_directories_offboard_whom_they_delete(okta, acme):
    scim = Scim(okta)
    made = scim.create("mei@example.org", externalId="1")
    scim.create("bo@example.org", externalId="2")
    assert scim.delete(f"/Users/{made['id']}").status == 204
    assert scim.get(f"/Users/{made['id']}").status == 404
    assert scim.post("/Users", MEI).body["id"] != made["id"]
