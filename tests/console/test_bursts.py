"""Held departures in the console: who, what either decision would do, and doing it."""

import pytest

from identity import directories, members, tenancy
from identity.models import Member
from scim.models import Burst
from tests.conftest import SETUP, join
from tests.console.conftest import entries, visit
from tests.scim.talk import Scim

DOWN = {"op": "replace", "path": "active", "value": False}


@pytest.fixture
def burst(acme, okta) -> Burst:
    """Give a burst of Okta's: four people deactivated where two may leave, and one more deleted."""
    guard = {"members": 2, "percent": 20, "seconds": 3600}
    directories.change(okta.directory, settings={"burst_guard": guard}, actor=SETUP)
    scim = Scim(okta)
    people = [scim.create(f"p{number}@acme.example")["id"] for number in range(8)]
    for each in people[:4]:
        scim.patch(f"/Users/{each}", DOWN)
    scim.delete(f"/Users/{people[4]}")
    with tenancy.of(acme):
        return Burst.objects.get()


def path(burst: Burst) -> str:
    return f"/o/acme/directories/{burst.directory_id}/held/{burst.pk}/"


def states(acme) -> dict[str, str]:
    with tenancy.of(acme):
        return dict(Member.objects.filter(user_name__startswith="p").values_list("user_name", "state"))


def test_a_banner_stands_on_the_home_page_and_the_directory_until_somebody_decides(acme, ada, burst):
    client = visit(ada)
    pages = (
        "/o/acme/",
        f"/o/acme/directories/{burst.directory_id}/",
        f"/o/acme/directories/{burst.directory_id}/held/",
    )
    for each in pages:
        assert "5 departures through okta are held back." in client.get(each).content.decode(), each
    client.post(f"{path(burst)}decide", {"decision": "roll_back"})
    for each in pages:
        assert "are held back." not in client.get(each).content.decode(), each


def test_the_page_tells_who_since_when_and_what_either_decision_would_do(acme, ada, burst):
    answer = visit(ada).get(path(burst))
    html = answer.content.decode()
    for said in ("5 departures at once", "p0@acme.example", "p4@acme.example", "deletion held"):
        assert said in html
    assert answer.context["roll_back"] == {"come_back": 5}
    assert answer.context["confirm"] == {"stay_out": 4, "offboarded": 1}
    assert list(states(acme).values()).count("suspended") == 5


def test_rolling_back_does_what_the_page_said(acme, ada, burst):
    answer = visit(ada).post(f"{path(burst)}decide", {"decision": "roll_back"}, follow=True)
    assert answer.redirect_chain == [(path(burst), 303)]
    html = answer.content.decode()
    assert "This is rolled back." in html
    assert "See it in the record" in html
    assert set(states(acme).values()) == {"active"}
    (entry,) = entries(acme, "sync.roll_back")
    assert (entry.actor_kind, entry.actor_id) == ("member", str(ada.pk))


def test_confirming_does_what_the_page_said(acme, ada, burst):
    visit(ada).post(f"{path(burst)}decide", {"decision": "confirm"})
    found = states(acme)
    assert found["p4@acme.example"] == "offboarded"
    assert [found[f"p{number}@acme.example"] for number in range(4)] == ["suspended"] * 4


def test_whoever_was_changed_since_is_told_apart_and_left_alone(acme, ada, burst):
    with tenancy.of(acme):
        first = Member.objects.get(user_name="p0@acme.example")
    members.reactivate(first, actor=SETUP)
    assert visit(ada).get(path(burst)).context["roll_back"] == {"come_back": 4, "changed_since": 1}
    visit(ada).post(f"{path(burst)}decide", {"decision": "roll_back"})
    assert "left as they are" in visit(ada).get(path(burst)).context["outcomes"]


def test_a_second_and_other_decision_is_refused(acme, ada, burst):
    client = visit(ada)
    client.post(f"{path(burst)}decide", {"decision": "confirm"})
    answer = client.post(f"{path(burst)}decide", {"decision": "roll_back"})
    assert answer.status_code == 409
    assert b"Somebody has decided otherwise" in answer.content


@pytest.mark.parametrize("said", [{}, {"decision": ""}, {"decision": "perhaps"}])
def test_no_decision_is_no_decision(acme, ada, burst, said):
    assert visit(ada).post(f"{path(burst)}decide", said).status_code == 400
    with tenancy.of(acme):
        assert Burst.objects.get().decision == ""


def test_an_auditor_sees_that_something_is_held_and_decides_nothing(acme, burst):
    client = visit(join(acme, "otto@acme.example", role="auditor"))
    html = client.get(path(burst)).content.decode()
    assert "5 departures at once" in html
    assert "<form" not in html.split("Take it back")[1].split("Who</h2>")[0]
    assert client.post(f"{path(burst)}decide", {"decision": "confirm"}).status_code == 403
