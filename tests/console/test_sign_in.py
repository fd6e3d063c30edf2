"""Coming in with a password: what succeeds, what is refused, what the record keeps, and when the door locks."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from audit.models import Detail
from console import lock_out
from identity import domains, members, organizations, sessions, tenancy
from identity.models import Member
from tests.conftest import ROOT, SETUP, join
from tests.console.conftest import entries, visit
from tests.scim.talk import Scim
from tests.waiting import once

PASSWORD = "correct horse battery"
WRONG = b"Check user name and password."


@pytest.fixture
def opal_with_password(opal) -> Member:
    members.set_password(opal, PASSWORD, actor=SETUP)
    return opal


def sign_in(
    user_name: str, password: str = PASSWORD, organization: str = "", client: Client | None = None, **more
):
    values = {"user_name": user_name, "password": password, "organization": organization}
    return (client or Client()).post("/sign-in", values, **more)


def test_an_operator_signs_in_and_arrives_at_the_organizations(opal_with_password, operators):
    client = Client()
    answer = sign_in("Opal@Rollcall.example", client=client, follow=True)
    assert answer.redirect_chain == [("/", 303), ("/organizations/", 303)]
    assert answer.status_code == 200
    succeeded = entries(operators, "sign_in.succeed")
    assert [(entry.actor_kind, entry.actor_id, entry.source) for entry in succeeded] == [
        ("member", str(opal_with_password.pk), "console")
    ]
    assert len(entries(operators, "session.start")) == 1


def test_the_cookie_is_for_http_alone_and_a_new_one_at_every_sign_in(opal_with_password):
    planted = Client()
    planted.cookies["rollcall_csrf"] = "x" * 32
    # Nor is the token of its forms what it was before.
    assert sign_in("opal@rollcall.example", client=planted).cookies["rollcall_csrf"].value != "x" * 32
    first = sign_in("opal@rollcall.example").cookies["rollcall_session"]
    second = sign_in("opal@rollcall.example").cookies["rollcall_session"]
    assert first["httponly"]
    assert first["samesite"] == "Lax"
    assert first.value != second.value


def test_over_https_the_cookie_can_only_come_from_this_host(opal_with_password, settings):
    """What RFC 6265bis 4.1.3.2 asks of a name with __Host-: Secure, Path=/ and no Domain, also of the one that takes it away."""
    settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE = "__Host-rollcall_session", True
    client = Client()
    begun = sign_in("opal@rollcall.example", client=client).cookies["__Host-rollcall_session"]
    ended = client.post("/sign-out").cookies["__Host-rollcall_session"]
    assert [(each["secure"], each["path"], each["domain"]) for each in (begun, ended)] == [
        (True, "/", "")
    ] * 2
    planted = Client()
    planted.cookies["rollcall_session"] = (
        sign_in("opal@rollcall.example").cookies["__Host-rollcall_session"].value
    )
    assert planted.get("/me").status_code == 302


@pytest.mark.parametrize(
    ("user_name", "reason"),
    [
        ("opal@rollcall.example", "wrong_password"),
        ("nobody@rollcall.example", "unknown_person"),
        ("jane@acme.example", "no_password"),
    ],
)
def test_a_refusal_never_tells_whether_the_person_exists(
    opal_with_password, jane, operators, acme, user_name, reason
):
    answer = sign_in(user_name, "not the password")
    assert answer.status_code == 403
    assert WRONG in answer.content
    body = answer.content.decode().replace(user_name, "…")
    other = sign_in("somebody.else@example.com", "not the password").content.decode()
    assert _without_tokens(body) == _without_tokens(other.replace("somebody.else@example.com", "…"))
    refused = entries(operators, "sign_in.refuse") + entries(acme, "sign_in.refuse")
    assert reason in {entry.reason for entry in refused}
    assert {entry.outcome for entry in refused} == {"refused"}


def _without_tokens(html: str) -> str:
    import re

    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", html)


def test_what_was_typed_for_an_unknown_person_is_not_kept(opal_with_password, operators):
    sign_in("my secret, in the wrong field")
    entry = entries(operators, "sign_in.refuse")[0]
    with tenancy.of(operators):
        body = str(Detail.objects.get(entry_id=entry.pk).body)
    assert "secret" not in body + entry.subject_id


@pytest.mark.parametrize("out", ["suspend", "offboard"])
def test_whoever_is_out_does_not_come_in(opal_with_password, operators, out):
    join(operators, "second@rollcall.example", role="organization_admin")
    getattr(members, out)(opal_with_password, actor=SETUP)
    assert sign_in("opal@rollcall.example").status_code == 403
    assert not entries(operators, "sign_in.succeed")


def test_nobody_of_a_suspended_organization_comes_in(acme, ada):
    members.set_password(ada, PASSWORD, actor=SETUP)
    organizations.suspend(acme, actor=SETUP)
    assert sign_in("ada@acme.example").status_code == 403
    assert [entry.reason for entry in entries(acme, "sign_in.refuse")] == ["organization_suspended"]


def test_a_user_name_of_two_organizations_wants_the_organization(acme, globex, operators):
    here, there = join(acme, "sam@example.com", role="organization_admin"), join(globex, "sam@example.com")
    members.set_password(here, PASSWORD, actor=SETUP)
    members.set_password(there, PASSWORD, actor=SETUP)
    assert sign_in("sam@example.com").status_code == 403
    assert [entry.reason for entry in entries(operators, "sign_in.refuse")] == ["ambiguous_person"]
    answer = sign_in("sam@example.com", organization="acme", follow=True)
    assert answer.redirect_chain[-1][0] == "/o/acme/"


def test_after_five_tries_from_one_address_the_door_is_locked_for_fifteen_minutes(
    opal_with_password, operators
):
    for _ in range(lock_out.PAIR_MAX):
        assert WRONG in sign_in("opal@rollcall.example", "wrong").content
    answer = sign_in("opal@rollcall.example")
    assert b"Too many tries" in answer.content
    assert entries(operators, "sign_in.refuse")[-1].reason == "too_many_tries"
    assert sign_in("opal@rollcall.example", REMOTE_ADDR="198.51.100.7").status_code == 303
    with time_machine.travel(timezone.now() + lock_out.WINDOW + timedelta(seconds=1)):
        assert sign_in("opal@rollcall.example").status_code == 303


def test_of_two_tries_at_somebody_the_second_waits_until_the_first_is_counted(opal_with_password, operators):
    def second():
        try:
            return sign_in("opal@rollcall.example", "wrong").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with tenancy.of(operators):
            lock_out.is_locked(lock_out.at_member(opal_with_password))
            tried = pool.submit(second)
            with connection.cursor() as cursor:

                def waits():
                    cursor.execute(
                        "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
                    )
                    return cursor.fetchone()[0]

                once(waits, tried)
        assert tried.result() == 403


def test_the_lock_says_the_same_of_people_who_do_not_exist(opal_with_password):
    for _ in range(lock_out.PAIR_MAX):
        sign_in("nobody@example.com", "wrong")
    assert b"Too many tries" in sign_in("nobody@example.com", "wrong").content


def test_many_addresses_together_are_locked_out_too(opal_with_password):
    for number in range(lock_out.PERSON_MAX):
        sign_in("opal@rollcall.example", "wrong", REMOTE_ADDR=f"198.51.100.{number}")
    assert b"Too many tries" in sign_in("opal@rollcall.example", REMOTE_ADDR="203.0.113.1").content


def test_one_address_that_tries_many_people_is_locked_out_for_everybody(acme, operators, opal_with_password):
    for number in range(lock_out.ADDRESS_MAX):
        assert WRONG in sign_in(f"nobody{number}@example.com", "wrong").content
    assert b"Too many tries" in sign_in("opal@rollcall.example").content
    assert sign_in("opal@rollcall.example", REMOTE_ADDR="198.51.100.7").status_code == 303


def test_the_limits_are_those_that_the_decision_gives():
    table = (ROOT / "docs/decisions/console-sign-in.md").read_text()
    told = [int(number) for number in re.findall(r"^\| [^|]+ \| (\d+) \|", table, re.MULTILINE)]
    held = [lock_out.PAIR_MAX, lock_out.PERSON_MAX, lock_out.ADDRESS_MAX, lock_out.CODES_MAX]
    assert held == told == [5, 20, 50, 10]


def test_a_refusal_by_the_lock_does_not_prolong_it(opal_with_password):
    for _ in range(lock_out.PAIR_MAX):
        sign_in("opal@rollcall.example", "wrong")
    with time_machine.travel(timezone.now() + lock_out.WINDOW - timedelta(seconds=30)):
        for _ in range(lock_out.PAIR_MAX):
            assert b"Too many tries" in sign_in("opal@rollcall.example").content
    with time_machine.travel(timezone.now() + lock_out.WINDOW + timedelta(seconds=1)):
        assert sign_in("opal@rollcall.example").status_code == 303


def test_signing_in_leads_to_the_page_that_was_wanted_and_never_to_another_site(opal_with_password):
    answer = Client().post(
        "/sign-in", {"user_name": "opal@rollcall.example", "password": PASSWORD, "next": "/me"}
    )
    assert answer["Location"] == "/me"
    for evil in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        answer = Client().post(
            "/sign-in", {"user_name": "opal@rollcall.example", "password": PASSWORD, "next": evil}
        )
        assert answer["Location"] == "/", evil


def test_signing_out_ends_the_session_and_takes_the_cookie(acme, ada):
    client = visit(ada)
    value = client.cookies["rollcall_session"].value
    answer = client.post("/sign-out")
    assert answer["Location"] == "/sign-in"
    assert answer.cookies["rollcall_session"].value == ""
    assert sessions.find(value) is None
    assert len(entries(acme, "session.end")) == len(entries(acme, "sign_out")) == 1


@pytest.mark.parametrize(
    ("query", "filled"),
    [("sso=acme.test", ["acme.test"]), ("organization=acme", ["acme", "acme"]), ('sso="><script>', [])],
)
def test_a_link_fills_the_page_in(db, query, filled):
    page = Client().get(f"/sign-in?{query}").content.decode()
    assert [text for text in re.findall(r'value="([^"]*)"', page) if text.startswith("acme")] == filled
    assert "<script>" not in page


def test_an_address_that_leads_nowhere_waits_in_the_password_form(db):
    page = Client().post("/sign-in/single-sign-on", {"where": "jane@other.example"}).content.decode()
    assert page.count('value="jane@other.example"') == 2


def test_a_form_that_came_after_the_session_is_told_of_and_arrived_at_again(acme, ada, jane):
    client, path = visit(ada), f"/o/acme/members/{jane.pk}/profile"
    client.cookies.pop("rollcall_session")
    answer = client.post(path, {"user_name": "other@acme.example"})
    assert (answer.status_code, answer["Location"]) == (
        302,
        f"/sign-in?next=%2Fo%2Facme%2Fmembers%2F{jane.pk}%2Fprofile&unsaved=1",
    )
    page = client.get(answer["Location"]).content.decode()
    assert "was not done" in page
    assert f'name="next" value="{path}"' in page
    # What can only be posted is no page to arrive at.
    assert client.post("/me/second-factor/remove")["Location"] == "/sign-in?unsaved=1"
    assert "was not done" not in client.get("/sign-in").content.decode()


def test_a_password_follows_what_a_directory_says_of_its_owner(acme, jane, okta):
    """Whom a directory takes over by name keeps it; it opens nothing while they are shut out, and nothing to whom comes after them."""
    domains.confirm(domains.claim(acme, "acme.example", actor=SETUP), actor=SETUP)
    members.set_password(jane, PASSWORD, actor=SETUP)
    idp, path, renamed = Scim(okta), f"/Users/{jane.pk}", "jd@acme.example"
    person = {"externalId": "00u1", "emails": [{"value": jane.email, "primary": True}]}
    acts = [
        (lambda: idp.post("/Users", person | {"userName": jane.user_name}), jane.user_name, True),
        (lambda: idp.patch(path, {"op": "replace", "path": "userName", "value": renamed}), renamed, True),
        (lambda: idp.patch(path, {"op": "replace", "path": "active", "value": False}), renamed, False),
        (lambda: idp.patch(path, {"op": "replace", "path": "active", "value": True}), renamed, True),
        (lambda: idp.delete(path), renamed, False),
        (lambda: idp.post("/Users", person | {"userName": renamed}), renamed, False),
    ]
    for number, (act, user_name, opens) in enumerate(acts):
        assert act().status < 300
        assert (sign_in(user_name, REMOTE_ADDR=f"192.0.2.{number}").status_code == 303) == opens, number
