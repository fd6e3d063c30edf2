"""From LDAP entries to people and groups: ids that never change, who is locked, and whose DN is whose. Pure, without python-ldap."""

import hashlib
import re
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tasks.connectors.interface import Group, Person, Unreadable
from tasks.connectors.mapping import PERSON_TARGETS, profile_of

Attributes = Mapping[str, Sequence[bytes]]

# ACCOUNTDISABLE, [MS-ADTS] section 2.2.16.
_DISABLED: Final = 2
# accountExpires counts 100 ns from here; these two mean never ([MS-ADA1] section 2.2).
_FILETIME_BEGINS: Final = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER: Final = frozenset({0, 2**63 - 1})
# Domain Users, Guests, Computers, Controllers: everybody has one of them as primary group unless told otherwise, so they say nothing.
_PRIMARY_OF_EVERYBODY: Final = frozenset({"513", "514", "515", "516"})
# Locked for good, draft-behera-ldap-password-policy section 5.3.3; any other time is a lock-out that ends by itself.
_LOCKED_FOR_GOOD: Final = "000001010000Z"
STATUS: Final = ("userAccountControl", "accountExpires", "nsAccountLock", "pwdAccountLockedTime")
_YES, _NO = frozenset({"true", "yes", "1", "active"}), frozenset({"false", "no", "0", "inactive"})
_AROUND_COMMA: Final = re.compile(r"\s*(?<!\\),\s*")
_RANGE: Final = re.compile(r"^(?P<name>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)$", re.IGNORECASE)


class Reader:
    """Reads entries by the settings' mapping; `active_directory` says how ids and locks are written.

    `now` is when it was made: accounts that had expired by then are out.
    """

    def __init__(self, mapping: Mapping[str, str], id_attribute: str, *, active_directory: bool) -> None:
        self._mapping = mapping
        self.id_attribute = id_attribute
        self._active_directory = active_directory
        self.now = datetime.now(UTC)

    @property
    def attributes(self) -> list[str]:
        """Return what to ask for of a person."""
        return list(
            dict.fromkeys([*self.name_attributes, *self._mapping.values(), *STATUS, "modifyTimestamp"])
        )

    @property
    def name_attributes(self) -> list[str]:
        """Return what to ask for of a person of whom only groups shall know."""
        primary = ["primaryGroupID"] if self._active_directory else []
        return [self.id_attribute, self._mapping["user_name"], *primary]

    @property
    def group_attributes(self) -> list[str]:
        """Return what tells one group from another; people may be told apart by what groups don't have, as a number of staff."""
        own = ["objectGUID", "objectSid"] if self._active_directory else ["entryUUID"]
        return list(dict.fromkeys([self.id_attribute, *own]))

    def key(self, attributes: Attributes) -> str:
        """Return the external id of a person, empty where there is none."""
        return self._key(attributes, self.id_attribute)

    def group_key(self, attributes: Attributes) -> str:
        """Return the external id of a group, empty where there is none."""
        own = "objectGUID" if self._active_directory else "entryUUID"
        return self.key(attributes) or self._key(attributes, own)

    def _key(self, attributes: Attributes, name: str) -> str:
        """Return an id as text. A GUID's bytes are in Microsoft's order; of other bytes, as of a SID, the hexadecimal is taken."""
        raw = bytes(next(iter(_raw(attributes, name)), b""))
        if self._active_directory and len(raw) == 16:  # noqa: PLR2004 - a GUID
            return str(uuid.UUID(bytes_le=raw))
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return raw.hex()
        return text if text.isprintable() else raw.hex()

    def primary_group(self, attributes: Attributes) -> str:
        """Return which group a person is in without being listed there: the last part of its SID, or nothing."""
        number = "".join(texts(attributes, "primaryGroupID")[:1])
        return "" if number in _PRIMARY_OF_EVERYBODY else number

    def relative_id(self, attributes: Attributes) -> str:
        """Return the last part of a group's SID ([MS-DTYP] section 2.4.2.2), empty where there is none."""
        sid = bytes(next(iter(_raw(attributes, "objectSid")), b""))
        return str(int.from_bytes(sid[-4:], "little")) if sid else ""

    def user_name(self, attributes: Attributes) -> str:
        """Return the user name, empty where there is none that can be read."""
        raw = _raw(attributes, self._mapping["user_name"])
        return raw[0].decode("utf-8", "replace") if raw else ""

    def person(self, dn: str, attributes: Attributes) -> Person | Unreadable:
        """Return the person, or why the entry is none."""
        key = self.key(attributes)
        if not key:
            return Unreadable(dn[:200], f"It has no {self.id_attribute} that the bind DN may read.")
        try:
            values = {target: texts(attributes, name) for target, name in self._mapping.items()}
            active = self._active(attributes, values.get("active"))
        except UnicodeDecodeError:
            return Unreadable(dn[:200], "A value is no UTF-8.")
        names = values.get("user_name", [])
        if not names:
            return Unreadable(
                dn[:200],
                f"It has no {self._mapping.get('user_name')} that the bind DN may read: give it one, or leave it out by the filter.",
            )
        profile = profile_of(
            {target: value for target, value in values.items() if target not in PERSON_TARGETS}
        )
        # uSNChanged and whenChanged belong to one domain controller; only modifyTimestamp of other servers is comparable.
        version = "" if self._active_directory else "".join(texts(attributes, "modifyTimestamp")[:1])
        return Person(key, names[0], profile, active, version)

    def group(self, dn: str, attributes: Attributes, name_attribute: str) -> Group | Unreadable:
        """Return the group without its members, or why the entry is none."""
        key = self.group_key(attributes)
        try:
            names = texts(attributes, name_attribute)
        except UnicodeDecodeError:
            names = []
        if not key or not names:
            return Unreadable(
                dn[:200], f"It has no {self.id_attribute} or no {name_attribute} that the bind DN may read."
            )
        return Group(key, names[0])

    def _active(self, attributes: Attributes, mapped: list[str] | None) -> bool | None:
        if mapped is not None:
            word = mapped[0].casefold() if mapped else ""
            return True if word in _YES else False if word in _NO else None
        if self._active_directory:
            control = texts(attributes, "userAccountControl")
            if not control or not control[0].lstrip("-").isdigit():
                return None
            return not int(control[0]) & _DISABLED and not self._expired(attributes)
        locked = [word.casefold() for word in texts(attributes, "nsAccountLock")]
        return locked != ["true"] and texts(attributes, "pwdAccountLockedTime") != [_LOCKED_FOR_GOOD]

    def _expired(self, attributes: Attributes) -> bool:
        ends = texts(attributes, "accountExpires")
        ticks = int(ends[0]) if ends and ends[0].isdigit() else 0
        return ticks not in _NEVER and ticks <= filetime(self.now)


def filetime(moment: datetime) -> int:
    """Return a time as Active Directory counts: in 100 ns since 1601."""
    return (moment - _FILETIME_BEGINS) // timedelta(microseconds=1) * 10


class People:
    """Who is behind a DN or a user name: kept in a file, since a million of them would fill half a gigabyte of memory."""

    def __init__(self) -> None:
        # Without a name the database is a temporary file that goes by itself, and of which two megabytes are kept in memory.
        self._kept = sqlite3.connect("", isolation_level=None)
        self._kept.execute("PRAGMA journal_mode = OFF")
        self._kept.execute("BEGIN")
        self._kept.execute("CREATE TABLE person (name BLOB PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID")

        self._kept.execute(
            "CREATE TABLE primary_group (relative_id TEXT, id TEXT, PRIMARY KEY (relative_id, id)) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Forget everybody."""
        self._kept.close()

    def add(self, dn: str, key: str, user_name: str = "", primary_group: str = "") -> None:
        """Remember somebody, and which group they are in without being listed there."""
        if primary_group:
            self._kept.execute("INSERT OR IGNORE INTO primary_group VALUES (?, ?)", [primary_group, key])
        names = [_digest(same(dn)), *([_digest(user_name.casefold())] if user_name else [])]
        self._kept.executemany("INSERT OR REPLACE INTO person VALUES (?, ?)", [(name, key) for name in names])

    def keys(self, members: Sequence[bytes]) -> Iterator[str]:
        """Give the ids of those members who are people we know: DNs (`member`, `uniqueMember`) or user names (`memberUid`)."""
        for raw in members:
            text = raw.decode("utf-8", "replace")
            name = _digest(same(text) if "=" in text else text.casefold())
            found = self._kept.execute("SELECT id FROM person WHERE name = ?", [name]).fetchone()
            if found is not None:
                yield found[0]

    def unlisted(self, relative_id: str) -> Iterator[str]:
        """Give the ids of those who have the group of that relative id as their primary one."""
        asked = self._kept.execute("SELECT id FROM primary_group WHERE relative_id = ?", [relative_id])
        yield from (key for (key,) in asked)


def _digest(name: str) -> bytes:
    """Return what stands for a name: shorter than most, and no two of them meet by accident."""
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def same(dn: str) -> str:
    """Return a DN in the one form in which equal ones are equal texts, as far as servers differ in writing their own."""
    return _AROUND_COMMA.sub(",", dn.strip()).casefold()


def texts(attributes: Attributes, name: str) -> list[str]:
    """Return an attribute's values as texts. Raises UnicodeDecodeError."""
    return [value.decode() for value in _raw(attributes, name)]


def members(attributes: Attributes, name: str) -> tuple[Sequence[bytes], str]:
    """Return the members on this entry and the range to ask for next, empty when these are all ([MS-ADTS] section 3.1.1.3.1.3.3)."""
    for attribute, values in attributes.items():
        ranged = _RANGE.match(attribute)
        if ranged and ranged["name"].casefold() == name.casefold():
            return values, "" if ranged["last"] == "*" else f"{name};range={int(ranged['last']) + 1}-*"
    return _raw(attributes, name), ""


def _raw(attributes: Attributes, name: str) -> Sequence[bytes]:
    found: Any = attributes.get(name)
    if found is None:
        # Servers answer in their schema's spelling, not in ours.
        wanted = name.casefold()
        found = next((values for spelled, values in attributes.items() if spelled.casefold() == wanted), [])
    return found
