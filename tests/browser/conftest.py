"""A real Chromium, where one is installed; `.ci/run` insists on it through ROLLCALL_BROWSER_TESTS."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from identity import sessions
from identity.models import Member
from tests.conftest import SETUP

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Give a browser; skip where there is none, unless it is mandatory."""
    if CHROMIUM is None:
        if os.environ.get("ROLLCALL_BROWSER_TESTS"):
            pytest.fail("ROLLCALL_BROWSER_TESTS asks for Chromium, and none is installed.")
        pytest.skip("no Chromium is installed")
    # Playwright keeps an event loop in this thread, which Django would take for an asynchronous caller.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def complaints_of(page: Page) -> list[str]:
    """Collect what the browser complains of on the page: refused styles and scripts, failed scripts."""
    found: list[str] = []
    page.on(
        "console",
        lambda message: found.append(message.text) if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def signed_in(browser: Browser, server: str, member: Member, **options) -> BrowserContext:
    """Give a browser window in which the member is signed in."""
    _, value = sessions.start(member, actor=SETUP)
    context = browser.new_context(**options)
    context.add_cookies([{"name": "rollcall_session", "value": value, "url": server}])
    return context
