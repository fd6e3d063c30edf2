"""The LDAP connector: OpenLDAP, 389 Directory Server, FreeIPA and Active Directory, whole or by what changed.

Everybody by paged results (ldap_listing.py); changes (ldap_changes.py) by content synchronisation or, at Active Directory, by
uSNChanged. A bind DN without rights sees an empty tree and no error, therefore a canary.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from identity.directory_kinds import Field, Verdict
from tasks.connectors.faults import Misconfigured
from tasks.connectors.interface import Connector, Json, Page, Person, Unreadable
from tasks.connectors.ldap_listing import GROUPS, PEOPLE, PEOPLE_ACTIVE_DIRECTORY, Listing
from tasks.connectors.mapping import TARGETS

if TYPE_CHECKING:
    from tasks.connectors.ldap_session import Session


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
        Field("people_filter", "Filter of people", in_scope=True, help=f"Empty: {PEOPLE}, or {PEOPLE_ACTIVE_DIRECTORY}."),
        Field("groups_base_dn", "Base DN of groups", in_scope=True, help="Empty: no groups are read."),
        Field("groups_filter", "Filter of groups", default=GROUPS, in_scope=True),
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
            listing = self.listing
            found = next(opened.pages(listing.base, listing.people_filter, listing.reader.attributes, 5), [])
            people = [listing.reader.person(dn, attributes) for dn, attributes in found]
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
                next(
                    opened.refresh(listing.base, listing.people_filter, listing.reader.attributes, None, 1),
                    [],
                )
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
        with self._session() as opened:
            from tasks.connectors import ldap_changes  # python-ldap is an extra

            match self.settings["changes"]:
                case "syncrepl":
                    yield from ldap_changes.by_synchronisation(self.listing, opened, cookie)
                case "usn":
                    yield from ldap_changes.by_usn(self.listing, opened, cookie)
                case _:
                    yield from self.listing.everything(opened)

    @cached_property
    def listing(self) -> Listing:
        """Return what asks the server by these settings."""
        return Listing(self.settings)

    def _session(self) -> AbstractContextManager["Session"]:
        try:
            from tasks.connectors.ldap_session import session  # python-ldap is an extra
        except ImportError as error:
            raise Misconfigured("This server was installed without LDAP: `make ldap` adds it.") from error
        return session(self.settings, self.credentials)
