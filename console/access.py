"""Who may open which page: the one place that decides, for every page of the console.

A page of another organization is a page that does not exist (404). In one's own organization, a page that one's
roles don't reach says so (403): that the organization is there is no news to its members.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
)
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from audit.record import Actor
from identity import bundles, conflicts, operators, organizations, roles, tenancy
from identity.browser import awaiting_of, session_of
from identity.handing_out import OPERATOR
from identity.models import Member, Organization, Session
from identity.outside import Outside
from identity.sessions import EXTENSION_OFFERED

SIGNED_IN: Final = "signed in"
ANY_CAPABILITY: Final = "any capability"

# Page (the name of its URL) → capability of identity.roles, several of which all are needed, or one of the three words above.
NEEDS: Final[dict[str, str | tuple[str, ...]]] = {
    "home": SIGNED_IN,
    "me": SIGNED_IN,
    "my_session_end": SIGNED_IN,
    "my_password": SIGNED_IN,
    "my_second_factor": SIGNED_IN,
    "my_recovery_codes": SIGNED_IN,
    "my_second_factor_remove": SIGNED_IN,
    "session_extend": SIGNED_IN,
    "my_link": SIGNED_IN,
    "my_link_begin": SIGNED_IN,
    "my_unlink": SIGNED_IN,
    "organizations": OPERATOR,
    "organization_create": OPERATOR,
    "jobs": OPERATOR,
    "deletions": OPERATOR,
    "deletion": OPERATOR,
    "organization_deletion": OPERATOR,
    "organization_cancel_deletion": OPERATOR,
    "organization_suspend": OPERATOR,
    "organization_resume": OPERATOR,
    "overview": ANY_CAPABILITY,
    "settings": "organization.write",
    "members": "members.read",
    "member": "members.read",
    "member_receipt": "members.read",
    "member_timeline": "members.read",
    "member_then": ("members.read", "access.read"),
    "invitations": "members.read",
    "invitation_create": "members.write",
    "invitation_resend": "members.write",
    "invitation_withdraw": "members.write",
    "mails": "members.write",
    "mail": "members.write",
    "mail_send_again": "members.write",
    "mail_queue": OPERATOR,
    "receipts": "members.read",
    "receipt": "members.read",
    "receipt_json": "members.read",
    "leavers": "members.write",
    "member_create": "members.write",
    "import": "members.write",
    "member_profile": "members.write",
    "member_suspend": "members.write",
    "member_reactivate": "members.write",
    "member_offboard": "members.write",
    "member_reinstate": "members.write",
    "member_erase": ("members.write", "organization.write"),
    "member_end": "members.write",
    "session_end": "members.write",
    "member_token_revoke": "members.write",
    "second_factor_reset": "members.write",
    "password_link_make": "members.write",
    "member_unlink": ("members.write", "connections.write"),
    "member_access": "access.write",
    "member_roles": "access.write",
    "groups": "members.read",
    "group": "members.read",
    "group_access": "access.write",
    "resources": "resources.read",
    "resource": ("resources.read", "access.read"),
    "reviews": "access.read",
    "review_open": "access.write",
    # A reviewer needs no role: the page shows whose items they are.
    "review": SIGNED_IN,
    "review_close": "access.write",
    "roles": "access.read",
    "role_define": "access.write",
    "directories": "directories.read",
    "directory": "directories.read",
    "directory_create": "directories.write",
    "directory_change": "directories.write",
    "directory_heard": "directories.read",
    "directory_move": ("directories.write", "members.write", "members.read"),
    "directory_drift": ("directories.read", "members.read"),
    "pull_choose": "directories.write",
    "pull_create": "directories.write",
    "pull_test": "directories.write",
    "pull_run": "directories.write",
    "pull_pause": "directories.write",
    "pull_file": "directories.write",
    "run": ("directories.read", "members.read"),
    "run_progress": ("directories.read", "members.read"),
    "run_approve": ("directories.write", "members.write"),
    "run_cancel": "directories.write",
    "token_issue": "directories.write",
    "token_rotate": "directories.write",
    "token_revoke": "directories.write",
    "requests": "directories.read",
    "request": "directories.read",
    "request_replay": "directories.write",
    "request_apply": ("directories.write", "members.write", "access.write"),
    "doctor": ("directories.read", "members.read"),
    "bursts": "directories.read",
    "burst": ("directories.read", "members.read"),
    "burst_decide": ("directories.write", "members.write"),
    "connections": "connections.read",
    "connection": "connections.read",
    "connection_create": "connections.write",
    "connection_change": "connections.write",
    "connection_mapping": "connections.write",
    "connection_switch": "connections.write",
    "connection_keys": "connections.read",
    "connection_key": "connections.write",
    "connection_renewal": ("connections.write", "members.write"),
    "connection_sessions_end": ("connections.write", "members.write"),
    "sign_on": "organization.write",
    "sign_ins": "connections.read",
    "sign_ins_csv": "connections.read",
    "sign_ins_jsonl": "connections.read",
    "sign_in_attempt": "connections.read",
    "domains": "organization.write",
    "domain_check": "organization.write",
    "domain_confirm": OPERATOR,
    "bundles": bundles.NEEDS,
    "bundle_ask": bundles.NEEDS,
    "bundle_progress": bundles.NEEDS,
    "bundle_file": bundles.NEEDS,
    "bundle_discard": bundles.NEEDS,
    "record": "record.read",
    "entry": "record.read",
    "record_csv": "record.read",
    "record_jsonl": "record.read",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody signed in, to one organization: their own, or for operators any."""

    request: HttpRequest
    session: Session
    organization: Organization
    operator: bool
    capabilities: frozenset[str]

    @property
    def member(self) -> Member:
        """Who is signed in."""
        return self.session.member

    @property
    def actor(self) -> Actor:
        """The same for the record: in a customer's organization an operator acts as operator."""
        at_home = self.organization.pk == self.member.organization_id
        return Actor("member" if at_home else "operator", str(self.member.pk), self.member.user_name)

    @property
    def ends_soon(self) -> bool:
        """Whether the session ends within the quarter of an hour in which extending it is offered."""
        return self.session.expires_at - timezone.now() <= EXTENSION_OFFERED

    @property
    def posted(self) -> QueryDict | None:
        """What was posted, None for a page that is only looked at: the `data` of a form."""
        return self.request.POST if self.request.method == "POST" else None

    def may(self, page: str) -> bool:
        """Tell whether the page of that name opens for this visit."""
        need = NEEDS[page]
        if isinstance(need, tuple):
            return self.capabilities.issuperset(need)
        return (
            need == SIGNED_IN
            or (need == ANY_CAPABILITY and bool(self.capabilities))
            or need in self.capabilities
        )


View = Callable[..., HttpResponseBase | Outside[Any]]
Answering = Callable[..., HttpResponseBase]


def guarded(page: str, view: View, methods: tuple[str, ...] = ("GET", "HEAD")) -> Answering:
    """Return the view as Django calls it: it runs for those whom NEEDS names, in the tenancy of the organization in the URL.

    Where it must ask somebody else's server, that is done between two transactions (identity.outside).
    """
    need = NEEDS[page]

    @never_cache
    @wraps(view)
    def answer(request: HttpRequest, slug: str = "", **ids: Any) -> HttpResponseBase:
        session = session_of(request)
        if session is None:
            return _to_sign_in(request, methods)
        visit = _visit(request, session, slug)
        if not visit.may(page):
            if need == OPERATOR:
                raise Http404
            raise PermissionDenied(_whom_to_ask(need))
        if request.method not in methods:
            return HttpResponseNotAllowed(methods)
        answered = _whole(visit, lambda: view(visit, **ids))
        if not isinstance(answered, Outside):
            return answered
        outcome = answered.outcome()
        return _whole(visit, lambda: answered.then(outcome))

    return answer


def _whole(visit: Visit, work: Callable[[], Any]) -> Any:
    """Return what the work of a visit comes to: one transaction, begun again where PostgreSQL ended it for another one's sake."""

    def once() -> Any:
        for _, files in visit.request.FILES.lists():
            for file in files:
                # It may have been read by a try that was ended.
                file.seek(0)
        with tenancy.of(visit.organization):
            return work()

    return conflicts.outlived(once)


def _visit(request: HttpRequest, session: Session, slug: str) -> Visit:
    member = session.member
    # `session.organization` came with the session, in the same query.
    member.organization = session.organization
    operator = operators.is_operator(member)
    if not slug or slug == session.organization.slug:
        organization = session.organization
    elif operator:
        organization = _organization(slug)
    else:
        raise Http404
    everything = frozenset({*roles.CAPABILITIES, OPERATOR})
    capabilities = everything if operator else roles.capabilities_of(member)
    return Visit(request, session, organization, operator, capabilities)


def _organization(slug: str) -> Organization:
    found = organizations.by_slug(slug)
    if found is None:
        raise Http404
    return found


def _to_sign_in(request: HttpRequest, methods: tuple[str, ...]) -> HttpResponse:
    """Send whoever is not signed in to where they can; a form that came too late is told of there, and is where they arrive then."""
    target = reverse("sign_in" if awaiting_of(request) is None else "second_step")
    query = {}
    if request.path != "/" and (request.method == "GET" or "GET" in methods):
        query["next"] = request.get_full_path()
    if request.method == "POST":
        query["unsaved"] = "1"
    return HttpResponseRedirect(f"{target}?{urlencode(query)}" if query else target)


def _whom_to_ask(need: str | tuple[str, ...]) -> str:
    if need == ANY_CAPABILITY:
        return "None of your roles opens this page. Ask an administrator of your organization."
    if isinstance(need, tuple):
        return f"This page needs the capabilities {', '.join(need)}. Ask an administrator of your organization for them."
    return f"None of your roles has the capability {need}. Ask an administrator of your organization for it."
