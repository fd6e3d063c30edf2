"""Conditional requests: If-Match and If-None-Match against the version of a resource (RFC 7644 §3.14, RFC 9110 §13)."""

import re

from django.http import HttpRequest
from rest_framework.request import Request

from scim.errors import Code, ScimError

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def check_match(request: Request | HttpRequest, version: int) -> None:
    """Refuse with version_changed when If-Match is sent and names another version."""
    wanted = request.headers.get("If-Match")
    if wanted is not None and not _names(wanted, version):
        raise ScimError(Code.VERSION_CHANGED)


def is_unchanged(request: Request | HttpRequest, version: int) -> bool:
    """Tell whether If-None-Match names this very version, so that 304 is the answer."""
    known = request.headers.get("If-None-Match")
    return known is not None and _names(known, version)


def _names(header: str, version: int) -> bool:
    # Some clients send the bare number, without the quotes.
    return header.strip() in {"*", str(version)} or str(version) in _TAG.findall(header)
