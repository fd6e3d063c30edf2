"""Invitations through the API: a list in, each address answered; sent, sent again, taken back."""

import pytest

from identity import domains, resources
from tasks.jobs import mail as job
from tests.api.client import token_of
from tests.conftest import SETUP, join

PATH = "/organizations/acme/invitations"
GRANT = {"kind": "portfolio", "id": "p1", "permission": "view"}


def test_a_csv_invites_its_column_of_addresses(acme, ada):
    answer = token_of(ada).post(
        "/organizations/acme/invitations", {"text": "user_name,email\nx,c@new.example\ny,d@new.example"}
    )
    assert [(item["email"], item["refusal"]) for item in answer.json()["items"]] == [
        ("c@new.example", ""), ("d@new.example", ""),
    ]  # fmt: skip


def test_a_pasted_list_is_invited_with_its_access(acme, ada):
    resources.register(acme, [{"kind": "portfolio", "id": "p1"}], actor=SETUP)
    api = token_of(ada)
    body = {
        "text": "New <new@acme.example>, nonsense\nada@acme.example",
        "roles": ["auditor"],
        "grants": [GRANT],
    }
    answer = api.post(PATH, body)
    assert answer.status_code == 200
    assert [(item["email"], item["refusal"]) for item in answer.json()["items"]] == [
        ("new@acme.example", ""),
        ("nonsense", "invalid"),
        ("ada@acme.example", "already_member"),
    ]
    made = answer.json()["items"][0]["invitation"]
    assert (made["roles"], made["grants"], made["accepted_at"]) == (["auditor"], [GRANT], None)
    assert api.get(f"{PATH}/{made['id']}").json() == made
    assert [item["id"] for item in api.get(PATH).json()["items"]] == [made["id"]]
    job.outgoing()
    assert api.post(f"{PATH}/{made['id']}/resend", {}).status_code == 200
    assert [item["state"] for item in api.get("/organizations/acme/mails").json()["items"]] == [
        "sent",
        "waiting",
    ]
    assert api.delete(f"{PATH}/{made['id']}").status_code == 204
    assert api.get(f"{PATH}/{made['id']}").json()["withdrawn_at"]
    assert api.post(f"{PATH}/{made['id']}/resend", {}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"emails": [], "text": ""},
        {"emails": ["a@b.example"], "expires_at": "2020-01-01T00:00:00Z"},
        {"emails": "a"},
    ],
)
def test_a_wrong_list_is_refused(ada, body):
    assert token_of(ada).post(PATH, body).status_code == 400


def test_nobody_invites_somebody_stronger(acme, ada):
    mona = token_of(join(acme, "mona@acme.example", role="member_manager"))
    assert mona.post(PATH, {"emails": ["a@acme.example"], "roles": ["organization_admin"]}).status_code == 403
    assert (
        token_of(ada, "members.write").post(PATH, {"emails": ["a@acme.example"], "roles": []}).status_code
        == 403
    )
    assert mona.post(PATH, {"emails": ["a@acme.example"]}).status_code == 200


def test_strangers_and_those_without_the_right_are_refused(ada, gus):
    made = token_of(ada).post(PATH, {"emails": ["a@acme.example"]}).json()["items"][0]["invitation"]["id"]
    calls = (
        lambda api: api.get(PATH),
        lambda api: api.post(PATH, {"emails": ["b@acme.example"]}),
        lambda api: api.get(f"{PATH}/{made}"),
        lambda api: api.delete(f"{PATH}/{made}"),
        lambda api: api.post(f"{PATH}/{made}/resend", {}),
        lambda api: api.get("/organizations/acme/mails"),
    )
    for call in calls:
        assert call(token_of(gus)).status_code == 404
        assert call(token_of(ada, "record.read")).status_code == 403
    assert token_of(gus).get(f"/organizations/globex/invitations/{made}").status_code == 404


def test_a_proved_domain_becomes_canonical(acme, ada, gus):
    domain = domains.claim(acme, "acme.example", actor=SETUP)
    path = f"/organizations/acme/domains/{domain.pk}"
    api = token_of(ada)
    assert api.patch(path, {"canonical": True}).json()["field"] == "canonical"
    domains.confirm(domain, actor=SETUP)
    assert api.patch(path, {"canonical": True}).json()["canonical"] is True
    assert token_of(gus).patch(path, {"canonical": False}).status_code == 404
    assert token_of(ada, "members.write").patch(path, {"canonical": False}).status_code == 403
