"""What the browser tests share: somebody signed in, and what the browser complains of."""

from playwright.sync_api import Browser, BrowserContext, Page

from identity import sessions
from identity.models import Member
from tests.conftest import SETUP


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
