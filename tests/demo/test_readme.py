"""The README and the demonstration's page name files that are there, and describe the chapters that are played."""

import re

import pytest

from config.environment import ROOT
from demo.tour.chapters import CHAPTERS

PAGES = ("README.md", "docs/demonstration.md")
FILE = re.compile(r"`((?:audit|config|console|demo|docs|identity|saml|scim|tasks|tests|bench)/[\w./]*)`")
LINK = re.compile(r"\]\(([^)#]+)\)")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_it_names_is_there(page):
    text = (ROOT / page).read_text()
    named = [ROOT / name for name in FILE.findall(text)]
    linked = [(ROOT / page).parent / link for link in LINK.findall(text) if "://" not in link]
    assert named
    assert linked
    assert [str(path) for path in named + linked if not path.exists()] == []


def test_every_floor_is_on_the_map():
    text = (ROOT / "README.md").read_text()
    floors = [path.parent.name for path in ROOT.glob("*/__init__.py")]
    assert [floor for floor in floors if f"| `{floor}/` |" not in text] == []


def test_every_chapter_is_told_in_its_order():
    text = (ROOT / "docs/demonstration.md").read_text()
    told = re.findall(r"^\d\. \*\*(.+?)\*\*", text, re.MULTILINE)
    assert len(told) == len(CHAPTERS)
    starts = [chapter.TITLE.partition(":")[0] for chapter in CHAPTERS]
    assert [title.rstrip(".") for title in told] == starts
