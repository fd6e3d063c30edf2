"""The whole way of a leaver, in a browser with JavaScript switched off."""

import re

import pytest
from playwright.sync_api import expect

from identity import exits, grants, members, resources, tenancy
from identity.grants import GrantSpec
from identity.models import Member
from tests.browser.conftest import complaints_of, signed_in
from tests.conftest import SETUP, join

pytestmark = pytest.mark.browser


def test_an_administrator_signs_in_offboards_and_reinstates_a_member(
    chromium, server, acme, ada, jane, operators
):
    members.set_password(ada, "correct horse battery", actor=SETUP)
    resources.register(acme, [{"kind": "portfolio", "id": "P-1", "name": "Nordic"}], actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "P-1", "edit")], actor=SETUP)
    page = chromium.new_context(java_script_enabled=False).new_page()
    complaints = complaints_of(page)

    page.goto(f"{server}/o/acme/members/")
    page.get_by_label("User name").fill("ada@acme.example")
    page.get_by_label("Password").fill("wrong horse")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page).to_have_url(f"{server}/o/acme/members/")
    page.get_by_role("searchbox").fill("jones")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Jane Jones").click()
    page.get_by_role("link", name="Offboard").click()
    expect(page.get_by_text("1 grant", exact=True)).to_be_visible()
    expect(page.get_by_text("Nordic")).to_be_visible()
    page.get_by_label("Reason").fill("left the company")
    page.get_by_role("button", name="Offboard now").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Jane Jones is out")
    expect(page.get_by_text("left the company", exact=True)).to_be_visible()
    with tenancy.of(acme):
        assert set(exits.preview(jane).values()) == {0}
    page.get_by_role("link", name="See it in the record").click()
    expect(page.get_by_role("link", name="Member offboarded")).to_be_visible()
    page.get_by_role("link", name="Member offboarded").click()
    expect(page.get_by_role("cell", name="offboarded")).to_be_visible()

    page.goto(f"{server}/o/acme/members/{jane.pk}/")
    page.get_by_role("link", name="Reinstate").click()
    page.get_by_label("With their former access").check()
    page.get_by_role("button", name="Reinstate").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Jane Jones.*Active", re.DOTALL))
    expect(page.get_by_role("row", name=re.compile("Nordic.*edit"))).to_be_visible()
    with tenancy.of(acme):
        assert Member.objects.get(pk=jane.pk).state == "active"
    # The browser notes the refused sign-in's status, and nothing else.
    assert [complaint for complaint in complaints if "403" not in complaint] == []


def test_a_token_can_be_copied_by_hand_and_the_menu_opens_on_a_small_screen(chromium, server, acme, ada):
    members.set_password(ada, "correct horse battery", actor=SETUP)
    page = chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{server}/sign-in")
    page.get_by_label("User name").fill("ada@acme.example")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_text("Menu").click()
    page.get_by_role("navigation", name="Menu").get_by_role("link", name="Directories").click()
    page.get_by_role("link", name="Add directory").first.click()
    page.get_by_label("Name").fill("Okta")
    page.get_by_role("button", name="Add directory").click()
    page.get_by_role("button", name="Issue token").click()
    secret = page.get_by_label("Token")
    expect(secret).to_have_value(re.compile("^rcd_"))
    expect(secret).to_be_editable(editable=False)
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)


def test_a_very_long_name_is_broken_and_pushes_no_page_sideways(chromium, server, acme, ada):
    long = join(acme, "y" * 500)
    phone = {"width": 390, "height": 844}
    page = signed_in(chromium, server, ada, java_script_enabled=False, viewport=phone).new_page()
    page.goto(f"{server}/o/acme/members/{long.pk}/offboard")
    page.get_by_role("button", name="Offboard now").click()
    told = page.locator(".rc-alert > div")
    expect(told).to_contain_text("is offboarded")
    drawn = told.bounding_box()
    assert drawn is not None
    assert drawn["x"] + drawn["width"] <= phone["width"]
