"""Shows on every page the characters that nobody sees, so that a name cannot turn around the words after it or pass for another one."""

import re
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from audit.turning import TURNING

# Spaces without width separate words in Khmer or Thai; within a name of Latin letters they only make it look like another one.
_HIDDEN: Final = {
    "\u200b": "zero width space",
    "\u2060": "word joiner",
    "\ufeff": "zero width no-break space",
}
_NAMES: Final = TURNING | _HIDDEN
_SHOWN: Final = re.compile(
    f"[{''.join(TURNING)}]|(?<=[!-~])[{''.join(_HIDDEN)}]|[{''.join(_HIDDEN)}](?=[!-~])"
)
_ANY: Final = re.compile(b"\xe2\x80[\x8b\xaa-\xae]|\xe2\x81[\xa0\xa6-\xa9]|\xef\xbb\xbf")
# What somebody may edit and send back, and what is no text, stays as it is; in a title or an option stands no markup.
_PIECES: Final = re.compile(
    r"<(?P<kept>textarea|script|style)\b.*?</(?P=kept)\s*>|(?P<plain><(?:title|option)\b[^>]*>)(?P<inner>[^<]*)|<[^>]*>|(?P<text>[^<]+)",
    re.DOTALL | re.IGNORECASE,
)


class TurnedMiddleware:
    """Put a mark in the place of each such character in the text of a page, whoever wrote it and wherever it stands.

    Here and not in each template: names stand in hundreds of places, and one that was forgotten would be the one that is used.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer as the view does, with marks where a page holds such characters."""
        response = self.get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        if is_page and isinstance(response, HttpResponse) and _ANY.search(response.content):
            response.content = marked(response.content.decode()).encode()
        return response


def marked(page: str) -> str:
    """Return the page with a mark for each character of its texts that nobody would see; attributes and fields to edit stay."""
    return _PIECES.sub(_piece, page)


def _piece(found: "re.Match[str]") -> str:
    if found["text"]:
        return _SHOWN.sub(lambda one: _mark(one[0]), found["text"])
    if found["plain"]:
        return found["plain"] + _SHOWN.sub(lambda one: f"[{_code(one[0])}]", found["inner"])
    return found[0]


def _mark(character: str) -> str:
    return f'<abbr class="rc-unseen" title="{_NAMES[character]}, which nobody sees">{_code(character)}</abbr>'


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
