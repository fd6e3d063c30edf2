"""Instants as SAML writes them (core 1.3.3: xs:dateTime, in UTC)."""

import re
from datetime import UTC, datetime, timedelta

from saml.refusals import Refused

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(Z|[+-]\d\d:\d\d)?")


def instant(text: str) -> datetime:
    """Parse `text`; without a zone it is UTC, as core 1.3.3 has it. What is no time is refused as `structure`."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise Refused("structure", f"this is no time: {text[:40]}")
    try:
        return datetime.fromisoformat(text if found[1] else text + "Z").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused("structure", f"a time that does not exist: {text[:40]}") from error


def written(moment: datetime) -> str:
    """Write `moment` to the second, as every identity provider reads it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def over(end: str, now: datetime, skew: timedelta) -> bool:
    """Say whether `end` (a NotOnOrAfter) has come: at the very end of the skew it has (core 2.5.1.2)."""
    return now - skew >= instant(end)


def early(begin: str, now: datetime, skew: timedelta) -> bool:
    """Say whether `begin` (a NotBefore) has not come yet."""
    return now + skew < instant(begin)
