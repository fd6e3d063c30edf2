"""The addresses of the API, below /api/v1/."""

from django.urls import URLPattern, path, re_path
from rest_framework.views import APIView

from identity.api import (
    access,
    catalogue,
    directories,
    domains,
    entries,
    erasure,
    exits,
    imports,
    invitations,
    jobs,
    leaving,
    mappings,
    me,
    members,
    my_sessions,
    organizations,
    questions,
    resources,
    reviews,
    roles,
    schema,
    second_factor,
    sessions,
    tokens,
    unknown,
)


def _to(route: str, view: type[APIView], name: str) -> URLPattern:
    return path(route, view.as_view(), name=f"api-{name}")


_ORGANIZATION = "organizations/<org:org>"
_DIRECTORY = f"{_ORGANIZATION}/directories/<uuid:directory>"
_REVIEW = f"{_ORGANIZATION}/reviews/<uuid:review>"
_MEMBER = f"{_ORGANIZATION}/members/<uuid:member>"

urlpatterns = [
    _to("me", me.MeView, "me"),
    _to("me/session", my_sessions.ThisSession, "my-session"),
    _to("me/sessions", my_sessions.MySessions, "my-sessions"),
    _to("me/sessions/<uuid:session>", my_sessions.MyOneSession, "my-one-session"),
    _to("organizations", organizations.Organizations, "organizations"),
    _to("jobs", jobs.Jobs, "jobs"),
    _to(_ORGANIZATION, organizations.OneOrganization, "organization"),
    _to(f"{_ORGANIZATION}/directories", directories.Directories, "directories"),
    _to(_DIRECTORY, directories.OneDirectory, "directory"),
    _to(f"{_DIRECTORY}/tokens", tokens.DirectoryTokens, "directory-tokens"),
    _to(f"{_DIRECTORY}/tokens/<uuid:token>", tokens.DirectoryToken, "directory-token"),
    _to(f"{_DIRECTORY}/tokens/<uuid:token>/rotate", tokens.Rotation, "directory-token-rotate"),
    _to(f"{_ORGANIZATION}/resources", resources.Resources, "resources"),
    _to(
        f"{_ORGANIZATION}/resources/<str:kind>/<path:key>/access", questions.ResourceAccess, "resource-access"
    ),
    _to(f"{_ORGANIZATION}/invitations", invitations.Invitations, "invitations"),
    _to(f"{_ORGANIZATION}/invitations/<uuid:invitation>", invitations.OneInvitation, "invitation"),
    _to(f"{_ORGANIZATION}/invitations/<uuid:invitation>/resend", invitations.Resending, "invitation-resend"),
    _to(f"{_ORGANIZATION}/mails", invitations.Mails, "mails"),
    _to(f"{_ORGANIZATION}/groups", mappings.Groups, "groups"),
    _to(f"{_ORGANIZATION}/groups/<uuid:group>/access", mappings.GroupAccess, "group-access"),
    _to(
        f"{_ORGANIZATION}/groups/<uuid:group>/access/preview",
        mappings.GroupAccessPreview,
        "group-access-preview",
    ),
    _to(f"{_ORGANIZATION}/access/check", questions.Check, "access-check"),
    _to(f"{_ORGANIZATION}/kinds", resources.Kinds, "kinds"),
    _to(f"{_ORGANIZATION}/reviews", reviews.Reviews, "reviews"),
    _to(_REVIEW, reviews.OneReview, "review"),
    _to(f"{_REVIEW}/items", reviews.ReviewItems, "review-items"),
    _to(f"{_REVIEW}/decisions", reviews.ReviewDecisions, "review-decisions"),
    _to(f"{_REVIEW}/close", reviews.ReviewClosing, "review-close"),
    _to(f"{_REVIEW}/evidence.json", reviews.ReviewEvidence, "review-evidence"),
    _to(f"{_REVIEW}/evidence.csv", reviews.ReviewEvidenceCsv, "review-evidence-csv"),
    _to(f"{_ORGANIZATION}/roles", roles.Roles, "roles"),
    _to(f"{_ORGANIZATION}/roles.csv", catalogue.RolesCsv, "roles-csv"),
    _to(f"{_ORGANIZATION}/access.csv", catalogue.AccessCsv, "access-csv"),
    _to(f"{_ORGANIZATION}/imports", imports.Imports, "imports"),
    _to(f"{_ORGANIZATION}/imports/preview", imports.ImportPreview, "import-preview"),
    _to(f"{_ORGANIZATION}/members", members.Members, "members"),
    _to(f"{_ORGANIZATION}/members/bulk", imports.MembersInBulk, "members-bulk"),
    _to(_MEMBER, members.OneMember, "member"),
    _to(f"{_MEMBER}/access", access.Access, "access"),
    _to(f"{_MEMBER}/grants", access.Grants, "grants"),
    _to(f"{_MEMBER}/roles", access.MemberRoles, "member-roles"),
    _to(f"{_MEMBER}/second-factor", second_factor.MemberSecondFactor, "second-factor"),
    _to(f"{_MEMBER}/suspend", exits.Suspension, "suspend"),
    _to(f"{_MEMBER}/reactivate", exits.Reactivation, "reactivate"),
    _to(f"{_MEMBER}/offboard", exits.Offboarding, "offboard"),
    _to(f"{_MEMBER}/erase", erasure.Erasure, "erase"),
    _to(f"{_MEMBER}/receipts", leaving.Receipts, "receipts"),
    _to(f"{_ORGANIZATION}/offboardings", leaving.Offboardings, "offboardings"),
    _to(f"{_ORGANIZATION}/offboardings/preview", leaving.OffboardingPreview, "offboardings-preview"),
    _to(f"{_ORGANIZATION}/offboardings/times", leaving.OffboardingTimes, "offboarding-times"),
    _to(f"{_MEMBER}/reinstate", exits.Reinstatement, "reinstate"),
    _to(f"{_MEMBER}/end", exits.Ending, "end"),
    _to(f"{_MEMBER}/sessions", sessions.Sessions, "sessions"),
    _to(f"{_MEMBER}/sessions/<uuid:session>", sessions.OneSession, "session"),
    _to(f"{_MEMBER}/tokens", tokens.MemberTokens, "member-tokens"),
    _to(f"{_MEMBER}/tokens/<uuid:token>", tokens.MemberToken, "member-token"),
    _to(f"{_ORGANIZATION}/domains", domains.Domains, "domains"),
    _to(f"{_ORGANIZATION}/domains/<uuid:domain>", domains.OneDomain, "domain"),
    _to(f"{_ORGANIZATION}/domains/<uuid:domain>/confirm", domains.ConfirmedDomain, "domain-confirm"),
    _to(f"{_ORGANIZATION}/domains/<uuid:domain>/check", domains.CheckedDomain, "domain-check"),
    _to(f"{_ORGANIZATION}/entries", entries.Entries, "entries"),
    _to(f"{_ORGANIZATION}/entries.csv", entries.EntriesCsv, "entries-csv"),
    _to(f"{_ORGANIZATION}/entries.jsonl", entries.EntriesJsonl, "entries-jsonl"),
    path("schema", schema.Schema.as_view(), name="api-schema"),
    path("problems/<slug:code>", unknown.explained, name="api-problem"),
    re_path(r"^(?P<rest>.*)$", unknown.unknown, name="api-unknown"),
]
