"""What every form of the console shares: Tabler's classes on its widgets."""

from collections.abc import Mapping
from typing import Any

from django import forms


class Form(forms.Form):
    """A form whose widgets carry the classes of the style sheet, and whose invalid fields say so."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dress(self.fields)

    def dress(self, fields: Mapping[str, forms.Field]) -> None:
        """Give the fields' widgets their classes."""
        for field in fields.values():
            field.widget.attrs["class"] = (
                f"{_class_of(field.widget)} {field.widget.attrs.get('class', '')}".strip()
            )

    def add_error(self, field: str | None, error: Any) -> None:
        """Mark the field as invalid beside noting the error."""
        super().add_error(field, error)
        for name in self.errors:
            if name in self.fields:
                attributes = self.fields[name].widget.attrs
                if "is-invalid" not in attributes.get("class", ""):
                    attributes["class"] = f"{attributes.get('class', '')} is-invalid".strip()


def _class_of(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput | forms.RadioSelect | forms.CheckboxSelectMultiple):
        return "form-check-input"
    if isinstance(widget, forms.Select):
        return "form-select"
    return "form-control"
