"""The master keys of the settings, by the ids that data keys name them by; needs no models, so that a start can look at them."""

import base64
import hashlib

from django.conf import settings


def masters() -> list[tuple[str, bytes]]:
    """Return id and key of each: that of today first, then the former ones."""
    keys = [settings.ROLLCALL_MASTER_KEY, *settings.ROLLCALL_MASTER_KEYS_OLD]
    decoded = [key if isinstance(key, bytes) else base64.b64decode(key) for key in keys]
    return [(hashlib.sha256(key).hexdigest()[:16], key) for key in decoded]
