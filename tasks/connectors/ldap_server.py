"""What an LDAP server says of itself, laid beside the settings: a mistake that would show only later, or never, is named by the test."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tasks.connectors.faults import Misconfigured
from tasks.connectors.ldap_entries import texts
from tasks.connectors.ldap_faults import Elsewhere
from tasks.connectors.ldap_session import Session

_ACTIVE_DIRECTORY: Final = (
    "1.2.840.113556.1.4.800"  # LDAP_CAP_ACTIVE_DIRECTORY_OID, [MS-ADTS] section 3.1.1.3.4.3.1
)
_SYNC_REQUEST: Final = "1.3.6.1.4.1.4203.1.9.1.1"  # RFC 4533 section 2.2
_GLOBAL_CATALOG: Final = frozenset({3268, 3269})


def check(opened: Session, settings: Mapping[str, Any]) -> None:
    """Compare. Raises Misconfigured, saying which setting should be another one, Elsewhere, and Fault."""
    root = opened.read("", ["supportedCapabilities"])
    active_directory = _ACTIVE_DIRECTORY in texts(root, "supportedCapabilities")
    if active_directory and settings["flavour"] != "active_directory":
        raise Misconfigured(
            "The server is an Active Directory: set flavour to active_directory, or disabled accounts would stay in."
        )
    if active_directory and urlsplit(settings["url"]).port in _GLOBAL_CATALOG:
        raise Misconfigured(
            "Ports 3268 and 3269 are the global catalog, which lacks attributes and members: name port 636 or 389 of a domain controller."
        )
    if settings["changes"] == "syncrepl":
        check_synchronisation(opened)
    elsewhere = opened.referral(settings["base_dn"])
    if elsewhere:
        raise Elsewhere(elsewhere)


def check_synchronisation(opened: Session) -> None:
    """See whether changes can be read by content synchronisation (RFC 4533). Raises Misconfigured, and Fault.

    389 Directory Server has it, but names people by nsUniqueId there, tells of changes without their entryUUID, and says after changes
    alone that everybody had been named: whoever was not would look gone.
    """
    root = opened.read("", ["supportedControl", "supportedCapabilities", "vendorVersion"])
    if "".join(texts(root, "vendorVersion")).startswith("389-Directory"):
        raise Misconfigured(
            "The content synchronisation of 389 Directory Server does not name people by entryUUID: set changes to none."
        )
    if _SYNC_REQUEST not in texts(root, "supportedControl"):
        other = "usn" if _ACTIVE_DIRECTORY in texts(root, "supportedCapabilities") else "none"
        raise Misconfigured(
            f"The server has no content synchronisation (RFC 4533) for this account: set changes to {other}."
        )
