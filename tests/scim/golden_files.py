"""The golden files: one request of one client each, with what must come of it. Read by the pure tests and by those through the door."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str, **places: str) -> dict[str, Any]:
    """Return a golden file, with {id} and the names of members replaced by what they are called in this test."""
    text = (FOLDER / f"{name}.json").read_text()
    for place, value in places.items():
        text = text.replace(
            "{id}" if place == "id" else f'"{place}"', value if place == "id" else f'"{value}"'
        )
        text = text.replace(f'\\"{place}\\"', f'\\"{value}\\"').replace(f"/{place}", f"/{value}")
    document: dict[str, Any] = json.loads(text)
    return document
