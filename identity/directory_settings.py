"""The settings of a directory: their names, their defaults, and what each may be."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from identity.errors import Invalid

# What holds where a directory says nothing. None in the place of an object switches the thing off.
DEFAULTS: Final[dict[str, Any]] = {
    # For each token: this many requests at once, then as many again, evenly, in that many seconds.
    "rate_limit": {"requests": 30_000, "seconds": 60},
    # More people than this, and more than this part of the directory's active members, within so many seconds: held.
    "burst_guard": {"members": 50, "percent": 5, "seconds": 3600},
    # 0 keeps no requests at all.
    "request_log_days": 30,
    # Whether a remove that names nobody may empty a large group.
    "empties_groups": False,
    # Whether whom it deletes is suspended, to come back as who they were, and offboarded by the grace period alone.
    "deletes_suspend": False,
    # Whether the directory goes on assigning roles and entitlements after the first time (identity.followed_access.follow).
    "access_follows": False,
    # How long a token lives that is issued without an end of its own.
    "token_days": 365,
}
TOKEN_DAYS_MAX: Final = 1825
_DAY_SECONDS: Final = 86_400


def effective(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting: the directory's own, else the default."""
    return {name: settings.get(name, default) for name, default in DEFAULTS.items()}


def check(settings: object) -> None:
    """Refuse settings that we don't know or that have the wrong shape. Raises Invalid, its field being the path."""
    if not isinstance(settings, Mapping):
        raise Invalid("settings is an object.", field="settings")
    for name, value in settings.items():
        if name not in _CHECKS:
            raise Invalid(
                f"There is no setting {name}; there are {', '.join(DEFAULTS)}.", field=f"settings.{name}"
            )
        _CHECKS[name](f"settings.{name}", value)


def _flag(path: str, value: object) -> None:
    if not isinstance(value, bool):
        raise Invalid(f"{path} is true or false.", field=path)


def _number(least: int, most: int) -> Callable[[str, object], None]:
    def check_number(path: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Invalid(f"{path} is a whole number from {least} to {most}.", field=path)

    return check_number


def _object(**fields: Callable[[str, object], None]) -> Callable[[str, object], None]:
    def check_object(path: str, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, Mapping) or set(value) != set(fields):
            raise Invalid(f"{path} is null, or an object of {', '.join(fields)}.", field=path)
        for name, check_field in fields.items():
            check_field(f"{path}.{name}", value[name])

    return check_object


_CHECKS: Final[dict[str, Callable[[str, object], None]]] = {
    "rate_limit": _object(requests=_number(1, 1_000_000), seconds=_number(1, _DAY_SECONDS)),
    "burst_guard": _object(
        members=_number(0, 10_000_000), percent=_number(0, 100), seconds=_number(60, 7 * _DAY_SECONDS)
    ),
    "request_log_days": _number(0, 365),
    "empties_groups": _flag,
    "deletes_suspend": _flag,
    "access_follows": _flag,
    "token_days": _number(1, TOKEN_DAYS_MAX),
}
