"""A directory's day in a browser: without scripts a burst is rolled back and a token rotated; with them, a line stays fresh."""

import re

import pytest
from playwright.sync_api import expect

from identity import directories, tenancy
from identity.models import Member
from tests.browser.conftest import complaints_of, signed_in
from tests.conftest import SETUP
from tests.scim.talk import Scim

pytestmark = pytest.mark.browser

DOWN = {"op": "replace", "path": "active", "value": False}


def test_without_scripts_a_burst_is_understood_and_rolled_back(chromium, server, acme, ada, okta):
    guard = {"members": 2, "percent": 20, "seconds": 3600}
    directories.change(okta.directory, settings={"burst_guard": guard}, actor=SETUP)
    scim = Scim(okta)
    people = [
        scim.create(f"p{number}@acme.example", displayName=f"Person {number}")["id"] for number in range(4)
    ]
    for each in people[:3]:
        scim.patch(f"/Users/{each}", DOWN)
    page = signed_in(chromium, server, ada, java_script_enabled=False).new_page()
    complaints = complaints_of(page)
    page.goto(f"{server}/o/acme/")
    page.get_by_role("link", name="Look and decide").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("3 departures at once")
    expect(page.get_by_text("3 come back with all that they had")).to_be_visible()

    page.get_by_role("navigation", name="Pages of the directory").get_by_role("link", name="Requests").click()
    page.get_by_label("Method").select_option("PATCH")
    page.get_by_label("Person or group").fill("p0@acme.example")
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page.get_by_text("As it came")).to_be_visible()
    expect(page.get_by_role("link", name="Member suspended")).to_be_visible()

    page.go_back()
    page.get_by_role("link", name="Held back").click()
    page.get_by_role("link", name="Look and decide").click()
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("status")).to_contain_text("This is rolled back.")
    with tenancy.of(acme):
        assert set(Member.objects.filter(pk__in=people).values_list("state", flat=True)) == {"active"}
    assert complaints == []


def test_without_scripts_a_token_is_rotated(chromium, server, acme, ada, okta):
    page = signed_in(chromium, server, ada, java_script_enabled=False).new_page()
    page.goto(f"{server}/o/acme/directories/{okta.directory.pk}/")
    page.get_by_text("Rotate", exact=True).click()
    page.get_by_role("button", name="Rotate now").click()
    expect(page.get_by_label("Token", exact=True)).to_have_value(re.compile("^rcd_"))
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text("Rotate", exact=True)).to_have_count(2)


def test_with_scripts_what_the_directory_says_shows_without_a_reload(chromium, server, acme, ada, okta):
    page = signed_in(chromium, server, ada).new_page()
    complaints = complaints_of(page)
    page.goto(f"{server}/o/acme/directories/{okta.directory.pk}/")
    line = page.locator("[data-live]")
    expect(line).to_contain_text("Nothing heard yet")
    Scim(okta).get('/Users?filter=userName eq "jane@acme.example"')
    expect(line).to_contain_text('GET /Users?filter=userName eq "jane@acme.example"')
    assert complaints == []
