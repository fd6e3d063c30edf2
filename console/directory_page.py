"""One directory's first page: how to connect it, its tokens, what it last said, and whether anything is held."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.db.models import F
from django.http import HttpResponse
from django.utils import timezone

from console import bursts, directories, heard, pulls, reading
from console.access import Visit
from console.answers import page
from console.forms import Form
from console.paging import shorten
from identity import directories as verbs
from identity.directory_settings import effective
from identity.models import Directory, Token
from scim.address import base_url
from scim.doctor import EXPIRES_SOON

# For so many days both tokens work while somebody pastes the new one.
OVERLAP_DAYS: Final = 7
_LIFETIMES: Final = {90: "90 days", 180: "180 days", 365: "1 year", 730: "2 years"}
_TOKENS_SHOWN_MAX: Final = 50


class TokenForm(Form):
    """A token's name and how long it lives; the directory's own setting stands among the choices."""

    name = forms.CharField(
        label="Name", max_length=200, required=False, help_text="To tell several tokens apart."
    )
    days = forms.TypedChoiceField(label="Lives for", coerce=int)

    def __init__(self, *args: Any, directory: Directory, **kwargs: Any) -> None:
        chosen = effective(directory.settings)["token_days"]
        super().__init__(*args, initial={"days": str(chosen)}, **kwargs)
        choices = _LIFETIMES | ({} if chosen in _LIFETIMES else {chosen: f"{chosen} days"})
        self.fields["days"].choices = [(str(days), choices[days]) for days in sorted(choices)]  # type: ignore[attr-defined]


def one(visit: Visit, directory: UUID) -> HttpResponse:
    """Show one directory with its base URL and tokens."""
    found = directories.find(visit, directory)
    if found.kind not in verbs.KINDS:
        return pulls.show(visit, found)
    return show(visit, found, TokenForm(directory=found))


def show(visit: Visit, directory: Directory, form: TokenForm, *, status: int = 200) -> HttpResponse:
    """Show the directory, with this form for its next token."""
    now = timezone.now()
    issued = shorten(
        Token.objects.filter(organization=visit.organization, directory=directory).order_by(
            F("revoked_at").asc(nulls_first=True), "-created_at"
        ),
        _TOKENS_SHOWN_MAX,
    )
    ends = [row.expires_at for row in issued if row.revoked_at is None and row.expires_at is not None]
    values: dict[str, Any] = {
        "directory": directory,
        "form": form,
        "base_url": base_url(),
        "now": now,
        "soon": now + EXPIRES_SOON,
        "last_end": max(ends, default=None),
        "hints": directories.HINTS.get(directory.idp, directories.HINTS_OTHERS),
        "tokens": issued,
        "overlap_days": OVERLAP_DAYS,
        "held": bursts.held(visit.organization, directory.pk),
        "heard": heard.last(directory),
        "history": reading.of_subject(visit.organization.pk, str(directory.pk), 5)
        if visit.may("record")
        else [],
        "here": "directory",
    }
    return page(visit, "directory.html", values, status=status)
