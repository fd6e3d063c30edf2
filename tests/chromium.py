"""A real Chromium, where one is installed; `.ci/run` insists on it through ROLLCALL_BROWSER_TESTS. One for all tests of a process."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.waiting import PATIENCE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
MILLISECONDS = PATIENCE * 1000


@pytest.fixture(scope="session")
def launched() -> Iterator[Browser]:
    """Start a browser; skip where there is none, unless it is mandatory."""
    if CHROMIUM is None:
        if os.environ.get("ROLLCALL_BROWSER_TESTS"):
            pytest.fail("ROLLCALL_BROWSER_TESTS asks for Chromium, and none is installed.")
        pytest.skip("no Chromium is installed")
    # Playwright keeps an event loop in this thread, which Django would take for an asynchronous caller.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=MILLISECONDS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def chromium(launched, monkeypatch) -> Iterator[Browser]:
    """Give the browser, and close its windows after the test: a page that asks for news goes on asking."""
    new_context = launched.new_context

    def patient(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(MILLISECONDS)
        return context

    monkeypatch.setattr(launched, "new_context", patient)
    yield launched
    for context in launched.contexts:
        context.close()
