"""What this server can do, told to clients: ServiceProviderConfig, ResourceTypes, Schemas (RFC 7643 §5–7, RFC 7644 §4)."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from scim import bulk, following, paging, protocol
from scim.address import base_url
from scim.door import Door, caller, reply
from scim.errors import Code, ScimError
from scim.schemas import GOVERNED_SCHEMAS, GOVERNED_TYPES


class ServiceProviderConfig(Door):
    """What is supported, and within which limits."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Tell the truth: what is switched on here works, what doesn't work is off."""
        _no_filter(request)
        return reply(service_provider_config(base_url()))


class ResourceTypes(Door):
    """The kinds of resources."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """List them."""
        _no_filter(request)
        return _all(_types(request))


class ResourceType(Door):
    """One kind of resource."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Return it by name."""
        _no_filter(request)
        return _named(_types(request), name)


class Schemas(Door):
    """The schemas."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """List them."""
        _no_filter(request)
        return _all(_schemas(request))


class Schema(Door):
    """One schema."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Return it by its URN."""
        _no_filter(request)
        return _named(_schemas(request), name)


class Nowhere(Door):
    """Every other address: answered as SCIM answers, not with a page."""

    def handler(self, request: HttpRequest) -> Any:  # noqa: ARG002 - as every Door's
        """Refuse any method alike."""
        raise ScimError(Code.NO_ENDPOINT, base=base_url())


def service_provider_config(base: str) -> dict[str, Any]:
    """Return the document (RFC 7643 §5, and `pagination` of RFC 9865 §4)."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "documentationUri": f"{base}/documentation",
        "patch": {"supported": True},
        # authentik cuts its PATCHes into pieces of bulk.maxOperations.
        "bulk": {
            "supported": True,
            "maxOperations": bulk.OPERATIONS_MAX,
            "maxPayloadSize": protocol.BODY_BYTES_MAX,
        },
        "filter": {"supported": True, "maxResults": paging.COUNT_MAX},
        "changePassword": {"supported": False},
        "sort": {"supported": True},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": paging.COUNT_DEFAULT,
            "maxPageSize": paging.COUNT_MAX,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Token of the directory",
                "description": "A bearer token that an administrator makes for this directory in Rollcall.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "documentationUri": f"{base}/documentation",
                "primary": True,
            },
            {
                "type": "httpbasic",
                "name": "Token as a password",
                "description": "For clients that know HTTP Basic alone: the same token as the password; the user name says nothing.",
                "specUri": "https://www.rfc-editor.org/info/rfc7617",
                "documentationUri": f"{base}/documentation",
                "primary": False,
            },
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
    }


def _types(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the resource types; roles and entitlements only to a directory that assigns them."""
    governed = GOVERNED_TYPES if following.follows(caller(request).directory) else ()
    return [each.document(base_url()) for each in (*caller(request).schemas.types, *governed)]


def _schemas(request: HttpRequest) -> list[dict[str, Any]]:
    governed = GOVERNED_SCHEMAS if following.follows(caller(request).directory) else ()
    return [each.document(base_url()) for each in (*caller(request).schemas.schemas, *governed)]


def _all(documents: list[dict[str, Any]]) -> HttpResponse:
    return reply(protocol.listing(documents, len(documents), 1))


def _named(documents: list[dict[str, Any]], name: str) -> HttpResponse:
    chosen = next((each for each in documents if each["id"].lower() == name.lower()), None)
    if chosen is None:
        raise ScimError(Code.NOT_FOUND, what="schema or resource type")
    return reply(chosen)


def _no_filter(request: HttpRequest) -> None:
    """Refuse a filter here: what is left out would look like what isn't supported (RFC 7644 §4)."""
    if "filter" in {name.lower() for name in request.GET}:
        raise ScimError(Code.FORBIDDEN_FILTER)
