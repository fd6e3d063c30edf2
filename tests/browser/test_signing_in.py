"""Second factors without scripts, and the end of a session with them, in a real browser under the policy of the pages."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from identity import members, organizations, sessions, tenancy
from identity.models import Session
from tests.authenticator import code_of
from tests.browser.conftest import complaints_of
from tests.conftest import SETUP

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"


def test_a_second_factor_is_set_up_at_the_door_and_asked_for_without_scripts(chromium, server, acme, ada):
    members.set_password(ada, PASSWORD, actor=SETUP)
    organizations.change(acme, second_factor="passwords", actor=SETUP)
    page = chromium.new_context(java_script_enabled=False).new_page()
    complaints = complaints_of(page)
    page.goto(f"{server}/o/acme/members/")
    page.get_by_label("User name").fill("ada@acme.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Set up a second factor")
    drawn = page.locator("svg.rc-qr").bounding_box()
    assert drawn is not None
    assert drawn["width"] > 150, "large enough for a camera"
    page.get_by_text("I cannot scan it").click()
    secret = page.locator(".rc-key-text").inner_text()
    page.get_by_label("Code that the app shows").fill(code_of(secret))
    page.get_by_role("button", name="Set it up and sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your recovery codes")
    code = page.locator(".rc-codes code").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    expect(page).to_have_url(f"{server}/o/acme/members/")

    page.get_by_role("button", name="Sign out").first.click()
    page.get_by_label("User name").fill("ada@acme.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("This code is not right")).to_be_visible()
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{server}/me/second-factor")
    expect(page.get_by_text(re.compile("9 recovery codes left"))).to_be_visible()
    page.goto(f"{server}/me")
    assert [said for said in complaints if "403" not in said] == []


def test_the_banner_comes_by_itself_and_extends_without_leaving_the_page(chromium, server, acme, ada):
    context = chromium.new_context()
    _, value = sessions.start(ada, actor=SETUP)
    context.add_cookies([{"name": "rollcall_session", "value": value, "url": server}])
    page = context.new_page()
    complaints = complaints_of(page)
    page.clock.install()
    page.goto(f"{server}/o/acme/members/new")
    banner = page.locator("#session-banner")
    expect(banner).to_be_hidden()
    page.get_by_label("User name").fill("half written")
    # A page that stands open for a day.
    page.clock.fast_forward(timedelta(hours=23, minutes=46).total_seconds() * 1000)
    expect(banner).to_be_visible()
    page.clock.resume()
    before = context.cookies()
    with page.expect_response("**/api/v1/me/session") as answered:
        banner.get_by_role("button", name="Extend it").click()
    assert answered.value.status == 200
    expect(page.get_by_label("User name")).to_have_value("half written")
    assert context.cookies() != before
    with tenancy.of(acme):
        assert Session.objects.filter(member=ada, digest=sessions._digest(_cookie(context))).exists()
    assert complaints == []


def _cookie(context) -> str:
    return next(each["value"] for each in context.cookies() if each["name"] == "rollcall_session")


def test_a_session_at_its_bound_says_so_on_the_page(chromium, server, acme, ada):
    context = chromium.new_context()
    _, value = sessions.start(ada, actor=SETUP, not_after=timezone.now() + timedelta(minutes=10))
    context.add_cookies([{"name": "rollcall_session", "value": value, "url": server}])
    page = context.new_page()
    page.goto(f"{server}/me")
    banner = page.locator("#session-banner")
    expect(banner).to_be_visible()
    banner.get_by_role("button", name="Extend it").click()
    expect(banner).to_contain_text("cannot last longer")


def test_without_scripts_the_banner_extends_by_a_form(chromium, server, acme, ada):
    context = chromium.new_context(java_script_enabled=False)
    session, value = sessions.start(ada, actor=SETUP)
    context.add_cookies([{"name": "rollcall_session", "value": value, "url": server}])
    page = context.new_page()
    page.goto(f"{server}/me/session?next=/me")
    page.get_by_role("button", name="Extend the session").click()
    expect(page).to_have_url(f"{server}/me")
    expect(page.get_by_role("status").first).to_contain_text("Your session is extended")
    assert sessions.find(value) is None
    assert sessions.find(_cookie(context)).pk == session.pk
