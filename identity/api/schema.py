"""The description of the API (OpenAPI 3), open to everybody: it knows of nobody's data."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.response import Response

from identity.api import description, problems


class Schema(SpectacularJSONAPIView):
    """The schema, as JSON.

    A page to read it in would need scripts from another host, or inline ones that our Content-Security-Policy refuses.
    """

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    http_method_names = ["get", "head"]
    # Choices stand where they are used: names made up for shared ones change when a choice is added elsewhere.
    custom_settings: dict[str, Any] = {
        "POSTPROCESSING_HOOKS": [],
        "COMPONENT_SPLIT_PATCH": False,
        "DESCRIPTION": description.WHOLE,
        "TAGS": [{"name": name, "description": about} for name, about in description.SUBJECTS.items()],
        # Where the description was asked for.
        "SERVERS": [{"url": "/"}],
    }

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        """Return the one that speaks problem details, as every other address below /api/v1 does."""
        return problems.handle
