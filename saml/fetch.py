"""Load metadata from an address that a tenant typed."""

from http import HTTPStatus

from identity.outbound import Caller, Unreachable
from saml.metadata import BYTES_MAX
from saml.refusals import Refused

SECONDS_MAX = 5.0


def metadata_document(url: str) -> bytes:
    """Return the body behind `url`; refuses with `metadata_fetch`, saying why.

    Redirects are not followed: where one points is for the person who typed the address to decide.
    """
    try:
        with Caller(seconds_max=SECONDS_MAX, bytes_max=BYTES_MAX) as caller:
            answer = caller.call("GET", url)
    except Unreachable as error:
        raise Refused("metadata_fetch", str(error)) from error
    if "location" in answer.headers:
        raise Refused("metadata_fetch", f"it points on to {answer.headers['location'][:200]}")
    if answer.status != HTTPStatus.OK:
        raise Refused("metadata_fetch", f"the answer was {answer.status}")
    return answer.body
