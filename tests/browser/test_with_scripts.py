"""What a browser with scripts makes of the pages: copy buttons, and no complaint about the policy anywhere."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import complaints_of, signed_in
from tests.console.addresses import address, shown
from tests.console.conftest import furnish

pytestmark = pytest.mark.browser


def test_the_copy_button_copies_the_token(chromium, server, acme, ada):
    furnish(acme, "acme")
    context = signed_in(chromium, server, ada, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(f"{server}/o/acme/directories/")
    page.get_by_role("link", name="Okta").click()
    page.get_by_role("button", name="Issue token").click()
    secret = page.get_by_label("Token").input_value()
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    assert complaints == []


def test_no_page_breaks_the_policy_or_scrolls_sideways_on_a_screen_or_a_phone(chromium, server, acme, opal):
    things = furnish(acme, "acme")
    page = signed_in(chromium, server, opal).new_page()
    complaints = complaints_of(page)
    wide = []
    widths = [1280, 320]  # the latter is also what 400 % leaves of the former (WCAG 1.4.10)
    for name in shown():
        if name == "my_password":
            continue
        # In the width in which the page before stood last: to draw a page anew costs as much as to load it.
        widths.reverse()
        page.goto(server + address(name, things))
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                wide.append((name, width))
    assert wide == []
    assert complaints == []


def test_the_pages_are_dark_where_the_browser_is(chromium, server, acme, ada):
    page = signed_in(chromium, server, ada, color_scheme="dark").new_page()
    page.goto(f"{server}/o/acme/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 18, 23)"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(231, 234, 240)"
    # What the browser draws itself too: the sign of a date field was black on black.
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
