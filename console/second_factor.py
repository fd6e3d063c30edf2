"""One's own second factor, on a page of one's own: set it up, take new recovery codes, remove it."""

from typing import Any

import segno
from django import forms
from django.contrib.auth.hashers import is_password_usable
from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import mark_safe

from console import lock_out, passwords
from console.access import Visit
from console.answers import SeeOther, page, tell
from console.forms import Form
from console.sign_in import LOCKED
from identity import second_factors, tenancy
from identity.errors import Refusal
from identity.models import Member

ISSUER = "Rollcall"


class EnrolForm(Form):
    """The first code of an app that took the offer; where the member has a password, that too."""

    offer = forms.CharField(max_length=200, widget=forms.HiddenInput, required=False)
    code = forms.CharField(
        label="Code that the app shows",
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class ProofForm(Form):
    """That it is still the same person: their password, or a code for those who have none."""

    proof = forms.CharField(label="Your password", strip=False, max_length=1024, widget=forms.PasswordInput)

    def __init__(self, *args: Any, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.member = member
        self.by_password = is_password_usable(member.password)
        if not self.by_password:
            self.fields["proof"].label = "A code from your app, or a recovery code"
        self.fields["proof"].widget.attrs["autocomplete"] = (
            "current-password" if self.by_password else "one-time-code"
        )

    def proved(self, visit: Visit) -> bool:
        """Check it, as a try at the door; a refusal stands beside the field then."""
        if not self.is_valid():
            return False
        try:
            good = _proved(visit, self.cleaned_data["proof"], by_password=self.by_password)
        except passwords.SignInRefused:
            self.add_error("proof", LOCKED)
            return False
        if not good:
            self.add_error(
                "proof", "This is not your password." if self.by_password else "This code is not right."
            )
        return good


def show(visit: Visit) -> HttpResponse:
    """Show what there is, and enrol: a POST brings the first code."""
    factor = second_factors.of(visit.member)
    if factor is not None:
        left = second_factors.codes_left(visit.member)
        values = {"factor": factor, "codes_left": left, "form": ProofForm(member=visit.member)}
        return page(visit, "second_factor.html", values)
    form = EnrolForm(visit.posted)
    proof = _proof_for_enrolment(visit)
    # The code first: a typing error in it must not cost a try at the password.
    if form.is_valid() and (proof is None or proof.proved(visit)):
        try:
            codes = second_factors.enrol(
                visit.member, form.cleaned_data["offer"], form.cleaned_data["code"], actor=visit.actor
            )
        except Refusal as refusal:
            form.add_error("code", refusal.message)
        else:
            return page(visit, "recovery_codes.html", {"codes": codes})
    values = {**offered(visit.member, form), "proof": proof}
    return page(visit, "second_factor_enrol.html", values, status=400 if form.is_bound else 200)


def renew_codes(visit: Visit) -> HttpResponse:
    """Make new recovery codes, shown this once."""
    form = ProofForm(visit.posted, member=visit.member)
    if second_factors.of(visit.member) is None:
        return SeeOther(reverse("my_second_factor"))
    if form.proved(visit):
        return page(
            visit,
            "recovery_codes.html",
            {"codes": second_factors.renew_codes(visit.member, actor=visit.actor)},
        )
    return _again(visit, form)


def remove(visit: Visit) -> HttpResponse:
    """Forget one's app and recovery codes."""
    form = ProofForm(visit.posted, member=visit.member)
    if second_factors.of(visit.member) is None:
        return SeeOther(reverse("my_second_factor"))
    if form.proved(visit):
        second_factors.remove(visit.member, actor=visit.actor, reason="removed_by_member")
        tell(visit, "Your authenticator app and its recovery codes are removed.")
        return SeeOther(reverse("me"))
    return _again(visit, form)


def offered(member: Member, form: EnrolForm) -> dict[str, Any]:
    """Return what the page of an enrolment shows: the offer that was photographed already, or a new one, drawn."""
    sent = form.data.get("offer", "") if form.is_bound else ""
    offer = second_factors.same_offer(member, ISSUER, sent) or second_factors.offer(member, ISSUER)
    drawn = segno.make(offer.uri, error="m").svg_inline(svgclass="rc-qr", lineclass=None, omitsize=True)
    secret = " ".join(offer.secret[at : at + 4] for at in range(0, len(offer.secret), 4))
    return {"form": form, "offer": offer, "drawn": mark_safe(drawn), "secret": secret}  # noqa: S308 - drawn here


def _proof_for_enrolment(visit: Visit) -> ProofForm | None:
    """Return the form that asks for the password; somebody without one has nothing else to show yet."""
    form = ProofForm(visit.posted, member=visit.member)
    return form if form.by_password else None


def _again(visit: Visit, form: ProofForm) -> HttpResponse:
    factor = second_factors.of(visit.member)
    values = {"factor": factor, "codes_left": second_factors.codes_left(visit.member), "form": form}
    return page(visit, "second_factor.html", values, status=400)


def _proved(visit: Visit, proof: str, *, by_password: bool) -> bool:
    if by_password:
        return passwords.confirm(visit.member, proof)
    attempt = lock_out.at_member(visit.member)
    with tenancy.of(visit.member.organization_id):
        locked = lock_out.is_locked(attempt)
        if not locked and second_factors.spend(visit.member, proof, actor=visit.actor):
            return True
        reason = lock_out.LOCKED if locked else lock_out.WRONG_CODE
        lock_out.refuse(attempt, reason, {"by": "second_factor", "at": "settings"})
    if locked:
        raise passwords.SignInRefused(reason)
    return False
