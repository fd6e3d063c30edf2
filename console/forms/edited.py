"""A form that changes what is there already: it carries what it showed, so that nobody undoes unseen what somebody else has saved since."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from django import forms
from django.http import QueryDict
from django.utils import timezone

from console.forms.shape import Form

Sent = bool | list[str] | str
_SHOWN: Final = "shown"
# So many hexadecimal digits of the digest of what a field showed: no secret is kept by them, two values are told apart.
_DIGITS: Final = 12
_TOLD_LENGTH_MAX: Final = 80


class EditForm(Form):
    """A form whose initial values are those of a row. While it is looked at, the view holds the row's lock (console.edits.current).

    Where the row holds something else by now than the form showed, and something else than was sent, the form is invalid once: what was
    typed stays, and what was not touched takes the value that stands. `overtaken` holds the labels of both. Sent again, it is valid.
    A form without a word of what it showed is not asked.
    """

    overtaken: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Return when the form was shown and what, as `@seconds field:digest …`: the page carries it in a hidden field."""
        told = [f"{name}:{_digest(self._now(name))}" for name in self.fields]
        return " ".join([f"@{timezone.now().timestamp()}", *told])

    @property
    def shown_at(self) -> float:
        """Return when the form that was sent had been shown, in seconds since 1970; 0 where it does not say."""
        carried = re.match(r"@(\d{1,12}(\.\d{1,6})?) ", str(self.data.get(_SHOWN, "")))
        return float(carried[1]) if carried else 0

    def full_clean(self) -> None:
        """Check the fields, and then whether what they showed still stands."""
        super().full_clean()
        if self.is_bound and not self.overtaken:
            carried = str(self.data.get(_SHOWN, ""))
            self._compare(dict(part.partition(":")[::2] for part in carried.split()))

    def _compare(self, seen: Mapping[str, str]) -> None:
        changed = [name for name in self.fields if seen.get(name) not in {None, _digest(self._now(name))}]
        others = [name for name in changed if self._typed(name) != self._now(name)]
        if not others:
            return
        self.overtaken = tuple(str(self.fields[name].label) for name in others)
        self.data = cast("QueryDict", self.data).copy()
        for name in others:
            now = self._now(name)
            if _digest(self._typed(name)) == seen[name]:
                self._put(name, now)
                self.errors.pop(name, None)
            else:
                self.add_error(
                    name,
                    f"Saved meanwhile: {_told(self.fields[name], now)}. Save again to put yours in its place.",
                )
        names = ", ".join(self.overtaken)
        message = (
            f"This was changed while you had it before you: {names}. Nothing is saved yet. What you typed is kept,"
            " and what you did not touch stands here as it is by now. Look at it, and save again."
        )
        self.add_error(None, message)

    def _now(self, name: str) -> Sent:
        """Return what the row holds, as a browser would send it back."""
        bound = self[name]
        return _sent(bound.field, bound.field.prepare_value(bound.initial))

    def _typed(self, name: str) -> Sent:
        return _sent(self.fields[name], self[name].data)

    def _put(self, name: str, value: Sent) -> None:
        """Set what the form shows, as if it had been sent."""
        data = cast("QueryDict", self.data)
        if isinstance(value, bool):
            data.setlist(name, ["on"] if value else [])
        elif isinstance(value, list):
            data.setlist(name, value)
        else:
            data[name] = value


def _sent(field: forms.Field, value: Any) -> Sent:
    """Write a field's value in one way, whether it comes from the row or from a browser."""
    if isinstance(field, forms.BooleanField):
        return bool(value)
    if isinstance(field, forms.MultipleChoiceField):
        return sorted(map(str, value or ()))
    return "" if value is None else str(value).replace("\r\n", "\n").strip()


def _digest(value: Sent) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:_DIGITS]


def _told(field: forms.Field, value: Sent) -> str:
    """Say a value in the words of the form."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    labels = {str(key): str(label) for key, label in getattr(field, "choices", ())}
    parts = [labels.get(each, each) for each in (value if isinstance(value, list) else value.split("\n"))]
    text = ", ".join(filter(None, parts)) or "nothing"
    return text if len(text) <= _TOLD_LENGTH_MAX else text[: _TOLD_LENGTH_MAX - 1] + "…"
