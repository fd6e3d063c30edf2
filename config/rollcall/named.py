"""What a subcommand is told by name: an organization, and people in a file."""

import sys
from pathlib import Path

from identity import csv_import, leaving, organizations
from identity.errors import Invalid
from identity.models import Member, Organization


def organization(text: str) -> Organization:
    """Return the organization of this slug or id. Raises NotFound."""
    return organizations.by_slug_or_id(text)


def member(organization: Organization, text: str, *, field: str) -> Member:
    """Return the member of this user name, address or id who has not left. Raises Invalid, naming `field`."""
    found = leaving.preview(organization, [text])[0]
    if found.problem or found.member is None:
        raise Invalid(f"{text}: {found.problem}.", field=field)
    found.member.organization = organization
    return found.member


def names(file: str) -> list[str]:
    """Return whom the file names, `-` being standard input. Raises Invalid, TooMany."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read as UTF-8: {error}", field="file") from error
    return csv_import.names(text)
