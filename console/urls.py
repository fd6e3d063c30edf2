"""Every address of the console. Who may open a page stands in `access.py` under the page's name."""

from django.urls import URLPattern, path

from console import (
    attempts,
    bursts,
    connections,
    credentials,
    directories,
    directory_page,
    directory_settings,
    directory_tokens,
    doctor,
    domains,
    entries,
    exits,
    group_access,
    groups,
    heard,
    home,
    imports,
    invitations,
    jobs,
    key_rollover,
    leavers,
    links,
    mail,
    member_access,
    members,
    organizations,
    overview,
    receipts,
    replays,
    requests,
    resources,
    roles,
    second_factor,
    second_step,
    session_end,
    sign_in,
    sign_on,
)
from console.access import View, guarded

_READ = ("GET", "HEAD")
_FORM = ("GET", "HEAD", "POST")
_POST = ("POST",)


def _page(route: str, name: str, view: View, methods: tuple[str, ...] = _READ) -> URLPattern:
    return path(route, guarded(name, view, methods), name=name)


def _own(route: str, name: str, view: View, methods: tuple[str, ...] = _READ) -> URLPattern:
    """Return the address of a page of one organization, below /o/<slug>/."""
    return _page(f"o/<slug:slug>/{route}", name, view, methods)


_MEMBER = "members/<uuid:member>/"
_DIRECTORY = "directories/<uuid:directory>/"
_REQUEST = f"{_DIRECTORY}requests/<uuid:logged_request>/"
_BURST = f"{_DIRECTORY}held/<uuid:burst>/"
_CONNECTION = "connections/<uuid:connection>/"

urlpatterns = [
    path("sign-in", sign_in.sign_in, name="sign_in"),
    path("sign-in/single-sign-on", sign_in.to_identity_provider, name="to_identity_provider"),
    path("sign-in/second-step", second_step.ask, name="second_step"),
    path("sign-out", sign_in.sign_out, name="sign_out"),
    _page("", "home", home.home),
    _page("me", "me", home.me),
    _page("me/password", "my_password", home.password, _FORM),
    _page("me/second-factor", "my_second_factor", second_factor.show, _FORM),
    _page("me/second-factor/codes", "my_recovery_codes", second_factor.renew_codes, _POST),
    _page("me/second-factor/remove", "my_second_factor_remove", second_factor.remove, _POST),
    _page("me/session", "session_extend", session_end.extend, _FORM),
    _page("me/sessions/<uuid:session>/end", "my_session_end", home.end_session, _POST),
    _page("me/link", "my_link", links.confirm, _FORM),
    _page("me/link/<uuid:connection>", "my_link_begin", links.begin, _POST),
    _page("me/link/<uuid:connection>/end", "my_unlink", links.unlink, _POST),
    _page("organizations/", "organizations", organizations.index),
    _page("organizations/new", "organization_create", organizations.create, _FORM),
    _page("jobs/", "jobs", jobs.index),
    _page("mail/", "mail_queue", mail.queue),
    _own("", "overview", overview.show),
    _own("settings", "settings", organizations.settings, _FORM),
    _own("members/", "members", members.index),
    _own("members/import", "import", imports.edit, _FORM),
    _own("members/new", "member_create", members.create, _FORM),
    _own(_MEMBER, "member", members.one),
    _own(f"{_MEMBER}profile", "member_profile", members.change_profile, _FORM),
    _own(f"{_MEMBER}access", "member_access", member_access.edit_grants, _FORM),
    _own(f"{_MEMBER}roles", "member_roles", member_access.edit_roles, _FORM),
    _own(f"{_MEMBER}suspend", "member_suspend", exits.suspend, _FORM),
    _own(f"{_MEMBER}reactivate", "member_reactivate", exits.reactivate, _FORM),
    _own(f"{_MEMBER}offboard", "member_offboard", exits.offboard, _FORM),
    _own(f"{_MEMBER}receipt", "member_receipt", receipts.latest),
    _own(f"{_MEMBER}reinstate", "member_reinstate", exits.reinstate, _FORM),
    _own(f"{_MEMBER}end", "member_end", exits.schedule_end, _FORM),
    _own(f"{_MEMBER}sessions/<uuid:session>/end", "session_end", credentials.end_session, _POST),
    _own(f"{_MEMBER}tokens/<uuid:token>/revoke", "member_token_revoke", credentials.revoke_token, _POST),
    _own(f"{_MEMBER}second-factor/reset", "second_factor_reset", credentials.reset_second_factor, _POST),
    _own("invitations/", "invitations", invitations.index),
    _own("invitations/new", "invitation_create", invitations.create, _FORM),
    _own("invitations/<uuid:invitation>/resend", "invitation_resend", invitations.resend, _POST),
    _own("invitations/<uuid:invitation>/withdraw", "invitation_withdraw", invitations.withdraw, _POST),
    _own("mail/", "mails", mail.index),
    _own("mail/<uuid:mail>/", "mail", mail.one),
    _own("leavers/", "receipts", receipts.index),
    _own("leavers/new", "leavers", leavers.choose, _FORM),
    _own("leavers/<uuid:receipt>/", "receipt", receipts.one),
    _own("leavers/<uuid:receipt>.json", "receipt_json", receipts.download),
    _own("groups/", "groups", groups.index),
    _own("groups/<uuid:group>/", "group", groups.one),
    _own("groups/<uuid:group>/access", "group_access", group_access.edit, _FORM),
    _own("resources/", "resources", resources.index),
    _own("roles/", "roles", roles.index),
    _own("roles/new", "role_define", roles.define, _FORM),
    _own("directories/", "directories", directories.index),
    _own("directories/new", "directory_create", directories.create, _FORM),
    _own(_DIRECTORY, "directory", directory_page.one),
    _own(f"{_DIRECTORY}heard", "directory_heard", heard.fragment),
    _own(f"{_DIRECTORY}settings", "directory_change", directory_settings.change, _FORM),
    _own(f"{_DIRECTORY}tokens", "token_issue", directory_tokens.issue, _POST),
    _own(f"{_DIRECTORY}tokens/<uuid:token>/rotate", "token_rotate", directory_tokens.rotate, _POST),
    _own(f"{_DIRECTORY}tokens/<uuid:token>/revoke", "token_revoke", directory_tokens.revoke, _POST),
    _own(f"{_DIRECTORY}requests/", "requests", requests.index),
    _own(_REQUEST, "request", requests.one),
    _own(f"{_REQUEST}replay", "request_replay", replays.rehearse),
    _own(f"{_REQUEST}apply", "request_apply", replays.apply, _POST),
    _own(f"{_DIRECTORY}doctor", "doctor", doctor.show),
    _own(f"{_DIRECTORY}held/", "bursts", bursts.index),
    _own(_BURST, "burst", bursts.one),
    _own(f"{_BURST}decide", "burst_decide", bursts.decide, _POST),
    _own("connections/", "connections", connections.index),
    _own("connections/new", "connection_create", connections.create, _FORM),
    _own(_CONNECTION, "connection", connections.one),
    _own(f"{_CONNECTION}settings", "connection_change", connections.change, _FORM),
    _own(f"{_CONNECTION}switch", "connection_switch", connections.switch, _POST),
    _own(f"{_CONNECTION}keys/", "connection_keys", key_rollover.show),
    _own(f"{_CONNECTION}keys/<slug:step>", "connection_key", key_rollover.act, _POST),
    _own("sign-on", "sign_on", sign_on.show, _FORM),
    _own("sign-ins/", "sign_ins", attempts.index),
    _own("sign-ins/<uuid:attempt>/", "sign_in_attempt", attempts.one),
    _own("domains/", "domains", domains.index, _FORM),
    _own("domains/<uuid:domain>/check", "domain_check", domains.check, _POST),
    _own("domains/<uuid:domain>/confirm", "domain_confirm", domains.confirm, _POST),
    _own("record/", "record", entries.index),
    _own("record.csv", "record_csv", entries.download_csv),
    _own("record.jsonl", "record_jsonl", entries.download_jsonl),
    _own("record/<uuid:entry>/", "entry", entries.one),
]
