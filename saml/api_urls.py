"""What this floor adds to the REST API, below /api/v1/."""

from django.urls import path

from saml.api import Connections, OneConnection
from saml.api_acts import ConnectionKeys, ConnectionRefresh, ConnectionSessions, ConnectionTest
from saml.api_sign_ins import SignInDetail, SignIns, SignInsCsv, SignInsJsonl
from saml.api_sign_on import SignOn
from saml.api_subjects import ConnectionRenewal, LinkedMembers, MemberSubject, Subjects
from saml.api_verify import Verification

_ORGANIZATION = "organizations/<org:org>"
_CONNECTION = f"{_ORGANIZATION}/connections/<uuid:connection>"

urlpatterns = [
    path(f"{_ORGANIZATION}/connections", Connections.as_view(), name="api-connections"),
    path(f"{_ORGANIZATION}/connections/verify", Verification.as_view(), name="api-connection-verify"),
    path(_CONNECTION, OneConnection.as_view(), name="api-connection"),
    path(f"{_CONNECTION}/subjects", Subjects.as_view(), name="api-connection-subjects"),
    path(f"{_CONNECTION}/members", LinkedMembers.as_view(), name="api-connection-members"),
    path(f"{_CONNECTION}/members/<uuid:member>", MemberSubject.as_view(), name="api-connection-member"),
    path(f"{_CONNECTION}/test", ConnectionTest.as_view(), name="api-connection-test"),
    path(f"{_CONNECTION}/refresh", ConnectionRefresh.as_view(), name="api-connection-refresh"),
    path(f"{_CONNECTION}/renewal", ConnectionRenewal.as_view(), name="api-connection-renewal"),
    path(f"{_CONNECTION}/sessions", ConnectionSessions.as_view(), name="api-connection-sessions"),
    path(f"{_CONNECTION}/keys/<slug:step>", ConnectionKeys.as_view(), name="api-connection-key"),
    path(f"{_ORGANIZATION}/sign-on", SignOn.as_view(), name="api-sign-on"),
    path(f"{_ORGANIZATION}/sign-ins", SignIns.as_view(), name="api-sign-ins"),
    path(f"{_ORGANIZATION}/sign-ins.csv", SignInsCsv.as_view(), name="api-sign-ins-csv"),
    path(f"{_ORGANIZATION}/sign-ins.jsonl", SignInsJsonl.as_view(), name="api-sign-ins-jsonl"),
    path(f"{_ORGANIZATION}/sign-ins/<uuid:sign_in>", SignInDetail.as_view(), name="api-sign-in"),
]
