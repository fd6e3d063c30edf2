"""Liveness, readiness and metrics, outside every protocol."""

from django.http import HttpRequest, HttpResponse, JsonResponse


def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that this process answers; touches nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(_request: HttpRequest) -> JsonResponse:
    """Say whether requests can be served."""
    return JsonResponse({"ready": True})


def metrics(_request: HttpRequest) -> HttpResponse:
    """Give the counters."""
    return HttpResponse("", content_type="text/plain")
