"""What only a browser can see: words that stay in their boxes, and links that are told from the words around them without their colour."""

import pytest

from tests.browser.conftest import signed_in
from tests.console.addresses import address
from tests.console.conftest import furnish

# Whoever is drawn beyond the box that it belongs to.
BEYOND = """
boxes => boxes.flatMap(box => [...box.querySelectorAll('*')].filter(
  part => part.getBoundingClientRect().right > box.getBoundingClientRect().right).map(part => part.textContent))
"""


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_the_numbers_of_the_overview_keep_their_words_inside(chromium, server, ada, width):
    page = signed_in(chromium, server, ada, viewport={"width": width, "height": 740}).new_page()
    page.goto(f"{server}/o/acme/")
    assert page.locator(".rc-stat").count() == 3
    assert page.locator(".rc-stat").evaluate_all(BEYOND) == []


def test_a_link_among_the_words_of_a_receipt_is_underlined(chromium, server, acme, ada):
    things = furnish(acme, "acme")
    page = signed_in(chromium, server, ada).new_page()
    page.goto(server + address("receipt", things))
    lines = page.locator("dd a").evaluate_all(
        "links => links.map(link => getComputedStyle(link).textDecorationLine)"
    )
    assert lines
    assert set(lines) == {"underline"}
