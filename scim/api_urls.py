"""What SCIM adds to the REST API, below /api/v1/."""

from django.urls import path

from scim import api, api_bursts, api_doctor, api_schemas

_DIRECTORY = "organizations/<org:org>/directories/<uuid:directory>"
_REQUEST = f"{_DIRECTORY}/requests/<uuid:logged>"
_BURST = f"{_DIRECTORY}/bursts/<uuid:burst>"

_SCHEMAS = "organizations/<org:org>/schemas"

urlpatterns = [
    path(_SCHEMAS, api_schemas.Schemas.as_view(), name="api-schemas"),
    path(f"{_SCHEMAS}/<uuid:schema_id>", api_schemas.OneSchema.as_view(), name="api-own-schema"),
    path(f"{_DIRECTORY}/requests", api.Requests.as_view(), name="api-scim-requests"),
    path(_REQUEST, api.OneRequest.as_view(), name="api-scim-request"),
    path(f"{_REQUEST}/rehearse", api.Rehearsal.as_view(), name="api-scim-rehearse"),
    path(f"{_REQUEST}/apply", api.Application.as_view(), name="api-scim-apply"),
    path(f"{_DIRECTORY}/bursts", api_bursts.Bursts.as_view(), name="api-bursts"),
    path(_BURST, api_bursts.OneBurst.as_view(), name="api-burst"),
    path(f"{_BURST}/confirm", api_bursts.Confirmation.as_view(), name="api-burst-confirm"),
    path(f"{_BURST}/roll-back", api_bursts.RollBack.as_view(), name="api-burst-roll-back"),
    path(f"{_DIRECTORY}/doctor", api_doctor.Doctor.as_view(), name="api-doctor"),
]
