"""Every address of the server, by floor. Health and metrics answer before all this, see config/health.py."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = []
for _prefix, _module in (
    ("scim/v2/", "scim.urls"),
    ("saml2/", "saml.urls"),
    ("api/v1/", "scim.api_urls"),
    ("api/v1/", "saml.api_urls"),
    ("api/v1/", "identity.api.urls"),  # the last of the API's: it answers every address left over
    ("", "console.urls"),
):
    _package = _module.rpartition(".")[0]
    try:
        _found = find_spec(_module)
    except ModuleNotFoundError:
        continue
    if _found:
        urlpatterns.append(path(_prefix, include(_module)))
