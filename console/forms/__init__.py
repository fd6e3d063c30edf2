"""Forms: they check shapes; the verbs check rules."""

from console.forms.edited import EditForm
from console.forms.shape import Form

__all__ = ["EditForm", "Form"]
