"""The golden files: one request of one client each, with what must come of it. Read by the pure tests and by those through the door.

A file is called as its client, the type, and what it does. In it:
`source`: where the request was documented or seen.  `method`: POST, PUT or PATCH.  `type`: User or Group.  `body`: as it is sent; {id}
stands for the resource's id.
`before`, `after`: the resource, without `members`, by the names of the schema (of a creation there is no `before`).  `members` (of a group
whose members it is about): `before` and `after`, names that stand for ids wherever they are in the file.
`notices`: the codes of what is bent, sorted; a code for each time.
"""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str, **places: str) -> dict[str, Any]:
    """Return a golden file, with {id} and the names of members replaced by what they are called in this test."""
    text = (FOLDER / f"{name}.json").read_text()
    for place, value in places.items():
        if place == "id":
            text = text.replace("{id}", value)
            continue
        text = text.replace(f'"{place}"', f'"{value}"')
        text = text.replace(f'\\"{place}\\"', f'\\"{value}\\"').replace(f"/{place}", f"/{value}")
    document: dict[str, Any] = json.loads(text)
    return document
