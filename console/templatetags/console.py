"""What templates need: icons, addresses within the organization, times, badges, what a visitor may open."""

import hashlib
import json
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django import template
from django.template.context import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from audit.turning import without_turning
from console import words
from console.access import Visit
from identity import directories, directory_kinds
from identity.models import Directory

register = template.Library()

_TINTS: Final = 6
_STATES: Final = {
    "active": "good", "success": "good", "succeeded": "good", "on": "good", "proved": "good",
    "suspended": "wait", "incomplete": "wait", "unproved": "wait", "dormant": "wait", "waiting": "wait",
    "done": "good", "late": "wait",
    "refused": "bad", "failed": "bad", "expired": "bad",
    "offboarded": "off", "revoked": "off", "off": "off", "open": "off",
}  # fmt: skip


@register.simple_tag
@lru_cache(maxsize=1000)  # a page has forty, of the same few
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon of the sprite; with a label it speaks, without one it is decoration."""
    spoken = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="rc-icon" {}><use href="{}#{}"></use></svg>', spoken, static("console/icons.svg"), name
    )


@register.simple_tag(takes_context=True)
def to(context: Context, name: str, **ids: Any) -> str:
    """Return the path of a page in the organization at hand."""
    return reverse(name, kwargs={"slug": context["organization"].slug, **ids})


@register.filter
def may(visit: Visit, page: str) -> bool:
    """Tell whether the page opens for the visitor."""
    return visit.may(page)


@register.filter
def moment(value: datetime | None) -> str | SafeString:
    """Write a time in full, in UTC."""
    if value is None:
        return "—"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), f"{value:%-d %b %Y, %H:%M} UTC")


@register.filter
def exact(value: datetime) -> SafeString:
    """Write a time to the millisecond, in UTC."""
    return format_html(
        '<time datetime="{}">{}.{} UTC</time>',
        value.isoformat(),
        f"{value:%Y-%m-%d %H:%M:%S}",
        f"{value.microsecond // 1000:03d}",
    )


@register.filter
def clock(text: str) -> str:
    """Write the time of day of an ISO time to the millisecond, as the steps of a sign-in carry it."""
    at = parse_datetime(text)
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}" if at else text


@register.filter
def ago(value: datetime | None) -> str | SafeString:
    """Write a time as people say it, with the full one behind it."""
    if value is None:
        return "never"
    now = timezone.now()
    if value > now:
        said = f"in {timesince(now, value, depth=1)}"
    elif (now - value).total_seconds() < 60:  # noqa: PLR2004 - a minute
        said = "just now"
    else:
        said = f"{timesince(value, now, depth=1)} ago"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        f"{value:%-d %b %Y, %H:%M:%S} UTC",
        said,
    )


@register.filter
def ago_exactly(value: datetime) -> SafeString:
    """Write a time as people say it, to the second within the first minute."""
    seconds = int((timezone.now() - value).total_seconds())
    if seconds >= 60:  # noqa: PLR2004 - a minute
        return SafeString(ago(value))
    return format_html('<time datetime="{}">{} s ago</time>', value.isoformat(), max(seconds, 0))


@register.simple_tag
def state(name: str, text: str = "") -> SafeString:
    """Write a state as a badge: colour, dot and word say the same."""
    return format_html(
        '<span class="rc-state rc-state-{}">{}</span>',
        _STATES.get(name, "off"),
        text or name.replace("_", " ").capitalize(),
    )


@register.simple_tag
def avatar(name: str, key: Any = "", size: str = "") -> SafeString:
    """Draw initials on a tint that stays the same for the same key."""
    parts = without_turning(name).replace("@", " ").split()
    letters = "".join(part[0] for part in parts[:2]).upper() or "?"
    tint = hashlib.sha256(str(key or name).encode()).digest()[0] % _TINTS
    return format_html(
        '<span class="rc-avatar rc-tint-{} {}" aria-hidden="true">{}</span>',
        tint,
        f"rc-avatar-{size}" if size else "",
        letters,
    )


@register.filter
def origin(name: str) -> str:
    """Say where access came from."""
    return words.ORIGINS.get(name, name)


@register.filter
def idp(name: str) -> str:
    """Name an identity provider."""
    return words.of_idp(name)


@register.filter
def access_model(name: str) -> str:
    """Name an access model."""
    return words.ACCESS_MODELS.get(name, name)


@register.filter
def effect(name: str) -> str:
    """Say what a decision on a burst does to people."""
    return words.EFFECTS.get(name, name)


@register.filter
def departure(kind: str) -> str:
    """Say how somebody left through a directory."""
    return words.DEPARTURES.get(kind, kind)


@register.filter
def status(code: int) -> SafeString:
    """Write an HTTP status as a badge: good below 400, bad from there on."""
    return format_html('<span class="rc-state rc-state-{}">{}</span>', "good" if code < 400 else "bad", code)  # noqa: PLR2004 - HTTP


@register.filter
def took(value: float | None) -> str:
    """Write how long something took, as people say it: 0.042 → 42 ms, 3.14 → 3.1 s, 250 → 4 min 10 s."""
    if value is None:
        return "—"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:  # noqa: PLR2004 - a minute
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


@register.filter
def milliseconds(microseconds: int) -> str:
    """Write how long something took."""
    return f"{microseconds / 1000:.1f} ms"


@register.filter
def spaced(name: str) -> str:
    """Write one of our names for people: shop_country → shop country."""
    return name.replace("_", " ")


@register.filter
def job_name(name: str) -> str:
    """Write the name of a periodic job for people: tasks.jobs.leavers.grace_ends → Leavers: grace ends."""
    noun, _, verb = name.removeprefix("tasks.").removeprefix("jobs.").rpartition(".")
    return f"{spaced(noun).capitalize()}: {spaced(verb)}"


@register.filter
def seconds(value: float) -> str:
    """Write a length of time in its largest whole unit: 5 s, 10 min, 3 h."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if value >= length:
            return f"{value / length:.3g} {unit}"
    return f"{value:.0f} s"


@register.filter
def browser(user_agent: str) -> str:
    """Name browser and system of a User-Agent, roughly: enough to recognise one's own."""
    names = (
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    )
    systems = (
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    found = next((name for part, name in names if part in user_agent), "")
    system = next((name for part, name in systems if part in user_agent), "")
    if found and system:
        return f"{found} on {system}"
    return found or system or user_agent[:40] or "Unknown browser"


@register.filter
def value(thing: Any) -> str:
    """Write a value of an entry: texts as they are, nothing as a dash, structures as JSON."""
    if thing is None or thing == "":
        return "—"
    if isinstance(thing, str):
        return thing
    if isinstance(thing, bool):
        return "yes" if thing else "no"
    if isinstance(thing, list) and all(isinstance(item, str) for item in thing):
        return ", ".join(thing) or "—"
    if isinstance(thing, list) and all(isinstance(item, dict) and item.get("value") for item in thing):
        return ", ".join(
            f"{item['value']} ({item['type']})" if item.get("type") else str(item["value"]) for item in thing
        )
    return json.dumps(thing, ensure_ascii=False, indent=2) if isinstance(thing, dict | list) else str(thing)


@register.filter
def source(directory: Directory) -> str:
    """Name what a directory is: the product that pushes, or the kind that is read."""
    if directory.kind in directories.KINDS:
        return words.of_idp(directory.idp)
    return next(
        (kind.title for kind in directory_kinds.kinds() if kind.name == directory.kind), directory.kind
    )


@register.filter
def run_action(action: str) -> str:
    """Say what a step of a plan does."""
    return words.RUN_ACTIONS.get(action, action)


@register.filter
def run_reason(code: str) -> str:
    """Say why a step is what it is."""
    return words.RUN_REASONS.get(code, code.replace("_", " "))


@register.filter
def difference(code: str) -> str:
    """Say how a directory and we differ about somebody."""
    return words.DIFFERENCES.get(code) or run_reason(code)


@register.filter
def run_fields(fields: list[str] | dict[str, Any]) -> str:
    """Say what a step changes: the attributes that differ, or how many join and leave."""
    if isinstance(fields, dict):
        return ", ".join(f"{number} {name}" for name, number in fields.items())
    return ", ".join(fields)
