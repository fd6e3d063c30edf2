"""What changed in an LDAP directory since the last run: by content synchronisation (RFC 4533), or by Active Directory's update numbers."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import datetime, timedelta
from typing import Any, Final

from ldap.controls import RequestControl

from tasks.connectors.faults import Misconfigured, ResyncNeeded
from tasks.connectors.interface import End, Json, Page
from tasks.connectors.ldap_entries import filetime, texts
from tasks.connectors.ldap_faults import Elsewhere
from tasks.connectors.ldap_listing import Listing
from tasks.connectors.ldap_server import check_synchronisation
from tasks.connectors.ldap_session import Entry, Session

# LDAP_SERVER_SHOW_DELETED_OID, [MS-ADTS] section 3.1.1.3.4.1.14.
_SHOW_DELETED: Final = RequestControl("1.2.840.113556.1.4.417", criticality=False)


def by_synchronisation(listing: Listing, opened: Session, cookie: Json | None) -> Iterator[Page]:
    """Give what changed since the cookie, people and groups by a cookie each. Raises Fault.

    After a restart slapd has forgotten what it deleted: it names all who are there, and whoever it does not name is gone. Then the run is
    whole, which must hold for groups too; so where the server forgot only the groups, everything is read again.
    """
    if listing.reader.id_attribute.casefold() != "entryuuid":
        raise Misconfigured(
            "Content synchronisation names people by entryUUID: leave the id attribute empty."
        )
    check_synchronisation(opened)
    bases = [base for base in (listing.base, listing.settings["groups_base_dn"]) if base]
    incomplete = opened.referral(*bases)
    last: dict[str, Any] = dict(cookie or {})
    for batch in opened.refresh(
        listing.base,
        listing.people_filter,
        listing.reader.attributes,
        last.get("people"),
        listing.size,
    ):
        entries = [said for word, said in batch if word == "entry"]
        page = listing.people(entries)
        yield Page(
            people=page.people, unreadable=page.unreadable, removed=_uuids(batch, "delete"), present=_uuids(batch, "present")
        )  # fmt: skip
    whole, following = opened.whole, {"people": opened.cookie}
    if listing.settings["groups_base_dn"]:
        yield from _groups(listing, opened, None if whole else last.get("groups"))
        if opened.whole and not whole:
            raise ResyncNeeded("The directory no longer knows which groups it deleted.")
        following["groups"] = opened.cookie
    yield Page(end=End(whole=whole, cookie=following, incomplete=incomplete))


def by_usn(listing: Listing, opened: Session, cookie: Json | None) -> Iterator[Page]:
    """Give what has a higher uSNChanged than the last run saw, on the same domain controller; everybody once in a while. Raises Fault.

    The numbers belong to one controller and are not replicated, so another one (or a restored one) means reading everything again.
    A person who was moved out of the base DN leaves no trace in the changes: the next whole listing finds them missing.
    """
    now = listing.reader.now
    invocation, highest, naming = controller(opened)
    following = {
        "controller": invocation,
        "usn": highest,
        "whole_at": now.isoformat(),
        "read_at": now.isoformat(),
    }
    every = timedelta(hours=listing.settings["whole_hours"])
    if cookie is None or now - datetime.fromisoformat(cookie["whole_at"]) >= every:
        yield from listing.everything(opened, following)
        return
    if cookie["controller"] != invocation:
        raise ResyncNeeded("Another domain controller answers than at the last run.")
    newer = f"(uSNChanged>={int(cookie['usn']) + 1})"
    # An account that expires gets no new number by it. Cookies of earlier releases have no read_at.
    since = datetime.fromisoformat(cookie.get("read_at", cookie["whole_at"]))
    expired = f"(&(accountExpires>={filetime(since)})(accountExpires<={filetime(now)}))"
    wanted = f"(&{listing.people_filter}(|{newer}{expired}))"
    with suppress(Elsewhere):
        for entries in opened.pages(listing.base, wanted, listing.reader.attributes, listing.size):
            yield listing.people(entries)
    # Without the right to see deleted objects they are found missing at the next whole listing.
    with suppress(Misconfigured):
        for entries in opened.pages(
            f"CN=Deleted Objects,{naming}", f"(&(isDeleted=TRUE)(|(objectClass=user)(objectClass=group)){newer})",
            ["objectClass", *listing.reader.group_attributes], listing.size, _SHOW_DELETED,
        ):  # fmt: skip
            yield _gone(listing, entries)
    if listing.settings["groups_base_dn"]:
        changed = opened.pages(
            listing.settings["groups_base_dn"], f"(&{listing.settings['groups_filter']}{newer})",
            listing.group_attributes, listing.size,
        )  # fmt: skip
        with ExitStack() as kept, suppress(Elsewhere):
            known = None
            for entries in changed:
                if entries:
                    known = known or kept.enter_context(closing(listing.everybody(opened)))
                    yield from listing.teams(opened, entries, known)
    yield Page(end=End(whole=False, cookie=following | {"whole_at": cookie["whole_at"]}))


def _gone(listing: Listing, entries: list[Entry]) -> Page:
    people: list[str] = []
    groups: list[str] = []
    for _, attributes in entries:
        is_group = "group" in texts(attributes, "objectClass")
        key = listing.reader.group_key(attributes) if is_group else listing.reader.key(attributes)
        (groups if is_group else people).append(key)
    return Page(removed=[key for key in people if key], removed_groups=[key for key in groups if key])


def controller(opened: Session) -> tuple[str, int, str]:
    """Return the domain controller's invocation id, its highest update number, and the naming context. Raises Misconfigured."""
    root = opened.read("", ["dsServiceName", "highestCommittedUSN", "defaultNamingContext"])
    service, highest, naming = (
        texts(root, name) for name in ("dsServiceName", "highestCommittedUSN", "defaultNamingContext")
    )
    if not service or not highest or not naming:
        raise Misconfigured("The server has no update numbers: changes by usn are Active Directory's.")
    invocation = opened.read(service[0], ["invocationId"]).get("invocationId")
    # Where the NTDS settings may not be read, the service's own name still tells one controller from another.
    return invocation[0].hex() if invocation else service[0], int(highest[0]), naming[0]


def _groups(listing: Listing, opened: Session, cookie: str | None) -> Iterator[Page]:
    changed = opened.refresh(
        listing.settings["groups_base_dn"], listing.settings["groups_filter"], listing.group_attributes, cookie, listing.size
    )  # fmt: skip
    with ExitStack() as kept:
        known = None
        for batch in changed:
            entries = [said for word, said in batch if word == "entry"]
            if entries:
                known = known or kept.enter_context(closing(listing.everybody(opened)))
                yield from listing.teams(opened, entries, known)
            yield Page(removed_groups=_uuids(batch, "delete"))


def _uuids(batch: list[tuple[str, Any]], wanted: str) -> list[str]:
    return [uuid for word, said in batch if word == wanted for uuid in said]
