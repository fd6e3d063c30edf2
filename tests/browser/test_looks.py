"""What only a browser can see: words that stay in their boxes, and links that are told from the words around them without their colour."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import expect

from tests.browser.conftest import signed_in
from tests.console.addresses import address
from tests.console.conftest import furnish

# Whoever is drawn beyond the box that it belongs to.
BEYOND = """
boxes => boxes.flatMap(box => [...box.querySelectorAll('*')].filter(
  part => part.getBoundingClientRect().right > box.getBoundingClientRect().right).map(part => part.textContent))
"""


def test_the_numbers_of_the_overview_keep_their_words_inside(chromium, server, ada):
    page = signed_in(chromium, server, ada).new_page()
    page.goto(f"{server}/o/acme/")
    assert page.locator(".rc-stat").count() == 3
    for width in (320, 360, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.locator(".rc-stat").evaluate_all(BEYOND) == [], width


def test_a_link_among_the_words_of_a_receipt_is_underlined(chromium, server, acme, ada):
    things = furnish(acme, "acme")
    page = signed_in(chromium, server, ada).new_page()
    page.goto(server + address("receipt", things))
    lines = page.locator("dd a").evaluate_all(
        "links => links.map(link => getComputedStyle(link).textDecorationLine)"
    )
    assert lines
    assert set(lines) == {"underline"}


def test_on_paper_times_are_written_in_full(chromium, server, acme, ada):
    things = furnish(acme, "acme")
    page = signed_in(chromium, server, ada).new_page()
    page.emulate_media(media="print")
    for path in ("record", "sign_ins", "overview"):
        page.goto(server + address(path, things))
        times = page.locator("main time[title]").evaluate_all(
            "times => times.map(each => [getComputedStyle(each).fontSize, getComputedStyle(each, '::after').content])"
        )
        assert times, path
        for size, printed in times:
            assert size == "0px", path
            assert re.fullmatch(r'"\d+ \w{3} \d{4}, [\d:]{8} UTC"', printed), path


def test_a_list_says_times_in_full_in_the_readers_zone_and_names_it(chromium, server, acme, ada):
    """A mouse alone found the full time behind "2 hours ago", and that in UTC."""
    context = signed_in(chromium, server, ada, timezone_id="Asia/Kolkata")
    page = context.new_page()
    page.goto(f"{server}/o/acme/record/")
    time = page.locator("time[data-zoned]").first
    expect(time).to_contain_text("GMT+5:30")
    moment = datetime.fromisoformat(time.get_attribute("datetime")).astimezone(ZoneInfo("Asia/Kolkata"))
    assert f" {moment:%Y, %H:%M:%S} GMT+5:30" in time.inner_text()


def test_the_field_that_has_the_focus_shows_it_in_forced_colours(chromium, server, db):
    """It was told by a shadow alone, which forced colours take away."""
    page = chromium.new_context(forced_colors="active").new_page()
    page.goto(f"{server}/sign-in")
    page.get_by_label("User name").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
