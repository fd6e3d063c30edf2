"""The token that a request carries: as a bearer, or as the password of HTTP Basic from clients that know nothing else.

Why: docs/decisions/scim-basic.md.
"""

import base64
import binascii

from django.http import HttpRequest


def sent(request: HttpRequest) -> str:
    """Return the token of `Authorization: Bearer …` (RFC 6750 §2.1), or the password of `Authorization: Basic …` (RFC 7617 §2); "" without.

    A token is enough to know who calls, so the name beside a password says nothing.
    """
    scheme, _, rest = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return str(rest).strip()
    return _password(rest.strip()) if scheme.lower() == "basic" else ""


def _password(written: str) -> str:
    try:
        pair = base64.b64decode(written, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    password = pair.partition(":")[2].strip()
    # Neither part may hold control characters (RFC 7617 §2); PostgreSQL would not even take the question.
    return password if password.isprintable() else ""
