"""A list of people as it is pasted, or as a file: what invitations and offboardings begin with."""

from typing import Any

from django import forms

from console.forms.shape import Form
from identity import csv_import
from identity.errors import Refusal


class ListForm(Form):
    """Addresses or user names: lines, commas, a column of a spreadsheet; pasted, or as a file, or both."""

    text = forms.CharField(
        label="People", required=False, max_length=csv_import.TEXT_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "font-monospace"}),
    )  # fmt: skip
    file = forms.FileField(
        label="Or a file",
        required=False,
        max_length=200,
        allow_empty_file=True,
        help_text="A list, or CSV with a column user_name or email.",
    )
    most = csv_import.ROWS_MAX
    # How whom a list names is found in it; another list may want another column.
    read = staticmethod(csv_import.names)

    def clean(self) -> dict[str, Any]:
        """Read the names into `names`, each once; refuse none at all, and more than `most`."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        found = self._read("text", values.get("text") or "")
        upload = values.get("file")
        if upload is not None and upload.size > csv_import.TEXT_LENGTH_MAX:
            self.add_error("file", "The file is too large.")
        elif upload is not None:
            try:
                found += self._read("file", upload.read().decode("utf-8-sig"))
            except UnicodeDecodeError:
                self.add_error("file", "The file is not UTF-8. In a spreadsheet, save it as “CSV UTF-8”.")
        if self.errors:
            return values
        values["names"] = list(dict.fromkeys(found))
        if not values["names"]:
            self.add_error("text", "Name at least one person.")
        elif len(values["names"]) > self.most:
            self.add_error("text", f"At most {self.most} in one list; send several.")
        return values

    def _read(self, field: str, text: str) -> list[str]:
        try:
            return self.read(text)
        except Refusal as refusal:
            self.add_error(field, refusal.message)
            return []
