"""The second step of signing in: the code of an app or a recovery code; whoever has none yet and must, sets one up here."""

from typing import Final
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from audit.events import Event
from audit.record import Actor, record
from console import lock_out, second_factor
from console.answers import SeeOther
from console.forms import Form
from console.sign_in import LOCKED, wanted_page
from identity import second_factors, sessions, tenancy
from identity.browser import awaiting_of, remember
from identity.errors import Refusal
from identity.member_row import subject_of
from identity.models import Session

# A session that is open from now on, and its cookie.
_Opened = tuple[Session, str]
WRONG: Final = (
    "This code is not right, or it was used already. Wait for the next one, or take a recovery code."
)


class CodeForm(Form):
    """What the app shows, or one of the recovery codes."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of the sign-in that has begun in this browser."""
    session = awaiting_of(request)
    if session is None:
        query = urlencode({"next": wanted_page(request)})
        return HttpResponseRedirect(f"{reverse('sign_in')}?{query}")
    if second_factors.of(session.member) is None:
        return _set_up(request, session)
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        opened = _enter(session, form.cleaned_data["code"])
        if not isinstance(opened, str):
            return _opened(request, opened, SeeOther(wanted_page(request)))
        form.add_error("code", opened)
    return _page(request, "second_step.html", session, {"form": form}, 403 if form.is_bound else 200)


def _set_up(request: HttpRequest, session: Session) -> HttpResponse:
    """Have the member enrol: the organization asks for a second factor, and the password or identity provider has spoken."""
    form = second_factor.EnrolForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        sent = form.cleaned_data
        try:
            with tenancy.of(session.organization_id):
                codes = second_factors.enrol(
                    session.member, sent["offer"], sent["code"], actor=_actor(session)
                )
                opened = _complete(session, second_factors.APP)
        except Refusal as refusal:
            form.add_error("code", refusal.message)
        else:
            shown = _page(request, "recovery_codes_plain.html", session, {"codes": codes}, 200)
            return _opened(request, opened, shown)
    values = second_factor.offered(session.member, form)
    return _page(request, "second_step_set_up.html", session, values, 400 if form.is_bound else 200)


def _enter(session: Session, code: str) -> _Opened | str:
    """Take the code and open the session; or return the sentence of the refusal, whose entry has to commit."""
    attempt = lock_out.at_member(session.member)
    with tenancy.of(session.organization_id):
        locked = lock_out.is_locked(attempt)
        factor = "" if locked else second_factors.spend(session.member, code, actor=_actor(session))
        if factor:
            return _complete(session, factor)
        lock_out.refuse(attempt, lock_out.LOCKED if locked else lock_out.WRONG_CODE, {"by": "second_factor"})
    return LOCKED if locked else WRONG


def _complete(session: Session, factor: str) -> _Opened:
    opened = sessions.complete(session, actor=_actor(session))
    record(
        Event.SIGN_IN_SUCCEED,
        organization_id=session.organization_id,
        actor=_actor(session),
        subject=subject_of(session.member),
        data={"by": "saml" if session.connection_id else "password", "second_factor": factor},
    )
    return opened


def _opened(request: HttpRequest, opened: _Opened, response: HttpResponse) -> HttpResponse:
    rotate_token(request)
    remember(response, opened[1], opened[0])
    return response


def _actor(session: Session) -> Actor:
    return Actor("member", str(session.member_id), session.member.user_name)


def _page(
    request: HttpRequest, template: str, session: Session, values: dict[str, object], status: int
) -> HttpResponse:
    shared = {"member": session.member, "next": wanted_page(request), "plain_title": "Second factor"}
    return render(request, f"console/{template}", {**shared, **values}, status=status)
