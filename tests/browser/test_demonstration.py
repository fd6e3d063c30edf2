"""A newcomer clicks "Sign in" at the demonstration's identity provider, in a real browser."""

import pytest
from django.test import override_settings

from demo import address
from demo.seed import seed
from tests.browser.conftest import complaints_of
from tests.demo.conftest import start_idp
from tests.ports import free_port
from tests.waiting import PATIENCE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demonstration(serving, shared_db, tmp_path_factory):
    """Give the demonstration's addresses, with its identity provider running: one for people who come once more."""
    data, url, port = (
        tmp_path_factory.mktemp("demonstration"),
        serving.replace("127.0.0.1", "localhost"),
        free_port(),
    )
    # The one after the tests' server is of those that a system gives to any connection, until the identity provider listens.
    address.directory(data).mkdir()
    (address.directory(data) / "port").write_text(str(port))
    with override_settings(ROLLCALL_DATA=data, ROLLCALL_PUBLIC_URL=url):
        seeded = seed()
        assert seeded.identity_provider == address.base(port)
        process = start_idp(port, data, url)
        assert process.stdout.readline()
        yield seeded
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize(
    ("slug", "name", "path"),
    [("meridian", "Maren Holt", "/o/meridian/"), ("harbour-pine", "Sanna Virtanen", "/me")],
)
def test_one_click_signs_somebody_in(chromium, demonstration, slug, name, path, scripts):
    context = chromium.new_context(java_script_enabled=scripts)
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(demonstration.organizations[slug].login_url)
    page.locator("li", has_text=name).locator("form.one").get_by_role("button").click()
    if not scripts:
        page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{demonstration.server}{path}")
    assert name in page.content()
    assert complaints == []
    context.close()


def test_what_is_asserted_can_be_changed_first(chromium, demonstration):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(demonstration.organizations["meridian"].login_url)
    person = page.locator("li", has_text="Yusuf Demir")
    person.get_by_text("Change what is asserted first").click()
    person.get_by_label("roles").fill("organization_admin")
    person.get_by_label("Encrypted").check()
    person.locator("details").get_by_role("button").click()
    page.wait_for_url(f"{demonstration.server}/o/meridian/")
    assert page.get_by_role("link", name="Settings").count() == 1
    context.close()
