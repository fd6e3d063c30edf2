"""A reviewer without any role decides on a phone, without scripts."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from identity import grants, resources, reviews, tenancy
from identity.grants import GrantSpec
from identity.models import ReviewItem
from identity.review_scope import Scope
from tests.browser.conftest import complaints_of, signed_in
from tests.conftest import SETUP, join

pytestmark = pytest.mark.browser


def test_a_reviewer_finds_and_decides_everything_within_the_width_of_a_phone(chromium, server, acme, jane):
    rita = join(acme, "rita@acme.example")
    resources.register(acme, [{"kind": "portfolio", "id": "P-1", "name": "Nordic"}], actor=SETUP)
    grants.replace(jane, [GrantSpec("portfolio", "P-1", "edit")], actor=SETUP)
    reviews.open_(
        acme, name="Spring", scope=Scope(), reviewers=[rita.pk], due_at=timezone.now() + timedelta(days=9), rule="keep", actor=SETUP,
    )  # fmt: skip
    phone = {"width": 390, "height": 844}
    page = signed_in(chromium, server, rita, java_script_enabled=False, viewport=phone).new_page()
    complaints = complaints_of(page)
    page.goto(f"{server}/me")
    page.get_by_role("link", name="Spring").click()
    asked = page.get_by_role("radiogroup", name="Jane Jones, edit P-1")
    for field in (asked.get_by_label("Remove"), page.get_by_label("Reason, Jane Jones")):
        drawn = field.bounding_box()
        assert drawn is not None
        assert drawn["x"] + drawn["width"] <= phone["width"]
    asked.get_by_label("Remove").check()
    page.get_by_label("Reason, Jane Jones").fill("has another desk")
    page.get_by_role("button", name="Save decisions").click()
    expect(page.get_by_text("1 decision is saved.").first).to_be_visible()
    with tenancy.of(acme):
        (item,) = ReviewItem.objects.all()
    assert (item.decision, item.reason) == ("remove", "has another desk")
    assert complaints == []
