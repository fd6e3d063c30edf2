"""The addresses of the API, below /api/v1/."""

from django.urls import path, re_path, register_converter

from identity.api import me, unknown
from identity.api.organization import OrganizationConverter

register_converter(OrganizationConverter, "org")

urlpatterns = [
    path("me", me.MeView.as_view(), name="api-me"),
    path("problems/<slug:code>", unknown.explained, name="api-problem"),
    re_path(r"^(?P<rest>.*)$", unknown.unknown, name="api-unknown"),
]
