"""django-scim2 on PostgreSQL: settings, addresses and WSGI application of a project as small as it can be."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "durable")

_parts = urlsplit(os.environ["PEER_DATABASE"])
SECRET_KEY = os.environ["PEER_TOKEN"]
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "durable"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "people"]
MIDDLEWARE = ["durable.BearerToken", "django_scim.middleware.SCIMAuthCheckMiddleware"]
AUTH_USER_MODEL = "people.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": _parts.hostname,
        "PORT": _parts.port,
        "NAME": _parts.path.lstrip("/"),
        "USER": _parts.username,
        "PASSWORD": _parts.password,
        "CONN_MAX_AGE": None,
    }
}
SCIM_SERVICE_PROVIDER = {
    "NETLOC": "localhost",
    "SCHEME": "http",
    "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "Bearer", "description": "a token"}],
    "GROUP_MODEL": "people.models.Group",
}


class _Caller:
    is_authenticated = is_active = True
    is_anonymous = False


class BearerToken:
    """Lets in whoever has the one token."""

    def __init__(self, get_response: Callable) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Say who calls."""
        if request.headers.get("Authorization") == f"Bearer {SECRET_KEY}":
            request.user = _Caller()
        return self.get_response(request)


def __getattr__(name: str) -> Any:
    # Only when they are asked for: the settings are this module, too.
    if name == "urlpatterns":
        from django.urls import include, path

        return [path("scim/v2/", include("django_scim.urls", namespace="scim"))]
    if name == "application":
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()
    raise AttributeError(name)
