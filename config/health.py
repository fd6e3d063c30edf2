"""Liveness, readiness and metrics, outside every protocol: /healthz, /readyz, /metrics."""

from collections.abc import Callable
from hmac import compare_digest
from ipaddress import ip_address
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit import sequencer
from config import metrics as counters
from config import servers
from config.middleware import client_address
from identity import secrets

LAG_SECONDS_MAX: Final = 60.0


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that this process answers; touches neither database nor broker."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """Say whether everything is up: 200 or 503, with one word for each thing that was looked at."""
    checks = {
        "database": servers.database(),
        "migrations": "unknown",
        "sequencer": "unknown",
        "broker": servers.broker(),
    }
    try:
        if checks["database"] != servers.UNREACHABLE:
            checks |= _prepared()
    except DatabaseError:
        checks["database"] = servers.UNREACHABLE
    ready = all(word == servers.OK for word in checks.values())
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the counters to the allowed networks, or to whoever has the token; others learn nothing is here."""
    if not (_has_token(request) or _from_allowed_network(request)):
        raise Http404
    return HttpResponse(counters.render(), content_type="text/plain; version=0.0.4; charset=utf-8")


class ProbeMiddleware:
    """Answer the machines that watch us before anything else looks: they ask by address and not by our public name."""

    views: Final = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a probe here, and hand on all else."""
        return self.views.get(request.path_info, self.get_response)(request)


def migrations_waiting() -> int:
    """Return how many migrations of this release the database has not had."""
    loader = MigrationLoader(connection)
    return len(set(loader.disk_migrations or ()) - set(loader.applied_migrations))


def _prepared() -> dict[str, str]:
    """Say how migrations, keys and sequencer are. Raises DatabaseError."""
    if waiting := migrations_waiting():
        return {"migrations": f"{waiting} waiting"}
    lag = sequencer.lag_seconds()
    behind = f"{lag:.0f} seconds behind" if lag > LAG_SECONDS_MAX else servers.OK
    closed = secrets.unopened()
    keys = f"{closed} organizations' keys do not open" if closed else servers.OK
    return {"migrations": servers.OK, "keys": keys, "sequencer": behind}


def _has_token(request: HttpRequest) -> bool:
    wanted: str = settings.ROLLCALL_METRICS_TOKEN
    return bool(wanted) and compare_digest(
        request.headers.get("Authorization", "").encode(), f"Bearer {wanted}".encode()
    )


def _from_allowed_network(request: HttpRequest) -> bool:
    if not settings.ROLLCALL_TRUSTED_PROXIES and "X-Forwarded-For" in request.headers:
        return False  # a proxy that we were not told of: its own address says nothing about the caller
    try:
        address = ip_address(client_address(request))
    except ValueError:
        return False
    return any(address in network for network in settings.ROLLCALL_METRICS_NETWORKS)
