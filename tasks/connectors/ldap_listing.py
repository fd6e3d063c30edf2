"""What an LDAP server has below a directory's base DNs: people, and groups with their members.

By paged results (RFC 2696) always, since a server's size limit cuts off plain searches.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from tasks.connectors.faults import Misconfigured
from tasks.connectors.interface import End, Group, Json, Membership, Page, Person, Unreadable
from tasks.connectors.ldap_entries import Attributes, People, Reader, members
from tasks.connectors.mapping import TARGETS, unknown_targets

if TYPE_CHECKING:
    from tasks.connectors.ldap_session import Entry, Session

MAPPING: Final = {
    "user_name": "uid", "displayName": "cn", "givenName": "givenName", "familyName": "sn", "email": "mail", "title": "title",
    "phone": "telephoneNumber", "mobile": "mobile", "department": "departmentNumber", "employeeNumber": "employeeNumber",
    "preferredLanguage": "preferredLanguage",
}  # fmt: skip
MAPPING_ACTIVE_DIRECTORY: Final = MAPPING | {
    "user_name": "userPrincipalName", "displayName": "displayName", "department": "department", "employeeNumber": "employeeID",
}  # fmt: skip
# On one page: a group of everybody comes in several.
_MEMBERSHIPS_MAX: Final = 5000
PEOPLE: Final = "(objectClass=inetOrgPerson)"
# Without Administrator, Guest, krbtgt and the accounts of trusts: they are nobody, and have no userPrincipalName.
PEOPLE_ACTIVE_DIRECTORY: Final = (
    "(&(objectCategory=person)(objectClass=user)(!(isCriticalSystemObject=TRUE)))"
)
GROUPS: Final = (
    "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))"
)
_MEMBERS: Final = ("member", "uniqueMember", "memberUid")


class Listing:
    """Asks by the settings of a directory of the kind `ldap`, in a session that is handed to it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def everything(self, opened: "Session", following: Json | None = None) -> Iterator[Page]:
        """Give everybody and every group; `following` is the cookie of a listing that came to its end."""
        from tasks.connectors.ldap_faults import CutOff  # python-ldap is an extra

        with closing(People()) as known:
            lacks = ""
            try:
                for entries in opened.pages(self.base, self.people_filter, self.reader.attributes, self.size):
                    yield self.people(entries, known if self.settings["groups_base_dn"] else None)
            except CutOff as fault:
                lacks = fault.message
            try:
                if self.settings["groups_base_dn"]:
                    yield from self.groups(opened, self.settings["groups_filter"], known)
            except CutOff as fault:
                lacks = lacks or fault.message
        yield Page(end=End(whole=True, cookie=None if lacks else following, incomplete=lacks))

    def people(self, entries: Sequence["Entry"], known: People | None = None) -> Page:
        """Return the page that these entries of people make, and remember whose DN is whose."""
        found = [(dn, self.reader.person(dn, attributes)) for dn, attributes in entries]
        for (dn, attributes), (_, one) in zip(entries, found, strict=True):
            if known is not None and isinstance(one, Person):
                known.add(dn, one.external_id, one.user_name, self.reader.primary_group(attributes))
        return Page.of(one for _, one in found)

    def groups(self, opened: "Session", search_filter: str, known: People) -> Iterator[Page]:
        """Give the groups that a filter finds, each with all of its members."""
        for entries in opened.pages(
            self.settings["groups_base_dn"], search_filter, self.group_attributes, self.size
        ):
            yield from self.teams(opened, entries, known)

    def teams(self, opened: "Session", entries: Iterable["Entry"], known: People) -> Iterator[Page]:
        """Give the pages that these entries of groups make: a page more wherever very many are in them."""
        groups: list[Group] = []
        memberships: list[Membership] = []
        bad: list[Unreadable] = []
        for dn, attributes in entries:
            group = self.reader.group(dn, attributes, self.settings["group_name"])
            if isinstance(group, Unreadable):
                bad.append(group)
                continue
            groups.append(group)
            for key in self._members(opened, dn, attributes, known):
                memberships.append(Membership(group.external_id, key))
                if len(memberships) == _MEMBERSHIPS_MAX:
                    yield Page(groups=groups, memberships=memberships)
                    groups, memberships = [], []
        yield Page(groups=groups, memberships=memberships, unreadable=bad)

    def _members(self, opened: "Session", dn: str, attributes: Attributes, known: People) -> Iterator[str]:
        """Give the ids of a group's people; long lists are asked for range by range."""
        for name in _MEMBERS:
            values, following = members(attributes, name)
            yield from known.keys(values)
            while following:
                values, following = members(opened.read(dn, [following]), name)
                yield from known.keys(values)
        yield from known.unlisted(self.reader.relative_id(attributes))

    def everybody(self, opened: "Session") -> People:
        """Return whose DN is whose, by a listing of nothing but that."""
        from tasks.connectors.ldap_faults import Elsewhere  # python-ldap is an extra

        known = People()
        with suppress(Elsewhere):
            for entries in opened.pages(
                self.base, self.people_filter, self.reader.name_attributes, self.size
            ):
                for dn, attributes in entries:
                    key, name = self.reader.key(attributes), self.reader.user_name(attributes)
                    if key:
                        known.add(dn, key, name, self.reader.primary_group(attributes))
        return known

    @property
    def active_directory(self) -> bool:
        """Return whether the server is one of Active Directory's."""
        return bool(self.settings["flavour"] == "active_directory")

    @property
    def base(self) -> str:
        """Return the base DN of people."""
        return str(self.settings["base_dn"])

    @property
    def people_filter(self) -> str:
        """Return the filter of people."""
        return self.settings["people_filter"] or (
            PEOPLE_ACTIVE_DIRECTORY if self.active_directory else PEOPLE
        )

    @property
    def size(self) -> int:
        """Return how many entries a page has."""
        return int(self.settings["page_size"])

    @property
    def mapping(self) -> dict[str, str]:
        """Return which attribute fills what. Raises Misconfigured."""
        mapping = self.settings["mapping"] or (MAPPING_ACTIVE_DIRECTORY if self.active_directory else MAPPING)
        strange = unknown_targets(mapping)
        if strange or "user_name" not in mapping:
            raise Misconfigured(f"The mapping must fill user_name, and may fill {', '.join(TARGETS)}.")
        return dict(mapping)

    @cached_property
    def reader(self) -> Reader:
        """Return what reads entries by these settings. Raises Misconfigured."""
        default = "objectGUID" if self.active_directory else "entryUUID"
        id_attribute = self.mapping.get("external_id") or self.settings["id_attribute"] or default
        return Reader(self.mapping, id_attribute, active_directory=self.active_directory)

    @property
    def group_attributes(self) -> list[str]:
        """Return what to ask for of a group."""
        return [*self.reader.group_attributes, self.settings["group_name"], *_MEMBERS]
