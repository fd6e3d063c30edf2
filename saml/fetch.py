"""Load metadata from an address that a tenant typed: resolved once, never inside our own network, within limits."""

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2
from django.conf import settings

from saml.metadata import BYTES_MAX
from saml.refusals import Refused

SECONDS_MAX = 5.0


def metadata_document(url: str) -> bytes:
    """Return the body behind `url`; refuses with `metadata_fetch`, saying why.

    The name is resolved once and the connection goes to that very address, so that it cannot change between
    the check and the request; redirects are not followed, since they would need the same care again.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _resolve(host, port)
    literal = f"[{address}]" if ":" in address else address
    target = parts._replace(netloc=f"{literal}:{port}").geturl()
    try:
        with (
            httpx2.Client(timeout=SECONDS_MAX, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "GET", target, headers={"Host": parts.netloc}, extensions={"sni_hostname": host}
            ) as response,
        ):
            return _body(response)
    except httpx2.HTTPError as error:
        raise Refused("metadata_fetch", str(error)[:200] or type(error).__name__) from error


def _body(response: Any) -> bytes:
    if response.is_redirect:
        raise Refused("metadata_fetch", f"it points on to {response.headers.get('location', '')[:200]}")
    if response.status_code != httpx2.codes.OK:
        raise Refused("metadata_fetch", f"the answer was {response.status_code}")
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > BYTES_MAX:
            raise Refused("metadata_fetch", "the answer is too large")
    return bytes(body)


def _resolve(host: str, port: int) -> str:
    """Return the first public address of `host`, or any where the operator has allowed the name."""
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise Refused("metadata_fetch", f"{host} has no address") from error
    allowed = host in settings.ROLLCALL_OUTBOUND_ALLOW
    if not found or not (allowed or all(_public(address) for address in found)):
        raise Refused("metadata_fetch", f"{host} lies inside a private network")
    return found[0]


def _public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_global and not parsed.is_multicast
