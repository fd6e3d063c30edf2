"""The LDAP connector: OpenLDAP, 389 Directory Server, FreeIPA and Active Directory, whole or by what changed.

Paged results (RFC 2696) always, since a server's size limit cuts off plain searches. Changes (ldap_changes.py) by content
synchronisation or, at Active Directory, by uSNChanged. A bind DN without rights sees an empty tree and no error, therefore a canary.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final

from identity.directory_kinds import Field, Verdict
from tasks.connectors.faults import Misconfigured
from tasks.connectors.interface import Connector, End, Group, Json, Membership, Page, Person, Unreadable
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
_PEOPLE: Final = "(objectClass=inetOrgPerson)"
# Without Administrator, Guest, krbtgt and the accounts of trusts: they are nobody, and have no userPrincipalName.
_PEOPLE_ACTIVE_DIRECTORY: Final = (
    "(&(objectCategory=person)(objectClass=user)(!(isCriticalSystemObject=TRUE)))"
)
_GROUPS: Final = (
    "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))"
)
_MEMBERS: Final = ("member", "uniqueMember", "memberUid")


class LdapConnector(Connector):
    """Reads an LDAP directory."""

    kind: ClassVar[str] = "ldap"
    title: ClassVar[str] = "LDAP or Active Directory"
    setting_fields: ClassVar[tuple[Field, ...]] = (
        Field("url", "Address", "url", required=True, in_scope=True, help="As ldaps://host, or ldap://host with StartTLS."),
        Field("start_tls", "StartTLS", "flag", default=True, help="On ldap:// addresses. Without it the password goes in clear."),
        Field("ca_certificate", "Authority", help="PEM of the authority that signed the server's certificate; empty: this machine's."),
        Field("flavour", "Server", "choice", default="ldap", choices=("ldap", "active_directory"), in_scope=True),
        Field("base_dn", "Base DN of people", required=True, in_scope=True),
        Field("people_filter", "Filter of people", in_scope=True, help=f"Empty: {_PEOPLE}, or {_PEOPLE_ACTIVE_DIRECTORY}."),
        Field("groups_base_dn", "Base DN of groups", in_scope=True, help="Empty: no groups are read."),
        Field("groups_filter", "Filter of groups", default=_GROUPS, in_scope=True),
        Field("group_name", "Name of a group", default="cn", in_scope=True),
        Field("id_attribute", "Id", in_scope=True, help="What never changes. Empty: entryUUID, or objectGUID."),
        Field(
            "mapping", "Mapping", "mapping", choices=TARGETS, needs=("user_name",), in_scope=True,
            help=f"Which attribute fills what; there are {', '.join(TARGETS)}.",
        ),
        Field("changes", "Changes", "choice", default="none", choices=("none", "syncrepl", "usn"), help="none reads everybody each time."),
        Field("whole_hours", "Whole listing every", "number", default=24, most=720, help="Hours, where changes are read by usn."),
        Field("page_size", "Page size", "number", default=500, least=1, most=1000),
        Field("sentinel", "Canary", help="The id or user name of somebody who must be in every whole listing."),
    )  # fmt: skip
    credential_fields: ClassVar[tuple[Field, ...]] = (
        Field("bind_dn", "Bind DN", required=True),
        Field("password", "Password", required=True),
    )

    def test(self) -> Verdict:
        """Bind, and read the first people and groups. May raise Fault."""
        with self._session() as opened:
            from tasks.connectors import ldap_changes, ldap_server  # python-ldap is an extra

            ldap_server.check(opened, self.settings)
            found = next(opened.pages(self.base, self.people_filter, self.reader.attributes, 5), [])
            people = [self.reader.person(dn, attributes) for dn, attributes in found]
            bad = [one for one in people if isinstance(one, Unreadable)]
            groups = None
            if self.settings["groups_base_dn"]:
                groups = len(
                    next(
                        opened.pages(
                            self.settings["groups_base_dn"], self.settings["groups_filter"], ["cn"], 5
                        ),
                        [],
                    )
                )
            if self.settings["changes"] == "usn":
                ldap_changes.controller(opened)
            if self.settings["changes"] == "syncrepl":  # a server may name what it has nowhere
                next(opened.refresh(self.base, self.people_filter, self.reader.attributes, None, 1), [])
        sentence = "People can be read."
        if not people:
            sentence = "Nobody is below the base DN, or the bind DN may not see them."
        elif bad:
            sentence = f"{bad[0].place}: {bad[0].reason}"
        return Verdict(
            ok=bool(people) and not bad, sentence=sentence, code="" if people and not bad else "unreadable" if bad else "nobody",
            people=len(people), groups=groups, sample=[one.user_name for one in people if isinstance(one, Person)],
        )  # fmt: skip

    def fetch(self, *, checkpoint: Json | None = None, cookie: Json | None = None) -> Iterator[Page]:  # noqa: ARG002 - a paged search cannot go on in another connection
        """Give everybody, or what changed since the cookie. May raise Fault."""
        from tasks.connectors import ldap_changes  # python-ldap is an extra

        ways: dict[str, Callable[[LdapConnector, Session, Json | None], Iterator[Page]]] = {
            "none": LdapConnector.listing,
            "syncrepl": ldap_changes.by_synchronisation,
            "usn": ldap_changes.by_usn,
        }
        with self._session() as opened:
            yield from ways[self.settings["changes"]](self, opened, cookie)

    def listing(
        self, opened: "Session", _cookie: Json | None, following: Json | None = None
    ) -> Iterator[Page]:
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
            _PEOPLE_ACTIVE_DIRECTORY if self.active_directory else _PEOPLE
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

    def _session(self) -> AbstractContextManager["Session"]:
        try:
            from tasks.connectors.ldap_session import session  # python-ldap is an extra
        except ImportError as error:
            raise Misconfigured("This server was installed without LDAP: `make ldap` adds it.") from error
        return session(self.settings, self.credentials)
