"""Asks DNS for the TXT records of a name; tells apart what DNS says and what it could not say."""

from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver
from django.conf import settings

# Over all tries, all servers, and the change to TCP where an answer was cut off (RFC 7766).
SECONDS_MAX: Final = 5.0
_ONE_TRY_SECONDS: Final = 2.0
_TEXTS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """The texts at a name. `problem` is empty, or `no_name` (NXDOMAIN), `no_text` (the name has none), `unreachable` (nobody knows)."""

    texts: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether DNS itself said so; a server that fails says nothing about the record."""
        return self.problem != "unreachable"


def texts(name: str) -> Answer:
    """Return the TXT records at the name, aliases (CNAME) followed, waiting at most five seconds.

    A record of several strings is one text, its strings joined without anything between them (RFC 7208, 3.3).
    """
    try:
        found = _resolver().resolve(
            name, dns.rdatatype.TXT, search=False, lifetime=SECONDS_MAX, raise_on_no_answer=False
        )
    except dns.resolver.NXDOMAIN:
        return Answer(problem="no_name")
    except dns.exception.DNSException:
        return Answer(problem="unreachable")
    if found.rrset is None:
        return Answer(problem="no_text")
    records = list(found.rrset)[:_TEXTS_MAX]
    return Answer(tuple(b"".join(record.strings).decode("utf-8", "replace") for record in records))


def _resolver() -> dns.resolver.Resolver:
    """Return a resolver of the servers in the settings, else of the machine's own. Raises NoResolverConfiguration."""
    chosen = settings.ROLLCALL_DNS_SERVERS
    resolver = dns.resolver.Resolver(configure=not chosen)
    if chosen:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in chosen]
    resolver.timeout = _ONE_TRY_SECONDS
    return resolver
