"""A cursor in an address is whatever somebody wrote there: each list answers, with its rows or without."""

import base64
import json
import sys

import pytest

from tests.console.addresses import address, patterns, shown
from tests.console.conftest import visit

ID = "0198a000-0000-7000-8000-000000000000"


def turns_pages(name: str) -> bool:
    """Tell whether the page's module reads a cursor."""
    return name == "record" or hasattr(sys.modules[patterns()[name].callback.__module__], "decode")


def cursor(*parts: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text", ["a\0b", "\ud800", "2026-13-45T00:00:00Z", "2026-01-31T12:00:00", "9999-12-31T23:59:59-12:00", "9" * 400, "٣"]
)  # fmt: skip
def test_no_list_fails_over_a_cursor_that_we_never_wrote(things, opal, text):
    client = visit(opal)
    pages = [address(name, things) for name in shown() if turns_pages(name)]
    assert len(pages) > 20
    for page in pages:
        for parts in ((text,), (text, ID)):
            assert client.get(page, {"after": cursor(*parts)}).status_code in {200, 404}, page
