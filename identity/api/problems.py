"""Every refusal as problem details (RFC 9457), by one table."""

from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from audit import context
from identity import errors
from identity.api import refused

CONTENT_TYPE: Final = "application/problem+json"

# A class without a line of its own is answered as the nearest one above it.
TABLE: Final[dict[type[errors.Refusal], tuple[int, str]]] = {
    errors.Refusal: (400, "The request is refused"),
    errors.Invalid: (400, "The input is wrong"),
    errors.UnknownResource: (400, "An unknown resource is named"),
    errors.UnknownRole: (400, "An unknown role is named"),
    errors.Forbidden: (403, "The right is lacking"),
    errors.OrganizationSuspended: (403, "The organization is suspended"),
    errors.NotFound: (404, "Nothing is here"),
    errors.UserNameTaken: (409, "The user name is taken"),
    errors.EmailTaken: (409, "The e-mail address is taken"),
    errors.ExternalIdTaken: (409, "The external id is taken"),
    errors.MovedAway: (409, "The person was moved to another directory"),
    errors.NameTaken: (409, "The name is taken"),
    errors.Conflict: (409, "Somebody else was faster"),
    errors.RecordWentBack: (409, "The record went back"),
    errors.NotSuspended: (409, "The organization is not suspended"),
    errors.Offboarded: (409, "The member is offboarded"),
    errors.SuspendedHere: (409, "The member is suspended by an administrator"),
    errors.LastAdministrator: (409, "An administrator must remain"),
    errors.GroupCycle: (409, "A group cannot be in itself"),
    errors.TooMany: (413, "It is too much for one request"),
    errors.TooSoon: (429, "It is too soon"),
}
_STATUS_TITLES: Final = {
    400: "The request is malformed",
    401: "A credential is needed",
    403: "The request is forbidden",
    404: "Nothing is here",
    405: "The method is not for this address",
    413: "The body is too large",
    409: "Somebody else was faster",
    415: "The body must be JSON",
    422: "The key belongs to another call",
}


class Problem(serializers.Serializer[Any]):
    """Problem details (RFC 9457). `code` is stable; `field` names the input at fault, as `grants[2].permission`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    field = serializers.CharField(required=False)
    request_id = serializers.CharField()


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal in the API's words."""

    status: int
    title: str
    code: str
    detail: str
    field: str = ""

    def body(self) -> dict[str, Any]:
        """Return the problem details."""
        body = {
            "type": f"{settings.ROLLCALL_PUBLIC_URL}/api/v1/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "field": self.field,
            "request_id": context.current().request_id,
        }
        if not self.field:
            del body["field"]
        return body


def handle(error: Exception, where: dict[str, Any]) -> Response | None:
    """Answer an expected refusal and have it recorded; None for a bug, which crashes and is logged."""
    answer = answer_of(error)
    if answer is None:
        return None
    refused.note(where["request"], where["view"], error, answer.status, answer.code, answer.field)
    response = Response(answer.body(), status=answer.status, content_type=CONTENT_TYPE)
    for name in ("auth_header", "wait"):
        value = getattr(error, name, None)
        if value is not None:
            response["WWW-Authenticate" if name == "auth_header" else "Retry-After"] = str(value)
    return response


def answer_of(error: Exception) -> Answer | None:
    """Return the answer that an exception stands for, None for one that no request should ever raise."""
    if isinstance(error, errors.Refusal):
        status, title = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
        return Answer(status, title, error.code, error.message, error.field)
    if isinstance(error, Http404):
        return Answer(404, _STATUS_TITLES[404], "not_found", "Nothing is at this address.")
    if isinstance(error, exceptions.ValidationError):
        field, detail = _first(error.detail)
        return Answer(400, TABLE[errors.Invalid][1], errors.Invalid.code, detail, field)
    if isinstance(error, exceptions.APIException):
        code = getattr(error.detail, "code", error.default_code)
        title = _STATUS_TITLES.get(error.status_code, "The request is refused")
        return Answer(error.status_code, title, code, str(error.detail))
    return None


def explain(code: str) -> str | None:
    """Return what a problem's code means, for the page that its `type` points to."""
    for kind in [*TABLE]:
        if kind.code == code:
            return kind.__doc__
    return None


def _first(detail: Any, path: str = "") -> tuple[str, str]:
    """Return the path of the first field at fault and its message, out of DRF's nested errors."""
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        if name in {"non_field_errors", ""}:
            return _first(inner, path)
        step = f"[{name}]" if isinstance(name, int) else str(name)
        joined = f"{path}{step}" if step.startswith("[") or not path else f"{path}.{step}"
        return _first(inner, joined)
    if isinstance(detail, list):
        for index, inner in enumerate(detail):
            if isinstance(inner, dict | list):
                if inner:
                    return _first(inner, f"{path}[{index}]")
            else:
                return path, str(inner)
        return path, "This is wrong."
    return path, str(detail)
