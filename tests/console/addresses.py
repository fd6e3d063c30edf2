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
