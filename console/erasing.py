"""Erasing a person who has left: what is forgotten, what stays, and the word that it cannot be undone."""

from uuid import UUID

from django import forms
from django.http import HttpResponse

from console.access import Visit
from console.answers import done, page, refusals_in
from console.forms import Form
from console.members import find
from identity import erasure


class EraseForm(Form):
    """The word, and why."""

    understood = forms.BooleanField(label="I know that nobody can bring this back")
    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=500,
        help_text="Kept in the record for good: name nobody in it.",
        widget=forms.TextInput(attrs={"placeholder": "Asked to be forgotten"}),
    )


def erase(visit: Visit, member: UUID) -> HttpResponse:
    """Forget who an offboarded member was."""
    found = find(visit, member)
    form = EraseForm(visit.posted)
    if form.is_valid():
        with refusals_in(form):
            erased = erasure.erase(found, actor=visit.actor, reason=form.cleaned_data["reason"])
            return done(visit, _said(erased), "member", member=member)
    return page(
        visit, "member_erase.html", {"member": found, "form": form}, status=400 if form.errors else 200
    )


def _said(erased: erasure.Erased) -> str:
    if erased.already:
        return "This person was erased before; nothing changed."
    said = f"This person is erased. Entries of the record that lost their detail: {erased.details}"
    if erased.finished:
        return f"{said}."
    return f"{said} so far; so much is kept of them that the rest is forgotten within the next minutes."
