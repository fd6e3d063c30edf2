"""The addresses of the project that is compared with: djangosaml2's, and a bare view."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def hello(_request: HttpRequest) -> HttpResponse:
    """Answer with next to nothing."""
    return HttpResponse("hello")


urlpatterns = [path("hello", hello), path("saml2/", include("djangosaml2.urls"))]
