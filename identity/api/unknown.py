"""Addresses below /api/v1 that lead nowhere, and the page that a problem's `type` points to."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import MethodNotAllowed

from identity.api import problems

_READING = ("GET", "HEAD")


@csrf_exempt
def unknown(_request: HttpRequest) -> HttpResponse:
    """Answer an unknown address as everything else is answered: with problem details."""
    answer = problems.Answer(404, "Nothing is here", "not_found", "The API has no such address.")
    return JsonResponse(answer.body(), status=404, content_type=problems.CONTENT_TYPE)


@csrf_exempt
def explained(request: HttpRequest, code: str) -> HttpResponse:
    """Say what a problem's code means."""
    if request.method not in _READING:
        answer = problems.answer_of(MethodNotAllowed(str(request.method)))
        assert answer is not None  # noqa: S101 - the table has every refusal of DRF
        headers = {"Allow": ", ".join(_READING)}
        return JsonResponse(
            answer.body(), status=answer.status, content_type=problems.CONTENT_TYPE, headers=headers
        )
    meaning = problems.explain(code)
    return JsonResponse({"code": code, "meaning": meaning}) if meaning else unknown(request)
