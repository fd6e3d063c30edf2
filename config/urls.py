"""Every address of the server, by floor. Health and metrics answer before all this, see config/health.py."""

from django.urls import include, path

from scim.discovery import Nowhere

handler400 = "config.failures.malformed"
handler404 = "config.failures.missing"
handler500 = "config.failures.crashed"

urlpatterns = [
    path("scim/v2", Nowhere.as_view()),  # a redirect would be a page, and would turn a POST into a GET
    path("scim/v2/", include("scim.urls")),
    path("saml2/", include("saml.urls")),
    path("api/v1/", include("scim.api_urls")),
    path("api/v1/", include("saml.api_urls")),
    path(
        "api/v1/", include("identity.api.urls")
    ),  # the last of the API's: it answers every address left over
    path("", include("console.urls")),
]
