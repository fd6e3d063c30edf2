"""Coming in and going out: password, the way to the organization's identity provider, sign-out."""

from typing import Final
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from audit.events import Event
from audit.record import Actor, Subject, record
from console import passwords, single_sign_on
from console.answers import SeeOther
from console.forms import Form
from identity import sessions, tenancy
from identity.browser import awaiting_of, forget, remember, session_of
from saml import logout
from saml.build import Message
from saml.views import send

# The same for every reason: whether the person exists is nobody's business.
REFUSED: Final = (
    "That did not work. Check user name and password. If you belong to several organizations, name the one you mean."
    " If yours signs in by single sign-on alone, use that."
)
LOCKED: Final = "Too many tries. Wait 15 minutes, then try again."
NOT_FOUND: Final = (
    "No single sign-on is set up under that name. Check it, or ask your administrator for the right one."
)
DOOR_COOKIE: Final = "rollcall_door"
_REMEMBERED_SECONDS: Final = 365 * 24 * 3600
_WHERE_LENGTH_MAX: Final = 320


class PasswordForm(Form):
    """User name, password, and the organization where the user name alone is not enough."""

    user_name = forms.CharField(
        label="User name",
        max_length=1024,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label="Password",
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    organization = forms.CharField(
        label="Organization",
        required=False,
        max_length=63,
        help_text="Only if you belong to several.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )


class SingleSignOnForm(Form):
    """Where to find the identity provider: an e-mail address, an SSO identifier, or the organization's short name."""

    where = forms.CharField(
        label="Work e-mail or SSO identifier",
        max_length=_WHERE_LENGTH_MAX,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "email",
                "autocapitalize": "none",
                "spellcheck": "false",
                "placeholder": "you@company.com",
            }
        ),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show both ways in; a POST is a try with a password."""
    if request.method != "POST":
        if session_of(request) is not None:
            return SeeOther(wanted_page(request))
        response = _page(
            request,
            PasswordForm(initial={"organization": _asked(request, "organization")}),
            SingleSignOnForm(initial={"where": _remembered(request)}),
        )
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            # Forgotten here and nowhere else: elsewhere a request that began under the former cookie would take a new one away.
            forget(response)
        return response
    form = PasswordForm(request.POST)
    if form.is_valid():
        values = form.cleaned_data
        try:
            session, value = passwords.enter(
                values["user_name"], values["password"], values["organization"].strip().lower()
            )
        except passwords.SignInRefused as refused:
            form.add_error(None, LOCKED if refused.locked else REFUSED)
        else:
            _leave_former(request)
            rotate_token(request)
            response = SeeOther(wanted_page(request))
            remember(response, value, session)
            return response
    return _page(request, form, SingleSignOnForm(), status=403 if form.non_field_errors() else 400)


@never_cache
@require_POST
def to_identity_provider(request: HttpRequest) -> HttpResponse:
    """Find the organization's identity provider and lead there.

    The way is a page that refreshes itself: browsers hold a form's `form-action` policy against redirects too, and
    the identity provider's address is not ours to list.
    """
    form = SingleSignOnForm(request.POST)
    if form.is_valid():
        found = single_sign_on.find(form.cleaned_data["where"])
        if found:
            query = urlencode({"next": wanted_page(request)})
            ways = [(way.name, f"{way.login_path}?{query}") for way in found]
            response = render(
                request, "console/to_identity_provider.html", {"ways": ways, "plain_title": "Sign in"}
            )
            _remember(response, form.cleaned_data["where"])
            return response
        form.add_error("where", NOT_FOUND)
    typed = form.data.get("where", "")
    known = {"user_name": typed} if "@" in typed else {}
    return _page(request, PasswordForm(initial=known), form, status=404)


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session of this browser, and ask the identity provider that opened it to end its own, if it takes that."""
    session = session_of(request)
    response: HttpResponse = SeeOther(reverse("sign_in"))
    if session is not None:
        actor = Actor("member", str(session.member_id), session.member.user_name)
        with tenancy.of(session.organization_id):
            record(
                Event.SIGN_OUT,
                organization_id=session.organization_id,
                actor=actor,
                subject=Subject("session", str(session.pk), session.member.user_name),
                data={"saml": session.connection_id is not None},
            )
            message = logout.begin(session, actor=actor)
        if message is not None:
            response = _on_to(request, message)
    forget(response)
    return response


def _leave_former(request: HttpRequest) -> None:
    """End the session that this browser had: a new sign-in leaves no other cookie of its behind that opens."""
    former = session_of(request) or awaiting_of(request)
    if former is not None:
        actor = Actor("member", str(former.member_id), former.member.user_name)
        sessions.end(former, actor=actor, reason="new_sign_in")


def _on_to(request: HttpRequest, message: Message) -> HttpResponse:
    """Carry a logout message on: by a form that sends itself, or by a page that refreshes itself, as on the way in."""
    if message.fields is not None:
        return send(request, message)
    return render(request, "console/signed_out.html", {"url": message.url, "plain_title": "Signed out"})


def _page(request: HttpRequest, password: Form, single: Form, *, status: int = 200) -> HttpResponse:
    values = {
        "password": password, "single": single, "next": wanted_page(request), "plain_title": "Sign in",
        "unsaved": request.method == "GET" and "unsaved" in request.GET,
    }  # fmt: skip
    return render(request, "console/sign_in.html", values, status=status)


def _asked(request: HttpRequest, name: str) -> str:
    """Return what a link brought to fill the form with."""
    return request.GET.get(name, "")[:_WHERE_LENGTH_MAX]


def _remembered(request: HttpRequest) -> str:
    """Return where somebody of this browser signs in: as the link says, or as they said the last time."""
    asked = _asked(request, "sso") or _asked(request, "organization")
    return asked or request.COOKIES.get(DOOR_COOKIE, "")[:_WHERE_LENGTH_MAX]


def _remember(response: HttpResponse, where: str) -> None:
    """Keep the way for the next time; of an e-mail address the domain alone, since others may use this browser."""
    response.set_cookie(
        DOOR_COOKIE,
        where.strip().rpartition("@")[2],
        max_age=_REMEMBERED_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
        path="/sign-in",
    )


def wanted_page(request: HttpRequest) -> str:
    """Return where to go after signing in: a path of ours, never another site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return reverse("home")
