"""The settings of a directory that is pulled: the rules of safe reconciliation, and what its connector asks for."""

import hashlib
from typing import Any, Final

import orjson

from identity import directory_kinds
from identity.directory_kinds import Field
from identity.models import Directory

# What every pulled directory is told besides what its connector asks for: the rules of safe reconciliation (docs/guides/directory-sync.md).
RULES: Final[tuple[Field, ...]] = (
    Field(
        "guard_members", "Departures at once", "number", default=5,
        help="Up to so many people may leave within a day without a question.",
    ),
    Field(
        "guard_percent", "Departures at once, percent", "number", default=10, most=100,
        help="Or up to this part of the directory's active people.",
    ),
    Field(
        "storm_percent", "Same new value, percent", "number", default=30, least=1, most=100,
        help="More people than this who get the same new value of something: held.",
    ),
    Field(
        "absent_runs", "Listings without somebody", "number", default=2, least=1, most=100,
        help="Whom so many complete listings in a row lack counts as gone.",
    ),
    Field(
        "absent_hours", "Hours without somebody", "number", most=8760,
        help="If set, in place of that number: whom complete listings have lacked for so long counts as gone, however many they were.",
    ),
    Field(
        "when_held", "While something is held", "choice", default="wait", choices=("wait", "proceed"),
        help="proceed: what is not in question is applied at once.",
    ),
    Field(
        "day_minutes", "Minutes a day", "number", default=240, least=1, most=1440,
        help="How long workers may be at this directory on one day (UTC); what is left goes on the next day.",
    ),
    Field(
        "run_minutes", "Minutes a run", "number", default=720, least=1, most=10080,
        help="How long workers may be at one run, over all days; a longer one ends.",
    ),
    Field(
        "file_path", "File in the watched folder",
        help="Below the organization's folder in ROLLCALL_WATCHED_FOLDER; for kinds that read a file.",
    ),
)  # fmt: skip


def rules_of(directory: Directory) -> dict[str, Any]:
    """Return every rule as it holds for the directory: its own, else the default."""
    return directory_kinds.with_defaults(RULES, directory.settings)


def scope_of(directory: Directory) -> str:
    """Return the fingerprint of the settings that decide who is read and how it is mapped."""
    known = directory_kinds.kind_of(directory.kind)
    values = directory_kinds.with_defaults(known.settings, directory.settings)
    scope = {field.name: values[field.name] for field in known.settings if field.in_scope}
    text = orjson.dumps([directory.kind, scope], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def check(kind: str, settings: object) -> None:
    """Refuse settings that neither the connector of this kind nor the rules know. Raises Invalid."""
    directory_kinds.check((*directory_kinds.kind_of(kind).settings, *RULES), settings, "settings")


def effective(directory: Directory) -> dict[str, Any]:
    """Return every setting as it holds for the directory, the connector's and the rules."""
    fields = (*directory_kinds.kind_of(directory.kind).settings, *RULES)
    return directory_kinds.with_defaults(fields, directory.settings)
