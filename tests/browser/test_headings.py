"""A heading with somebody's name in it is one line of words, also for whoever copies it or has it read out."""

import pytest

from tests.browser.conftest import signed_in

pytestmark = pytest.mark.browser


def test_the_name_in_a_heading_is_one_of_its_words(chromium, server, ada, jane):
    window = signed_in(chromium, server, ada).new_page()
    for page, heading in (("offboard", "Offboard Jane Jones"), ("end", "End date for Jane Jones")):
        window.goto(f"{server}/o/acme/members/{jane.pk}/{page}")
        assert window.locator("h1").inner_text() == heading
