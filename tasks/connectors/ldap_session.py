"""An LDAP connection to an address that a tenant typed: bound, over TLS, paged, its refusals as faults. Needs python-ldap (`make ldap`)."""

import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import ldap
from ldap.controls import RequestControl, SimplePagedResultsControl
from ldap.ldapobject import SimpleLDAPObject
from ldap.syncrepl import SyncreplConsumer

from identity.outbound import Unreachable as NotReached
from identity.outbound import connected
from tasks.connectors import ldap_tls
from tasks.connectors.faults import Fault, Misconfigured, Unreachable
from tasks.connectors.ldap_faults import Elsewhere, faults, said

SECONDS_MAX: Final = 30
# A server that tells one entry at a time, and seldom, must not have the worker silent for longer than its lease on the run.
BATCH_SECONDS: Final = 30
_PORTS: Final = {"ldap": 389, "ldaps": 636}
# A search from the top of an Active Directory domain refers to these naming contexts, always ([MS-ADTS] section 3.1.1.1.5).
_WITHOUT_PEOPLE: Final = ("/cn=configuration,", "/cn=schema,", "/dc=domaindnszones,", "/dc=forestdnszones,")

Entry = tuple[str, Mapping[str, Sequence[bytes]]]


class Session(SyncreplConsumer, SimpleLDAPObject):
    """One bound connection. `pages` walks a search, `refresh` a content synchronisation (RFC 4533)."""

    said: list[tuple[str, Any]]
    cookie: str | None = None
    whole: bool = False

    def pages(
        self, base: str, search_filter: str, attributes: Sequence[str], size: int, *more: RequestControl
    ) -> Iterator[list[Entry]]:
        """Give the entries below `base` in pages. Raises Fault: CutOff where they are but a part, Elsewhere behind the last page."""
        control = SimplePagedResultsControl(criticality=True, size=size, cookie="")
        elsewhere = ""
        while True:
            with faults():
                asked = self.search_ext(
                    base, ldap.SCOPE_SUBTREE, search_filter, list(attributes), serverctrls=[control, *more]
                )
                _, found, _, controls = self.result3(asked, timeout=SECONDS_MAX)
            elsewhere = elsewhere or next(
                (url for dn, urls in found if dn is None for url in urls if _may_hold_people(url)), ""
            )
            yield [entry for entry in found if entry[0] is not None]
            answered = [one for one in controls if one.controlType == SimplePagedResultsControl.controlType]
            if not answered or not answered[0].cookie:
                break
            control.cookie = answered[0].cookie
        if elsewhere:
            raise Elsewhere(
                f"The directory refers to another server for a part of the tree, which is not read ({elsewhere[:200]}): "
                "choose a narrower base DN."
            )

    def referral(self, *bases: str) -> str:
        """Say why what lies below one of the bases is not all that there is: a part of it lies elsewhere. Empty where none does.

        A search gives such a place whatever its filter is; content synchronisation gives it once, or not at all. Raises Fault.
        """
        try:
            for base in bases:
                for _ in self.pages(base, "(objectClass=referral)", ["1.1"], 1):
                    pass
        except Elsewhere as fault:
            return fault.message
        return ""

    def read(self, dn: str, attributes: Sequence[str]) -> Mapping[str, Sequence[bytes]]:
        """Return one entry's attributes. Raises Fault."""
        with faults():
            found = self.search_ext_s(
                dn, ldap.SCOPE_BASE, "(objectClass=*)", list(attributes), timeout=SECONDS_MAX
            )
        return found[0][1] if found else {}

    def refresh(
        self, base: str, search_filter: str, attributes: Sequence[str], cookie: str | None, size: int
    ) -> Iterator[list[tuple[str, Any]]]:
        """Give what changed since `cookie`, in batches of ("entry", (dn, attributes)), ("delete", uuids), ("present", uuids).

        A batch is as large as what was said in half a minute, and may be empty.

        Afterwards `cookie` is the one for the next time. `whole` says that this was a full listing, so that whoever was not named is gone:
        that is so at first, and whenever the server no longer knows what was deleted, as slapd after a restart. Raises Fault, and
        ResyncNeeded if the server refuses the cookie.
        """
        # slapd ends a first listing as if deletions had been told expressly.
        self.said, self.cookie, self.whole = [], cookie, cookie is None
        with faults():
            asked = self.syncrepl_search(
                base, ldap.SCOPE_SUBTREE, mode="refreshOnly", cookie=cookie, filterstr=search_filter, attrlist=list(attributes)
            )  # fmt: skip
        going, begun_at = True, time.monotonic()
        while going:
            with faults():
                going = self.syncrepl_poll(asked, timeout=SECONDS_MAX)
            late = time.monotonic() - begun_at >= BATCH_SECONDS
            if late or (self.said and (not going or len(self.said) >= size)):
                yield self.said
                self.said, begun_at = [], time.monotonic()

    def syncrepl_get_cookie(self) -> str | None:
        """Return the cookie to begin with."""
        return self.cookie

    def syncrepl_set_cookie(self, cookie: str) -> None:
        """Keep the cookie for the next run."""
        self.cookie = cookie

    def syncrepl_entry(self, dn: str, attributes: Mapping[str, Sequence[bytes]], uuid: str) -> None:
        """Note somebody who is new or changed. Raises Misconfigured where the server's ids are not the entries' own."""
        if attributes.get("entryUUID", [uuid.encode()])[0].decode("utf-8", "replace") != uuid:
            raise Misconfigured(
                "The server's content synchronisation does not name people by entryUUID: set changes to none."
            )
        self.said.append(("entry", (dn, attributes)))

    def syncrepl_delete(self, uuids: Sequence[str]) -> None:
        """Note whom the server says to be deleted."""
        self.said.append(("delete", list(uuids)))

    def syncrepl_present(self, uuids: Sequence[str] | None, refreshDeletes: bool = False) -> None:  # noqa: FBT001, FBT002, N803 - python-ldap's
        """Note who is there unchanged; None ends the phase and says whether deletions were told expressly."""
        if uuids is not None:
            self.said.append(("present", list(uuids)))
        elif not refreshDeletes:
            self.whole = True


def _may_hold_people(url: str) -> bool:
    """Return whether a reference may lead to people. Active Directory's to its configuration and to its zones of DNS never do."""
    return not unquote(urlsplit(url).path).casefold().startswith(_WITHOUT_PEOPLE)


@contextmanager
def session(settings: Mapping[str, Any], credentials: Mapping[str, Any]) -> Iterator[Session]:
    """Open a connection, secure it as the settings say, bind and close at the end. Raises Fault."""
    url = settings["url"]
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise Misconfigured("The address cannot be read: it is like ldaps://host:636.") from error
    if parts.scheme not in _PORTS or not host:
        raise Misconfigured("The address is like ldaps://host, or ldap://host with StartTLS.")
    start_tls = parts.scheme == "ldap" and settings["start_tls"]
    distrust = ""
    if start_tls or parts.scheme == "ldaps":
        distrust = ldap_tls.doubt(
            _plug(host, port), host, settings["ca_certificate"] or "", start_tls=start_tls
        )
    plug = _plug(host, port)
    plug.settimeout(None)  # libldap waits by itself, on a blocking socket, which it closes
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as authority:
        with faults():
            opened = _opened(parts.scheme, host, port, plug)
            _secure(opened, settings, authority)
            try:
                if start_tls:
                    _start_tls(opened)
                opened.simple_bind_s(credentials["bind_dn"] or "", credentials["password"] or "")
            except (ldap.SERVER_DOWN, ldap.CONNECT_ERROR) as error:
                raise _not_secured(url, distrust) from error
        try:
            yield opened
        finally:
            with suppress(ldap.LDAPError):
                opened.unbind_s()


def _start_tls(opened: Session) -> None:
    try:
        opened.start_tls_s()
    except ldap.PROTOCOL_ERROR as error:
        raise Misconfigured(
            f"The server does not offer StartTLS ({said(error)}): use an ldaps:// address."
        ) from error


def _plug(host: str, port: int) -> socket.socket:
    try:
        return connected(host, port, SECONDS_MAX)
    except (OSError, NotReached) as error:
        raise Unreachable(f"{host}:{port} cannot be reached: {error}.") from error


def _not_secured(url: str, distrust: str) -> Fault:
    """Return what to say when the connection ends before anybody is bound, which is all that libldap says of a bad certificate."""
    if distrust:
        return Misconfigured(
            f"The certificate of {url} is not believed ({distrust}): check the authority, and the name in the address."
        )
    return Unreachable(
        f"{url} can be reached, and then the connection ends: check that it speaks TLS on this port in this way."
    )


def _opened(scheme: str, host: str, port: int, plug: socket.socket) -> Session:
    """Return libldap's end of the connection; the name in the URL is what a certificate must be for.

    Over ldap:// it uses the very socket that was connected to the checked address. libldap begins no TLS on a socket that it is given, so
    ldaps:// connects anew. If the name has come to mean another address by then, that one must show a certificate for the name.
    """
    if scheme == "ldap":
        return Session(f"ldap://{host}:{port}", fileno=plug.detach())
    plug.close()
    return Session(f"ldaps://{host}:{port}")


def _secure(opened: Any, settings: Mapping[str, Any], authority: Any) -> None:
    opened.set_option(ldap.OPT_PROTOCOL_VERSION, 3)
    opened.set_option(ldap.OPT_REFERRALS, 0)  # another server is another address, which nobody has checked
    opened.set_option(ldap.OPT_NETWORK_TIMEOUT, SECONDS_MAX)
    opened.set_option(ldap.OPT_TIMEOUT, SECONDS_MAX)
    opened.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    if settings["ca_certificate"]:
        authority.write(settings["ca_certificate"])
        authority.flush()
        opened.set_option(ldap.OPT_X_TLS_CACERTFILE, authority.name)
    opened.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
