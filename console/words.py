"""The record's events, states and origins in words for people."""

from typing import Final

from audit.events import Event

_NOUNS: Final = {
    "sign_in": "Sign-in", "sign_out": "Sign-out", "scim": "SCIM request", "api": "API request", "sync": "Directory sync",
    "access": "First access", "mapping": "Group access", "record": "Record", "bundle": "Export", "kind": "Resource kind",
    "key": "Data key",
}  # fmt: skip
_VERBS: Final = {
    "create": "created", "change": "changed", "suspend": "suspended", "resume": "resumed", "claim": "claimed",
    "confirm": "confirmed", "define": "defined", "register": "registered", "retire": "retired",
    "link": "linked", "unlink": "unlinked", "reactivate": "reactivated", "offboard": "offboarded", "reinstate": "reinstated",
    "schedule_end": "end date set", "password": "password set", "password_link": "password link made",
    "erase": "erased", "forget": "forgotten further",
    "accept": "accepted",
    "withdraw": "withdrawn", "expire": "expired", "delete": "deleted", "member_add": "member added",
    "nest": "put into another", "unnest": "taken out of another",
    "member_remove": "member removed", "member_pending": "member awaited", "give": "given", "end": "ended", "refuse": "refused",
    "assign": "assigned", "revoke": "revoked", "first": "applied", "issue": "issued", "rotate": "rotated",
    "hand_over": "handed over", "rewrap": "wrapped anew", "expiring": "about to expire",
    "activate": "activated",
    "deactivate": "deactivated", "metadata": "metadata refreshed", "key": "key made", "start": "started",
    "succeed": "succeeded", "incomplete": "left incomplete", "test": "tested", "extend": "extended", "replay": "replayed",
    "roll_back": "rolled back",
    "schedule_deletion": "deletion scheduled", "cancel_deletion": "deletion cancelled", "lapse_deletion": "deletion lapsed",
    "begin_deletion": "deletion begun", "delete_rows": "rows deleted",
    "download": "downloaded", "download_finish": "download finished",
    "ask": "asked for", "finish": "ready", "fail": "failed", "write": "written to a disk",
    "discard": "discarded", "run": "run", "hold": "held back", "approve": "approved",
    "sign_on": "ways in changed", "key_used": "key used for the first time",
    "break_glass": "by the break-glass password", "without_break_glass": "without break-glass administrator",
    "proof_missing": "proof missing", "proof_back": "proof found again", "unprove": "proved no longer",
    "enrol": "set up", "codes": "recovery codes renewed", "recovery": "recovery code used", "remove": "removed",
    "renew": "lets people come under other names", "renew_end": "keeps people’s names again",
    "certificate_expiring": "certificate about to expire",
}  # fmt: skip
ORIGINS: Final = {
    "admin": "Administrator",
    "asserted": "Identity provider",
    "connection_default": "Connection default",
    "directory_default": "Directory default",
    "organization_default": "Organization default",
    "invitation": "Invitation",
}
SECOND_FACTORS: Final = {
    "optional": "Asked of people with a password who have set one up",
    "passwords": "Asked of everybody who comes with a password",
    "everybody": "Asked of everybody, also after single sign-on",
}
IDPS: Final = {
    "okta": "Okta",
    "okta_wizard": "Okta (app wizard)",
    "entra": "Microsoft Entra ID",
    "entra_scim2": "Microsoft Entra ID (RFC-conform PATCH)",
    "onelogin": "OneLogin",
    "onelogin_old": "OneLogin (SCIM 1.1 URNs)",
    "ping": "Ping Identity",
    "jumpcloud": "JumpCloud",
    "google": "Google Workspace",
    "authentik": "authentik",
    "keycloak": "Keycloak",
    "rippling": "Rippling",
    "adfs": "AD FS",
    "shibboleth": "Shibboleth",
    "generic": "Another identity provider",
}
# What each step of a directory's plan does, and why it is what it is.
RUN_ACTIONS: Final = {
    "create": "Create", "link": "Link", "update": "Change", "rename": "Rename", "suspend": "Suspend", "reactivate": "Reactivate",
    "skip": "Leave alone", "group_create": "Create group", "group_link": "Link group", "group_rename": "Rename group",
    "group_end": "End group", "members": "Change members",
}  # fmt: skip
RUN_REASONS: Final = {
    "absent": "no longer listed", "signal": "the directory says so", "newer_news": "changed here by newer news",
    "changed_since": "changed since the plan was made", "moved_away": "moved to another directory",
}  # fmt: skip
DIFFERENCES: Final = {
    "missing": "no longer listed there", "suspended_here": "suspended here", "offboarded_here": "offboarded here",
    "active_here": "let in here again", "changed_here": "changed here since", "held": "waits in a plan that is held",
    "user_name_taken": "somebody here has this user name", "email_taken": "several here have this address",
    "user_name_twice": "two there have this user name", "status_unknown": "it does not say whether they are active",
    "tombstoned": "deleted, here or by a push", "older_news": "older than what is known",
}  # fmt: skip
ACCESS_MODELS: Final = {
    "portfolio_asset": "Portfolios › assets",
    "company_shop": "Companies › shops › shop countries",
}


EFFECTS: Final = {
    "offboarded": "are offboarded for good",
    "stay_out": "stay as they are",
    "come_back": "come back with all that they had",
    "back_in_group": "return to their groups",
    "changed_since": "are left alone: somebody changed them since",
}
DEPARTURES: Final = {
    "suspend": "deactivated",
    "delete": "deleted",
    "delete_held": "deletion held, suspended meanwhile",
    "leave_group": "taken out of",
    "leave_nested_group": "whose group was taken out of",
}


def of_event(event: str) -> str:
    """Say what an event is: "member.offboard" → "Member offboarded"."""
    noun, _, verb = event.partition(".")
    subject = _NOUNS.get(noun, noun.replace("_", " ").capitalize())
    return f"{subject} {_VERBS.get(verb, verb.replace('_', ' '))}".strip()


def of_idp(name: str) -> str:
    """Name an identity provider as its vendor does."""
    return IDPS.get(name, name.replace("_", " ").title())


EVENT_CHOICES: Final = [(event.value, of_event(event.value)) for event in Event]
