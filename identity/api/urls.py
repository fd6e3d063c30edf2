"""The addresses of the API, below /api/v1/."""

from django.urls import path, re_path

from identity.api import entries, me, unknown

urlpatterns = [
    path("me", me.MeView.as_view(), name="api-me"),
    path("organizations/<org:org>/entries", entries.Entries.as_view(), name="api-entries"),
    path("organizations/<org:org>/entries.csv", entries.EntriesCsv.as_view(), name="api-entries-csv"),
    path("organizations/<org:org>/entries.jsonl", entries.EntriesJsonl.as_view(), name="api-entries-jsonl"),
    path("problems/<slug:code>", unknown.explained, name="api-problem"),
    re_path(r"^(?P<rest>.*)$", unknown.unknown, name="api-unknown"),
]
