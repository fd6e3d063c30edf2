"""The floor of the web stack: a bare Django view that says hello in JSON, without middleware, served like the product."""

import os

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hello")

SECRET_KEY = "nothing is signed here"  # noqa: S105
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = "hello"
INSTALLED_APPS: list[str] = []
MIDDLEWARE: list[str] = []


def hello(_request: HttpRequest) -> JsonResponse:
    """Say hello."""
    return JsonResponse({"hello": "world"})


urlpatterns = [path("hello", hello)]


def __getattr__(name: str) -> object:
    # Only when asked for: the settings are this module, too.
    if name == "application":
        return get_wsgi_application()
    raise AttributeError(name)
