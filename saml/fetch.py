"""Load metadata from an address that a tenant typed."""

from http import HTTPStatus

from identity.outbound import Caller, TooLarge, Unreachable
from saml.metadata import BYTES_MAX
from saml.refusals import CATALOGUE, Refused

SECONDS_MAX = 5.0


def metadata_document(url: str) -> bytes:
    """Return the body behind `url`; refuses with `metadata_fetch`, saying why.

    Redirects are not followed: where one points is for the person who typed the address to decide.
    """
    try:
        with Caller(seconds_max=SECONDS_MAX, bytes_max=BYTES_MAX) as caller:
            answer = caller.call("GET", url)
    except TooLarge as error:
        # Loading it elsewhere and uploading it, as is advised otherwise, would not help: a file has the same limit.
        large = CATALOGUE["metadata_large"]
        raise Refused("metadata_fetch", f"{large.means} {large.fix}") from error
    except Unreachable as error:
        raise Refused("metadata_fetch", str(error)) from error
    if "location" in answer.headers:
        raise Refused("metadata_fetch", f"it points on to {answer.headers['location'][:200]}")
    if answer.status != HTTPStatus.OK:
        raise Refused("metadata_fetch", f"the answer was {answer.status}")
    return answer.body
