"""The identity providers that can be chosen on a directory are those that we know, and the page says what to click in each."""

import json

import pytest

from console.directories import HINTS, HINTS_OTHERS
from console.directory_settings import SettingsForm
from console.words import IDPS
from identity import directories
from identity.directory_settings import DEFAULTS
from scim.profiles import PROFILES, speaking
from tests.conftest import ROOT, SETUP
from tests.console.conftest import visit


def test_every_profile_can_be_chosen_and_every_choice_has_one():
    assert set(PROFILES) == set(directories.IDPS)
    assert {*PROFILES, *HINTS} <= set(IDPS)


def test_the_guides_name_products_and_settings_as_the_pages_do():
    guides = "".join(path.read_text() for path in sorted((ROOT / "docs/guides").glob("scim-*.md")))
    for name in PROFILES:
        assert f"*{IDPS[name]}*" in guides, name
        assert f"`{name}`" in guides, name
    for name in DEFAULTS:
        told = f"*{SettingsForm.base_fields[name].label}* (`{name}`) | `{json.dumps(DEFAULTS[name])}` |"
        assert told in guides, name


@pytest.mark.parametrize(
    ("agent", "query", "name"),
    [
        ("OneLogin SCIM 2.0", "", "onelogin"), ("JumpCloud-SCIM/1.0", "", "jumpcloud"), ("Google-Auto-Provisioning", "", "google"),
        ("goauthentik.io/authentik/2026.8", "", "authentik"), ("keycloak-scim", "", "keycloak"), ("Rippling/1", "", "rippling"),
        ("Azure AD Provisioning", "", "entra"), ("Azure AD Provisioning", "aadOptscim062020&count=1", "entra_scim2"),
        ("curl/8", "", "okta_wizard"),
    ],
)  # fmt: skip
def test_a_client_speaks_as_its_traffic_says_and_else_as_was_chosen(agent, query, name):
    assert speaking(agent, query, "okta_wizard").name == name


@pytest.mark.parametrize(
    ("idp", "said"),
    [
        ("entra", HINTS["entra"][0]),
        # Whoever chose the profile of the flag, and set no flag, would be told by the doctor only.
        ("entra_scim2", "Behind the Tenant URL write ?aadOptscim062020"),
        ("jumpcloud", HINTS_OTHERS[0]),
    ],
)
def test_the_page_says_what_to_click(acme, ada, idp, said):
    made = directories.create(acme, actor=SETUP, name="Push", idp=idp)
    assert said in visit(ada).get(f"/o/acme/directories/{made.pk}/").content.decode()
