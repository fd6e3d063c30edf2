"""Whether the charset that a request names can decode text: Python lists some codecs that cannot, and Django fails on those."""

import codecs
from typing import Final

from django.utils.http import parse_header_parameters

# Some turn bytes into bytes (base64), some cannot pass over what is malformed (idna), and by some half a character can be written
# (unicode_escape; utf-7; punycode, which from Python 3.14 on passes over the rest). Each of them stumbles over one of these.
_NOT_FOR_EACH: Final = b"=\\ud800\xff+2AA-lq99c"


def unreadable(media_type: str) -> str:
    """Return what is wrong with a Content-Type: its charset, or all of it; or an empty text.

    A charset that Python does not know is nothing to Django, and so to us.
    """
    if "charset" not in media_type.lower() and "*" not in media_type:
        return ""
    try:
        charset = parse_header_parameters(media_type)[1].get("charset", "")
    except ValueError:
        # A parameter can have a charset of its own (RFC 2231).
        return media_type
    try:
        codecs.lookup(charset)
    except LookupError:
        return ""
    try:
        _NOT_FOR_EACH.decode(charset, "replace").encode()
    except (LookupError, UnicodeError):
        return charset
    return ""
