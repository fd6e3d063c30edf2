"""Every address of the console, with what it takes to open it."""

from django.urls import URLPattern, reverse

from console.access import ANY_CAPABILITY, NEEDS
from console.urls import urlpatterns

# Pages before anybody is signed in, or for whoever holds a session.
OPEN = {"sign_in", "second_step", "password_link", "to_identity_provider", "sign_out"}
# Pages that are only posted to.
POSTED = {
    "my_session_end",
    "my_recovery_codes",
    "my_second_factor_remove",
    "second_factor_reset",
    "password_link_make",
    "member_unlink",
    "my_link_begin",
    "my_unlink",
    "session_end",
    "member_token_revoke",
    "token_issue",
    "token_rotate",
    "token_revoke",
    "request_apply",
    "burst_decide",
    "pull_test",
    "pull_run",
    "pull_pause",
    "pull_file",
    "run_approve",
    "run_cancel",
    "connection_switch",
    "connection_key",
    "invitation_resend",
    "mail_send_again",
    "invitation_withdraw",
    "review_close",
    "connection_sessions_end",
    "domain_check",
    "domain_confirm",
    "bundle_ask",
    "organization_cancel_deletion",
    "organization_suspend",
    "organization_resume",
    "bundle_discard",
}
DOWNLOADS = {"record_csv", "record_jsonl", "receipt_json", "sign_ins_csv", "sign_ins_jsonl", "bundle_file"}
# What the page does, or shows, is done or shown by these calls of the API.
DOORS = {
    "organizations": "GET api-jobs",
    "organization_create": "POST api-organizations",
    "jobs": "GET api-jobs",
    "deletions": "GET api-deletions",
    "deletion": "GET api-deletion",
    "organization_deletion": "POST api-organization-deletion",
    "organization_cancel_deletion": "DELETE api-organization-deletion",
    "organization_suspend": "POST api-organization-suspend",
    "organization_resume": "POST api-organization-resume",
    "settings": "PATCH api-organization",
    "members": "GET api-members",
    "member": "GET api-member",
    "member_receipt": "GET api-receipts",
    "member_timeline": "GET api-member",
    "member_then": "GET api-member, GET api-access",
    "invitations": "GET api-invitations",
    "invitation_create": "POST api-invitations",
    "invitation_resend": "POST api-invitation-resend",
    "invitation_withdraw": "DELETE api-invitation",
    "mails": "GET api-mails",
    "mail": "GET api-mails",
    "mail_send_again": "POST api-mail-send-again",
    "mail_queue": "GET api-jobs",
    "receipts": "GET api-offboarding-times",
    "receipt": "GET api-receipts",
    "receipt_json": "GET api-receipts",
    "leavers": "POST api-offboardings",
    "member_create": "POST api-members",
    "import": "POST api-imports",
    "member_profile": "PATCH api-member",
    "member_suspend": "POST api-suspend",
    "member_reactivate": "POST api-reactivate",
    "member_offboard": "POST api-offboard",
    "member_reinstate": "POST api-reinstate",
    "member_erase": "POST api-erase",
    "member_end": "PUT api-end",
    "session_end": "DELETE api-session",
    "member_token_revoke": "DELETE api-member-token",
    "second_factor_reset": "DELETE api-second-factor",
    "password_link_make": "POST api-password-link",
    "member_unlink": "DELETE api-connection-member",
    "member_access": "PUT api-grants",
    "member_roles": "PUT api-member-roles",
    "groups": "GET api-groups",
    "group": "GET api-groups",
    "group_access": "PUT api-group-access",
    "resources": "GET api-resources",
    "resource": "GET api-resources, GET api-resource-access",
    "reviews": "GET api-reviews",
    "review_open": "POST api-reviews",
    "review_close": "POST api-review-close",
    "roles": "GET api-roles",
    "role_define": "POST api-roles",
    "directories": "GET api-directories",
    "directory": "GET api-directory",
    "directory_create": "POST api-directories",
    "directory_change": "PATCH api-directory",
    "directory_heard": "GET api-directory",
    "directory_move": "POST api-directory-moves, GET api-members",
    "directory_drift": "GET api-directory-drift",
    "pull_choose": "POST api-directories",
    "pull_create": "POST api-directories",
    "pull_test": "POST api-directory-test",
    "pull_run": "POST api-runs",
    "pull_pause": "POST api-directory-pause",
    "pull_file": "PUT api-directory-file",
    "run": "GET api-run-plan",
    "run_progress": "GET api-run-plan",
    "run_approve": "POST api-run-approve",
    "run_cancel": "POST api-run-cancel",
    "token_issue": "POST api-directory-tokens",
    "token_rotate": "POST api-directory-token-rotate",
    "token_revoke": "DELETE api-directory-token",
    "requests": "GET api-scim-requests",
    "request": "GET api-scim-request",
    "request_replay": "POST api-scim-rehearse",
    "request_apply": "POST api-scim-apply",
    "doctor": "GET api-doctor",
    "bursts": "GET api-bursts",
    "burst": "GET api-burst",
    "burst_decide": "POST api-burst-confirm, POST api-burst-roll-back",
    "connections": "GET api-connections",
    "connection": "GET api-connection",
    "connection_create": "POST api-connections",
    "connection_change": "PATCH api-connection",
    "connection_mapping": "PATCH api-connection",
    "connection_switch": "PATCH api-connection",
    "connection_keys": "GET api-connection",
    "connection_key": "POST api-connection-key",
    "connection_renewal": "PUT api-connection-renewal",
    "connection_sessions_end": "DELETE api-connection-sessions",
    "sign_on": "PATCH api-sign-on",
    "sign_ins": "GET api-sign-ins",
    "sign_ins_csv": "GET api-sign-ins-csv",
    "sign_ins_jsonl": "GET api-sign-ins-jsonl",
    "sign_in_attempt": "GET api-sign-in",
    "domains": "POST api-domains",
    "domain_check": "POST api-domain-check",
    "domain_confirm": "POST api-domain-confirm",
    "bundles": "GET api-bundles",
    "bundle_ask": "POST api-bundles",
    "bundle_progress": "GET api-bundle",
    "bundle_file": "GET api-bundle-file",
    "bundle_discard": "DELETE api-bundle",
    "record": "GET api-entries",
    "entry": "GET api-entries",
    "record_csv": "GET api-entries-csv",
    "record_jsonl": "GET api-entries-jsonl",
}
# A part of a page, which a script asks for.
FRAGMENTS = {"directory_heard", "run_progress", "bundle_progress"}


def patterns() -> dict[str, URLPattern]:
    """Give the URL patterns by name."""
    return {str(pattern.name): pattern for pattern in urlpatterns}


def own() -> list[str]:
    """Name the pages of one organization, those below /o/<slug>/."""
    return sorted(name for name, pattern in patterns().items() if "slug" in pattern.pattern.converters)


def address(name: str, things) -> str:
    """Give the path of the page with the ids of the things."""
    wanted = patterns()[name].pattern.converters
    ids = dict(things.ids) | {"slug": things.organization.slug}
    if name in {"token_revoke", "token_rotate"}:
        ids["token"] = ids["directory_token"]
    if name.startswith(("pull_", "run")):
        ids["directory"] = ids["pulled"]
    return reverse(name, kwargs={key: ids[key] for key in wanted})


def shown() -> list[str]:
    """Name the pages that are looked at."""
    return sorted(set(NEEDS) - POSTED - DOWNLOADS - FRAGMENTS - {"home"})


def opens(name: str, capabilities: set[str]) -> bool:
    """Tell whether somebody with these capabilities may open the page of one organization."""
    need = NEEDS[name]
    if isinstance(need, tuple):
        return set(need) <= capabilities
    return need in capabilities or (need == ANY_CAPABILITY and bool(capabilities))
