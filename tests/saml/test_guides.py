"""The guides say what the presets say: each field's name on that product's screen, and only attribute names that are understood."""

import re
from pathlib import Path

import pytest

from console.forms import exchange
from console.forms.connection import ConnectionForm
from saml.attributes import KNOWN_NAMES, PERMISSIONS
from saml.presets import PRESETS
from tests.conftest import ROOT

GUIDES = ROOT / "docs/guides"
PRODUCTS = sorted(set(PRESETS) - {"generic"})
# Fields that are no settings: who it is, and the boxes of what newcomers get.
ELSEWHERE = {"name", "sso_url", "slo_url", "roles", "grants"}
OURS = {"entity_id": "`…/metadata`", "acs_url": "`…/acs`", "sls_url": "`…/sls`", "login_url": "`…/login`"}


def guide(name: str) -> str:
    return (GUIDES / f"saml-{name}.md").read_text()


def rows(text: str) -> list[list[str]]:
    """Give the cells of every table row."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_field_stands_under_its_name_with_its_value(name):
    text = guide(name)
    for field, word in PRESETS[name].words.items():
        assert f"**{word}**" in text, (field, word)
        if field not in OURS or word in {
            PRESETS[name].words.get("relay_state"),
            "Bookmark or sign-on address",
        }:
            continue
        named = [row for row in rows(text) if f"**{word}**" in row[0]]
        assert named, word
        assert OURS[field] in named[0][1], (word, named[0][1])


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_attributes_of_the_guide_are_understood(name):
    text = guide(name).split("## Attributes", 1)[1].split("\n## ", 1)[0]
    told = {raw for row in rows(text) for raw in re.findall(r"`([^`]+)`", row[0])}
    names = [*KNOWN_NAMES.values(), *PRESETS[name].mapping.values()]
    understood = {raw.casefold() for each in names for raw in each}
    strange = {raw for raw in told if raw.casefold() not in understood and not raw.startswith(PERMISSIONS)}
    assert strange == set()
    mails = {raw.casefold() for raw in KNOWN_NAMES["email"]}
    assert {raw.casefold() for raw in told} & mails, "without an e-mail nobody new comes in"


@pytest.mark.parametrize("name", PRODUCTS)
def test_what_the_preset_reads_by_a_name_of_its_own_stands_in_the_guide(name):
    text = guide(name)
    for field, raws in PRESETS[name].mapping.items():
        for raw in raws:
            assert f"`{raw}`" in text, (field, raw)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_without_single_logout_says_so(name):
    assert ("no single logout" in guide(name)) is not PRESETS[name].signs_out


@pytest.mark.parametrize("path", sorted(GUIDES.glob("saml-*.md")), ids=lambda path: path.stem)
def test_links_of_the_guides_lead_somewhere(path: Path):
    for target in re.findall(r"\]\(([^)#]+\.md)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_setting_stands_by_the_name_of_the_console_and_by_that_of_the_api():
    shown = {**ConnectionForm.base_fields, **exchange.fields()}
    named = [
        name for name in shown if not name.startswith(("idp_", "certificates")) and name not in ELSEWHERE
    ]
    told = {row[1].split("`")[1]: row[0] for row in rows(guide("connection")) if row[1].startswith("`")}
    for name in named:
        field = shown[name]
        assert f"*{field.label}*" in told[name], name
        words = [str(word) for _, word in getattr(field, "choices", ())]
        assert name not in {"signed", "join", "encryption"} or all(
            f"*{word}*" in told[name] for word in words
        )


def test_every_product_is_in_the_list():
    listed = (GUIDES / "saml-connection.md").read_text()
    for name in PRODUCTS:
        assert f"(saml-{name}.md)" in listed
