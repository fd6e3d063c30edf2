"""A TLS handshake of our own before libldap's, which has no limit of time and no word for why it does not believe a certificate."""

import socket
import ssl
from typing import Final

from tasks.connectors.faults import Misconfigured, Unreachable

# The extended request that asks for TLS (RFC 4511 section 4.14.1), as message 1; and the result code of success in its answer.
_START_TLS: Final = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
_SUCCESS: Final = b"\x0a\x01\x00"
_ANSWER_BYTES_MAX: Final = 4096


def doubt(plug: socket.socket, host: str, authority: str, *, start_tls: bool) -> str:
    """Shake hands on a connection that has a time limit, and close it. Returns why the certificate is not believed, or nothing.

    `authority` is PEM, empty for this machine's. Nothing is decided here: libldap has its own opinion of each certificate. Raises
    Misconfigured for an authority that is none, and Unreachable where the server stalls, since libldap would wait for ever.
    """
    try:
        with plug:
            if start_tls:
                plug.sendall(_START_TLS)
                if _SUCCESS not in plug.recv(_ANSWER_BYTES_MAX):
                    return ""
            context = _trusting(authority)
            context.wrap_socket(plug, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except TimeoutError as error:
        raise Unreachable(f"{host} takes the connection and then does not answer to TLS.") from error
    except OSError:  # TLS's other refusals too: libldap may do what Python's library does not
        return ""
    return ""


def _trusting(authority: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not authority:
        context.load_default_certs()
        return context
    try:
        # What people write around the certificates may be in any script; they themselves are ASCII.
        context.load_verify_locations(cadata=authority.encode("ascii", "ignore").decode())
    except (ssl.SSLError, ValueError) as error:
        raise Misconfigured(
            "The authority is no certificate: paste it as PEM, with its BEGIN and END lines."
        ) from error
    return context
