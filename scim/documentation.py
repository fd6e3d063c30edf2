"""What a client finds behind documentationUri: what is our own beside the RFCs, our limits, and every code of an error."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views import View

from scim import bulk, normaliser, paging, projection, protocol
from scim.address import base_url
from scim.errors import CATALOGUE

_TEXT: Final = """SCIM 2.0 at {base}
RFC 7643, RFC 7644 and RFC 9865. What is our own beside them:

Who calls
  A token is sent as Authorization: Bearer, or as the password of HTTP Basic, with any user name.

The members of a large group, page by page
  GET {base}/Groups/{{id}}/members?count=500&cursor=
  A ListResponse whose Resources are values of "members": value, $ref, type, and display where attributes=display
  asks for it. totalResults is as of the first page; nextCursor of a page is the cursor of the next one. At most
  {page} come on a page. Whoever is in the group from the first page to the last is listed once. The ETag is the
  group's, up to a dot: where that differs between two pages, the group changed meanwhile. Behind the dot stands a digest
  of the names that are shown. filter, sortBy and startIndex are refused.
  GET {base}/Groups/{{id}}?excludedAttributes=members reads a group without its members.

Members of groups
  A member is named by id, or by the externalId that this directory gave it. Whoever is not here yet joins on arrival.

A person by themselves
  {base}/Me is for a person's own token; a directory's token gets 501.

Limits
  {page} resources on a page, {body} bytes in a body, {bulk} operations in a Bulk request, {patch} in a PATCH of a
  person, {group} of a group, {names} names in attributes or excludedAttributes.

Errors
  "detail" ends with a stable code in brackets:

{codes}
"""


class Documentation(View):
    """A page of text for everybody: it says nothing of any organization."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        """Show it."""
        codes = "\n".join(
            f"  {kind.status} {code.value}\n      {kind.title}" for code, kind in CATALOGUE.items()
        )
        text = _TEXT.format(
            base=base_url(), page=paging.COUNT_MAX, body=protocol.BODY_BYTES_MAX, bulk=bulk.OPERATIONS_MAX,
            patch=normaliser.OPERATIONS_MAX, group=normaliser.GROUP_OPERATIONS_MAX, names=projection.NAMES_MAX, codes=codes,
        )  # fmt: skip
        return HttpResponse(text, content_type="text/plain; charset=utf-8")
