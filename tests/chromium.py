"""A real Chromium, where one is installed; `.ci/run` insists on it through ROLLCALL_BROWSER_TESTS. One for all tests of a process."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

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
