"""A password link: whoever may do as much makes it, its owner sets a password by it, once."""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError
from django.test import Client

from identity import members, operators, password_links, roles, second_factors, sign_on, tenancy
from identity.models import OutgoingMail
from tests.api.client import token_of
from tests.authenticator import code_of
from tests.command_line import rollcall
from tests.conftest import SETUP, join, later
from tests.console.conftest import entries, visit

PASSWORD = "four unrelated words here"


def made(client, member) -> str:
    """Make a link as an administrator does, and give its path."""
    answer = client.post(f"/o/{member.organization.slug}/members/{member.pk}/password-link")
    assert answer.status_code == 200, answer.content
    return re.search(r'value="https?://[^/]+(/password/[^"]+)"', unescape(answer.content.decode()))[1]


def typed(path: str, password: str = PASSWORD, again: str = ""):
    return Client().post(path, {"password": password, "again": again or password})


def test_the_first_administrator_of_a_customer_gets_in_by_it_before_single_sign_on_works(acme, opal):
    amir = join(acme, "amir@acme.example", role="organization_admin")
    client = visit(opal)
    assert "Make the link" in client.get(f"/o/acme/members/{amir.pk}/").content.decode()
    path = made(client, amir)
    assert "amir@acme.example" in Client().get(path).content.decode()
    assert "Your password is set" in typed(path).content.decode()
    browser = Client()
    assert (
        browser.post("/sign-in", {"user_name": "amir@acme.example", "password": PASSWORD}).status_code == 303
    )
    assert browser.get("/o/acme/connections/new").status_code == 200
    (entry,) = entries(acme, "member.password_link")
    assert (entry.actor_kind, entry.subject_id) == ("operator", str(amir.pk))
    (entry,) = entries(acme, "member.password")
    assert (entry.actor_kind, entry.actor_id) == ("member", str(amir.pk))


def test_its_owner_is_written_to_and_the_letter_holds_no_link(acme, ada, jane):
    path = made(visit(ada), jane)
    with tenancy.of(acme):
        letter = OutgoingMail.objects.get(kind="password_link")
    assert letter.to == "jane@acme.example"
    assert "ada@acme.example made a link" in letter.body
    assert path not in letter.body
    assert "/password/" not in letter.body


def test_nobody_gets_around_their_own_password(acme, ada):
    client, own = visit(ada), f"/o/acme/members/{ada.pk}/password-link"
    assert client.post(own).status_code == 200
    with tenancy.of(acme):
        assert OutgoingMail.objects.get(kind="password_link").to == ada.email
    members.set_password(ada, PASSWORD, actor=SETUP)
    answer = visit(ada).post(own)
    assert (answer.status_code, "by the present one" in answer.content.decode()) == (403, True)


def test_a_link_works_once_and_ends_the_others(ada, jane):
    first, second = made(visit(ada), jane), made(visit(ada), jane)
    assert typed(first).status_code == 200
    for path in (first, second):
        for answer in (Client().get(path), typed(path, "another four words here")):
            assert answer.status_code == 404
            assert "your password was set" in answer.content.decode()
            assert 'href="/sign-in"' in answer.content.decode()


def test_a_form_that_is_sent_twice_says_twice_that_the_password_is_set(ada, jane, monkeypatch):
    """A double click was answered by "This link was used already", as if somebody else had set the password."""
    path = made(visit(ada), jane)
    follow, answers = password_links.follow, []

    def overtaken(link):
        found = follow(link)
        monkeypatch.undo()
        answers.append(typed(path))
        return found

    monkeypatch.setattr(password_links, "follow", overtaken)
    answers += [typed(path), typed(path)]
    assert len(answers) == 3
    assert all("Your password is set" in answer.content.decode() for answer in answers)
    assert len(entries(jane.organization, "member.password")) == 1


def test_of_two_uses_at_once_one_sets_the_password(ada, jane, monkeypatch):
    link = made(visit(ada), jane).rpartition("/")[2]
    follow = password_links.follow

    def overtaken(link):
        found = follow(link)
        monkeypatch.undo()
        password_links.use(link, PASSWORD)
        return found

    monkeypatch.setattr(password_links, "follow", overtaken)
    with pytest.raises(password_links.Used):
        password_links.use(link, "another four words here")
    assert len(entries(jane.organization, "member.password")) == 1


def test_a_used_link_tries_passwords_no_more_often_than_the_door(ada, jane):
    path = made(visit(ada), jane)
    typed(path)
    for number in range(5):
        assert typed(path, f"four unrelated words {number}").status_code == 404
    assert typed(path).status_code == 404
    refused = entries(jane.organization, "sign_in.refuse")
    assert [entry.reason for entry in refused] == ["wrong_password"] * 5 + ["too_many_tries"]


def test_a_link_is_good_for_a_day(ada, jane):
    path = made(visit(ada), jane)
    with later(hours=23):
        assert Client().get(path).status_code == 200
    with later(hours=24, seconds=1):
        assert typed(path).status_code == 404
    assert entries(jane.organization, "member.password") == []


def test_whoever_is_shut_out_sets_no_password_then_or_when_they_are_back(ada, jane):
    path = made(visit(ada), jane)
    members.suspend(jane, actor=SETUP)
    assert typed(path).status_code == 404
    members.reactivate(jane, actor=SETUP)
    assert typed(path).status_code == 404
    assert Client().get(made(visit(ada), jane)).status_code == 200


def test_nobody_makes_one_for_somebody_who_is_out(ada, jane):
    members.suspend(jane, actor=SETUP)
    client = visit(ada)
    assert "Make the link" not in client.get(f"/o/acme/members/{jane.pk}/").content.decode()
    answer = client.post(f"/o/acme/members/{jane.pk}/password-link")
    assert answer.status_code == 403
    assert "active" in answer.content.decode()


def test_nobody_makes_one_for_somebody_who_may_do_more(acme, ada):
    manager = join(acme, "mia@acme.example", role="member_manager")
    answer = visit(manager).post(f"/o/acme/members/{ada.pk}/password-link")
    assert answer.status_code == 403
    assert "may do more than you" in answer.content.decode()
    assert entries(acme, "member.password_link") == []


def test_only_operators_make_one_for_an_operator(opal):
    """A role of one's own with every capability is not the one that runs the server."""
    roles.define(opal.organization, name="everything", capabilities=list(roles.CAPABILITIES), actor=SETUP)
    near = join(opal.organization, "near@operators.example", role="everything")
    assert not operators.is_operator(near)
    path = f"/o/operators/members/{opal.pk}/password-link"
    assert visit(near).post(path).status_code == 403
    assert visit(opal).post(path).status_code == 200


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("short", "", "at least 15 characters"),
        (PASSWORD, "five unrelated words here", "two different passwords"),
    ],
)
def test_what_may_be_no_password_is_refused_beside_its_field_and_the_link_goes_on(
    ada, jane, password, again, says
):
    path = made(visit(ada), jane)
    html = unescape(typed(path, password, again).content.decode())
    assert says in html[html.index("_error") :]
    assert "alert" not in html
    assert Client().get(path).status_code == 200
    assert "Your password is set" in typed(path).content.decode()


@pytest.mark.parametrize("link", ["x", "W10:abc:def", "%00", "a" * 5000])
def test_what_is_no_link_is_told_so(db, link):
    answer = Client().get(f"/password/{link}")
    assert answer.status_code == 404
    assert "This link does not work" in answer.content.decode()


def test_a_changed_link_sets_nobody_s_password(ada, jane):
    path = made(visit(ada), jane)
    body, _, signature = path.rpartition(":")
    assert typed(f"{body}:{signature[::-1]}").status_code == 404
    assert password_links.follow(path.rpartition("/")[2]) == jane


def test_the_api_makes_one_as_the_console_does(acme, ada, jane):
    api = token_of(ada)
    answer = api.post(f"/organizations/acme/members/{jane.pk}/password-link")
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    path = urlsplit(answer.json()["url"]).path
    assert "Your password is set" in typed(path).content.decode()
    (entry,) = entries(acme, "member.password_link")
    assert (entry.actor_kind, entry.subject_id) == ("token", str(jane.pk))
    mia = token_of(join(acme, "mia@acme.example", role="member_manager"))
    members.suspend(jane, actor=SETUP)
    for caller, member, status in (
        (mia, ada, 403),
        (token_of(ada, "members.write"), ada, 403),
        (api, jane, 400),
    ):
        assert caller.post(f"/organizations/acme/members/{member.pk}/password-link").status_code == status


def test_a_lone_operator_comes_back_by_the_command_line(opal, ada):
    offer = second_factors.offer(opal, "Rollcall")
    second_factors.enrol(opal, offer.sealed, code_of(offer.secret), actor=SETUP)
    code, told = rollcall("password-link", "operators", opal.email, "--reset-second-factor")
    assert (code, "second factor is removed" in told) == (0, True)
    path = urlsplit(told.splitlines()[-1]).path
    assert "Your password is set" in typed(path).content.decode()
    answer = Client().post("/sign-in", {"user_name": opal.user_name, "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (303, "/")
    (entry,) = entries(opal.organization, "member.password_link")
    assert (entry.actor_kind, entry.source) == ("operator", "command_line")
    with pytest.raises(CommandError, match="nobody: unknown"):
        rollcall("password-link", "operators", "nobody")


def test_where_a_password_opens_nothing_it_is_said(acme, ada, jane):
    members.set_password(ada, PASSWORD, actor=SETUP)
    sign_on.change(acme, sign_on="single_sign_on", break_glass_id=ada.pk, actor=SETUP)
    for member, is_said in ((jane, True), (ada, False)):
        page = visit(ada).post(f"/o/acme/members/{member.pk}/password-link").content.decode()
        told = rollcall("password-link", "acme", member.email)[1]
        assert ["by single sign-on alone" in text for text in (page, told)] == [is_said] * 2
