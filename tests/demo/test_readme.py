"""The README's map has every floor, and the demonstration's page tells the chapters that are played."""

import re

from config.environment import ROOT
from demo.tour.chapters import CHAPTERS


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
