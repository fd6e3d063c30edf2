"""What the fake directories answer with, and how they cut lists into pages, faults included."""

from dataclasses import dataclass, field
from typing import Any

State = dict[str, Any]


@dataclass
class Answer:
    """An HTTP answer; the body is JSON unless it is bytes."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str, **headers: str) -> Answer:
    """Return an error in the shape that Google and Graph share."""
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": {"code": code, "message": code, "errors": [{"reason": code}]}}, shown)


def page(state: State, items: list[Any], token: str) -> tuple[list[Any], str]:
    """Return the page that a token stands for, and the token of the one behind it.

    Faults: "empty_page" gives nothing at first and goes on, "duplicate_pages" gives each page twice, "reorder" turns the list around,
    "truncate" ends behind the first page as if it were the last, "loop" always points to the second one.
    """
    faults = state["faults"]
    if faults.get("reorder"):
        items = [*reversed(items)]
    if not token and faults.get("empty_page"):
        return [], "0"
    place, _, again = (token or "0").partition(".")
    start, size = int(place), state["page_size"]
    following = str(start + size) if start + size < len(items) else ""
    if faults.get("duplicate_pages") and not again:
        following = f"{start}.again"
    if faults.get("truncate"):
        following = ""
    if faults.get("loop"):
        following = str(size)
    return items[start : start + size], following
