"""Typed readers of settings from the environment; a missing or wrong value stops the start by name."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

ROOT: Final = Path(__file__).resolve().parent.parent
MASTER_KEY_BYTES: Final = 32
# What holds a secret may stand in a file that NAME_FILE names, as secrets of containers and credentials of systemd do.
IN_FILES: Final = frozenset(
    {
        "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "EMAIL_URL",
        "ROLLCALL_SECRET_KEY", "ROLLCALL_SECRET_KEYS_OLD", "ROLLCALL_MASTER_KEY", "ROLLCALL_MASTER_KEYS_OLD",
        "ROLLCALL_OPERATOR_PASSWORD", "ROLLCALL_OPERATOR_TOKEN", "ROLLCALL_METRICS_TOKEN",
    }
)  # fmt: skip
_MAILBOX: Final = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_NAMED_MAILBOX: Final = re.compile(
    rf"{_MAILBOX.pattern}|(?:\"[^\"\r\n]*\"|[^<>@,\"\r\n]*)[ ]*<{_MAILBOX.pattern}>"
)
FILE_BYTES_MAX: Final = 64 * 1024
Network = IPv4Network | IPv6Network


class SettingError(ImproperlyConfigured):
    """A setting is missing or wrong; the message begins with its name."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")
        self.name = name


class Environment:
    """The process environment, read by type. Remembers which names were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.names: set[str] = set()

    def given(self, name: str) -> bool:
        """Tell whether the setting has a value; an empty one counts as missing, as compose files give it."""
        self.names.add(name)
        return bool(self._value(name))

    def text(self, name: str, default: str | None = None) -> str:
        """Read a text; raises SettingError when it is missing and there is no default."""
        if self.given(name):
            return self._value(name)
        if default is None:
            raise SettingError(name, "is not set.")
        return default

    def _value(self, name: str) -> str:
        """Give the value itself, or what stands in the file that NAME_FILE names; empty without either."""
        value, path = self._values.get(name, ""), self._values.get(f"{name}_FILE", "")
        if not path or name not in IN_FILES:
            return value
        if value:
            raise SettingError(name, f"is set, and {name}_FILE too; give one of them.")
        return _read_file(f"{name}_FILE", path)

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """Read one of the allowed words."""
        value = self.text(name, default)
        if value not in allowed:
            raise SettingError(name, f"must be one of {', '.join(allowed)}, not {value!r}.")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Read `true` or `false`."""
        return self.choice(name, ("true", "false"), "true" if default else "false") == "true"

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """Read a whole number between two bounds."""
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
            raise SettingError(name, f"must be a whole number from {least} to {most}, not {value!r}.")
        return int(value)

    def listing(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """Read values separated by commas."""
        if not self.given(name):
            return list(default)
        return [item.strip() for item in self._value(name).split(",") if item.strip()]

    def networks(self, name: str, default: tuple[str, ...]) -> list[Network]:
        """Read IP networks separated by commas, as 10.0.0.0/8."""
        try:
            return [ip_network(item) for item in self.listing(name, default)]
        except ValueError as error:
            raise SettingError(name, f"must be IP networks separated by commas: {error}.") from None

    def addresses(self, name: str, *, port: int) -> list[tuple[str, int]]:
        """Read IP addresses separated by commas, as 10.0.0.53, 10.0.0.53:5353 or [fd00::53]:5353; `port` where none is given."""
        found = []
        for item in self.listing(name):
            try:
                if item.count(":") > 1 and not item.startswith("["):
                    found.append((str(ip_address(item)), port))
                    continue
                parts = urlsplit(f"//{item}")
                found.append((str(ip_address(parts.hostname or "")), parts.port or port))
            except ValueError:
                raise SettingError(
                    name,
                    f"must be IP addresses separated by commas, as 10.0.0.53 or [fd00::53]:5353, not {item!r}.",
                ) from None
        return found

    def url(self, name: str, schemes: tuple[str, ...], default: str | None = None) -> SplitResult:
        """Read an absolute URL of one of the schemes. The message of a refusal never repeats the value."""
        value = self.text(name, default)
        try:
            parts = urlsplit(value)
            parts.port  # noqa: B018 - reading it checks it
        except ValueError:
            raise SettingError(name, "is not a URL.") from None
        if parts.scheme not in schemes or not parts.hostname:
            raise SettingError(
                name, f"must be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}."
            )
        return parts

    def mailbox(self, name: str, default: str, *, named: bool = False) -> str:
        """Read an e-mail address; `named` lets a name stand before it, as in `Rollcall <rollcall@example.com>`."""
        value = self.text(name, default)
        if value and not (_NAMED_MAILBOX if named else _MAILBOX).fullmatch(value):
            raise SettingError(name, f"must be an e-mail address, not {value!r}.")
        return value

    def public_url(self, name: str, default: str | None, *, https: bool) -> SplitResult:
        """Read the address that people and identity providers use: scheme and host, no path."""
        parts = self.url(name, ("https",) if https else ("http", "https"), default)
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise SettingError(name, "must be scheme and host alone, as https://rollcall.example.com.")
        return parts

    def key(self, name: str, default: str | None = None) -> bytes:
        """Read 32 bytes in base64."""
        return _decode_key(name, self.text(name, default))

    def keys(self, name: str) -> list[bytes]:
        """Read several keys of 32 bytes in base64, separated by commas."""
        return [_decode_key(name, item) for item in self.listing(name)]

    def secret(self, name: str, default: str | None = None, *, least: int = 32) -> str:
        """Read a secret text that is not too short to be one."""
        value = self.text(name, default)
        if value and len(value) < least:
            raise SettingError(name, f"is too short; it needs at least {least} characters.")
        return value


def _read_file(name: str, path: str) -> str:
    """Return the text of a file without the blanks around it. Raises SettingError, also for an empty one: somebody meant to fill it."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        text = content.decode().strip()
    except OSError as error:
        raise SettingError(name, f"names a file that cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingError(name, "names a file that is no text in UTF-8.") from None
    if not text or "\0" in text or len(content) > FILE_BYTES_MAX:
        raise SettingError(
            name, f"names a file that is empty, holds a NUL, or is longer than {FILE_BYTES_MAX} bytes."
        )
    return text


def _decode_key(name: str, text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != MASTER_KEY_BYTES:
        raise SettingError(
            name, f"must be {MASTER_KEY_BYTES} bytes in base64; `openssl rand -base64 32` makes one."
        )
    return raw


def credentials(parts: SplitResult) -> tuple[str, str]:
    """Give user name and password of a URL, percent-decoded."""
    return unquote(parts.username or ""), unquote(parts.password or "")


def data_directory() -> Path:
    """Give the directory of everything that Rollcall keeps on a developer's machine."""
    return Path(os.environ.get("ROLLCALL_DATA") or ROOT / "var").resolve()
