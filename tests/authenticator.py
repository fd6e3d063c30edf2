"""An authenticator app of our own, after RFC 6238: it shares no line with the code under test."""

import base64
import hashlib
import hmac
import time


def code_of(secret: str, at: float | None = None) -> str:
    """Give the six digits that an app with this secret (base 32) shows at a time."""
    key = base64.b32decode(secret.replace(" ", "").upper())
    step = int((time.time() if at is None else at) // 30)
    digest = hmac.new(key, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
