"""Of somebody of whom much is kept, the names go at once and the rest by turns; what is left in the end is the same."""

import pytest

from audit.models import Detail, Entry
from identity import erasure, forgetting, members, organizations, secrets, sessions, tenancy
from identity.errors import Offboarded
from identity.models import Erasure, Member, Session
from tasks.jobs import leavers as job
from tests.api.client import recorded, token_of
from tests.conftest import SETUP, join, later
from tests.identity.test_erasure import everything, lived  # noqa: F401 - a fixture


@pytest.fixture
def much(lived, monkeypatch):  # noqa: F811 - the fixture
    """Let what is kept of jane be more than a turn forgets."""
    monkeypatch.setattr(erasure, "ROOM", 3)
    monkeypatch.setattr(forgetting, "_THINGS", 2)
    return lived


def left(organization):
    with tenancy.of(organization):
        return list(Erasure.objects.values_list("pk", flat=True))


def test_the_names_go_at_once_and_the_rest_by_turns(acme, much, eraser):
    told = erasure.erase(much, actor=SETUP, reason="on request")
    assert (told.details, told.already, told.finished) == (3, False, False)
    with tenancy.of(acme):
        gone = Member.objects.get(pk=much.pk)
    assert (gone.display_name, gone.email, gone.profile) == ("Erased person", "", {})
    assert "jane" in everything(eraser)["audit_detail"]
    assert job.erasures() == 1
    assert [name for name, text in everything(eraser).items() if "jane" in text] == []
    assert left(acme) == []
    assert job.erasures() == 0


def test_turns_leave_what_one_transaction_leaves(acme, much, monkeypatch):
    with tenancy.of(acme):
        about = Entry.objects.count()
        kept = Detail.objects.count()
    erasure.erase(much, actor=SETUP)
    job.erasures()
    first, *turns = [entry for entry in recorded(acme) if entry["event"] in {"member.erase", "member.forget"}]
    assert first["data"] == {"reason": "", "details": 3, "finished": False}
    assert first["subject"]["label"] == f"erased-{much.pk}"
    assert [entry["data"]["finished"] for entry in turns] == [False] * (len(turns) - 1) + [True]
    with tenancy.of(acme):
        assert Entry.objects.count() == about + 1 + len(turns)
        assert kept - (Detail.objects.count() - 1 - len(turns)) == turns[-1]["data"]["details"]


def test_somebody_in_between_is_told_and_nobody_comes_back(acme, ada, much):
    path = f"/organizations/acme/members/{much.pk}/erase"
    caller = token_of(ada)
    assert caller.post(path, {}).json() == {
        "member_id": str(much.pk), "details": 3, "already": False, "finished": False,
    }  # fmt: skip
    assert caller.post(path, {}).json() == {
        "member_id": str(much.pk), "details": 3, "already": True, "finished": False,
    }  # fmt: skip
    with pytest.raises(Offboarded):
        members.reinstate(much, with_access=True, actor=SETUP)
    job.erasures()
    assert caller.post(path, {}).json()["finished"] is True


def test_somebody_new_under_the_name_is_not_forgotten_with_who_left(acme, much):
    erasure.erase(much, actor=SETUP)
    new = join(acme, "jane.smith@acme.example")
    sessions.start(new, actor=SETUP)
    job.erasures()
    with tenancy.of(acme):
        assert Member.objects.get(pk=new.pk).user_name == "jane.smith@acme.example"
        entry = Entry.objects.get(event="member.create", subject_id=str(new.pk))
        assert Detail.objects.get(pk=entry.pk).body["subject"] == "jane.smith@acme.example"
        assert Session.objects.filter(member=new).count() == 1


def test_the_names_wait_sealed(acme, much, eraser):
    erasure.erase(much, actor=SETUP)
    assert "jane" not in everything(eraser)["identity_erasure"]
    with tenancy.of(acme), pytest.raises(secrets.UnsealError):
        row = Erasure.objects.get()
        secrets.open_(acme.pk, "identity_erasure:another:names_sealed", bytes(row.names_sealed))


def test_an_erasure_by_retention_goes_on_in_turns_too(acme, much, eraser):
    organizations.change(acme, retention_days=1, actor=SETUP)
    with later(days=2):
        assert job.retention_ends() == 1
        assert len(left(acme)) == 1
        assert job.retention_ends() == 0
        assert job.erasures() == 1
    assert [name for name, text in everything(eraser).items() if "jane" in text] == []
