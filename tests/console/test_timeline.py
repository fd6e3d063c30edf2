"""A person's timeline: what one cause did stands together, and leads to it."""

from identity import members, sessions, tenancy, tokens
from identity.models import Member
from tests.conftest import SETUP, join
from tests.console.conftest import logged, visit
from tests.saml.door import Browser, connect, prove
from tests.scim.talk import Scim

DOWN = {"op": "replace", "path": "active", "value": False}


def member_of(acme, member_id: str) -> Member:
    with tenancy.of(acme):
        return Member.objects.get(pk=member_id)


def told(client, member) -> list[tuple[str, list[str]]]:
    """Give (cause, events) of each moment, the latest first."""
    answer = client.get(f"/o/acme/members/{member.pk}/timeline")
    assert answer.status_code == 200
    return [
        (moment.cause, sorted(line.event for line in moment.lines)) for moment in answer.context["moments"]
    ]


def test_a_scim_request_stands_above_what_it_did_with_sessions_and_tokens(acme, ada, okta):
    scim = Scim(okta)
    lena = member_of(acme, scim.create("lena@acme.example")["id"])
    sessions.start(lena, actor=SETUP)
    tokens.issue(lena, actor=SETUP, name="Script")
    scim.patch(f"/Users/{lena.pk}", DOWN)
    client = visit(ada)
    found = told(client, lena)
    assert found[0] == (f"okta: PATCH /Users/{lena.pk}", ["member.suspend", "session.end", "token.revoke"])
    assert found[-1][0] == "okta: POST /Users"
    assert "member.create" in found[-1][1]
    html = client.get(f"/o/acme/members/{lena.pk}/timeline").content.decode()
    assert f'href="/o/acme/directories/{okta.directory.pk}/requests/{logged(acme)[-1].pk}/"' in html


def test_a_sign_in_stands_above_the_member_and_session_that_it_made(acme, ada):
    prove(acme, "acme.example")
    assert Browser(connect(acme)).sign_in().status_code == 303
    with tenancy.of(acme):
        member = Member.objects.exclude(pk=ada.pk).get()
    cause, events = told(visit(ada), member)[0]
    assert cause.startswith("Sign-in through ")
    assert {"session.start", "sign_in.succeed", "member.create"} <= set(events)


def test_an_act_in_the_console_names_whose_hand_it_was(acme, ada, jane):
    client = visit(ada)
    client.post(f"/o/acme/members/{jane.pk}/suspend", {"reason": "leave"})
    assert told(client, jane)[0] == ("ada@acme.example in the console", ["member.suspend"])


def test_nothing_of_anybody_else_is_told(acme, ada, jane):
    kim = join(acme, "kim@acme.example")
    members.suspend(kim, actor=SETUP)
    assert "member.suspend" not in {event for _, events in told(visit(ada), jane) for event in events}


def test_the_timeline_turns_its_pages(acme, ada, jane, monkeypatch):
    monkeypatch.setattr("console.timeline.PAGE_ROWS", 2)
    monkeypatch.setattr("console.paging.PAGE_ROWS", 2)
    for number in range(3):
        members.change(jane, profile={"title": f"T{number}"}, actor=SETUP)
    client, seen, query = visit(ada), [], ""
    while True:
        shown = client.get(f"/o/acme/members/{jane.pk}/timeline?{query}").context["page"]
        seen += [line.event for line in shown.rows]
        query = shown.following
        if not query:
            break
    assert seen == ["member.change"] * 3 + ["member.create"]


def test_whoever_sees_no_requests_is_led_to_none(acme, okta):
    lena = member_of(acme, Scim(okta).create("lena@acme.example")["id"])
    client = visit(join(acme, "mia@acme.example", role="member_manager"))
    html = client.get(f"/o/acme/members/{lena.pk}/timeline").content.decode()
    assert "POST /Users" in html
    assert "/requests/" not in html
    assert "/record/" not in html
