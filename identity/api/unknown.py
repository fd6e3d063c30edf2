"""Addresses below /api/v1 that lead nowhere, and the page that a problem's `type` points to."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from identity.api import problems


@csrf_exempt
def unknown(_request: HttpRequest) -> HttpResponse:
    """Answer an unknown address as everything else is answered: with problem details."""
    answer = problems.Answer(404, "Nothing is here", "not_found", "The API has no such address.")
    return JsonResponse(answer.body(), status=404, content_type=problems.CONTENT_TYPE)


@require_safe
def explained(request: HttpRequest, code: str) -> HttpResponse:
    """Say what a problem's code means."""
    meaning = problems.explain(code)
    return JsonResponse({"code": code, "meaning": meaning}) if meaning else unknown(request)
